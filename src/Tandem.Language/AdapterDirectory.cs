using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Moves adapters between a <see cref="Transformer"/> and a directory in PEFT's layout.</summary>
internal static class AdapterDirectory
{
    public const string WeightsName = "adapter_model.safetensors";
    private const string Prefix = "base_model.model.";

    public static void Save(Transformer transformer, string directory, string? baseModel, StorageType storage)
    {
        LowRankConfiguration adapters = transformer.Adapters ?? throw new InvalidOperationException("This transformer has no adapters.");
        SafeTensors.Write(
            Path.Combine(directory, WeightsName),
            [.. Parameters(transformer).Select(p => SafeTensorData.FromParameter(p, storage, Prefix + p.Name))],
            ModelDirectory.Metadata);
        var configuration = new AdapterConfiguration
        {
            Adapters = adapters,
            BaseModel = baseModel,
            IsClassifier = !transformer.Configuration.LanguageHead,
            HasScoreHeads = transformer.Configuration.ScoreHeads > 0,
        };

        // Last, for a directory without it is not taken for an adapter.
        AtomicFile.WriteText(Path.Combine(directory, AdapterConfiguration.FileName), configuration.ToJson());
        GC.KeepAlive(transformer);
    }

    public static void Load(Transformer transformer, string directory)
    {
        LowRankConfiguration adapters = transformer.Adapters ?? throw new InvalidOperationException("This transformer has no adapters.");
        transformer.RequireUnmerged();
        string place = Path.Combine(directory, AdapterConfiguration.FileName);
        AdapterConfiguration saved = AdapterConfiguration.Load(directory);
        if (saved.Adapters with { Dropout = adapters.Dropout } != adapters)
            throw Fault(place, $"it describes {Shown(saved.Adapters)}, the model has {Shown(adapters)}");
        using var file = SafeTensorsFile.Open(Path.Combine(directory, WeightsName));
        var parameters = Parameters(transformer).ToDictionary(p => Prefix + p.Name, StringComparer.Ordinal);

        // A head of a classifier's own may be missing where it was never trained.
        if (parameters.Keys.FirstOrDefault(name => !file.Contains(name) && (saved.HasScoreHeads || name != Prefix + "score.weight")) is { } missing)
            throw Fault(file.Name, $"tensor '{missing}' is missing");
        if (file.Entries.Keys.FirstOrDefault(name => !parameters.ContainsKey(name)) is { } unexpected)
            throw Fault(file.Name, $"tensor '{unexpected}' has no place in this model");
        var found = parameters.Where(pair => file.Contains(pair.Key)).ToList();
        foreach (var (name, parameter) in found)
            ModelDirectory.Require(file, new ParameterShape(parameter.Name, parameter.Tensor.Rows, parameter.Tensor.Columns, parameter.IsVector), name);
        foreach (var (name, parameter) in found)
            file.CopyTo(name, parameter);
    }

    private static IEnumerable<Parameter> Parameters(Transformer transformer) => transformer.Parameters.All.Where(
        p => p.Name == "score.weight" || p.Name.EndsWith(".lora_A.weight", StringComparison.Ordinal) || p.Name.EndsWith(".lora_B.weight", StringComparison.Ordinal));

    private static string Shown(LowRankConfiguration adapters) =>
        $"rank {adapters.Rank}, alpha {adapters.Alpha}{(adapters.RankStabilized ? " (rsLoRA)" : "")} on {adapters.Targets}";

    private static UserFaultException Fault(string place, string what) =>
        new($"{place}: {what}.", "Choose the adapter of this model, or load the model with the adapter's configuration.");
}
