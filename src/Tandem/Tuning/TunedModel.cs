using Tandem.Datasets.Hub;
using Tandem.Language;
using Tandem.Runs;
using Tandem.Tensors;

namespace Tandem.Tuning;

/// <summary>The model that a recipe trains: as it is before, with what is to be trained, and as it was saved after.</summary>
internal sealed class TunedModel
{
    public const string AdapterFolder = "adapter";
    public const string ModelFolder = "model";

    private static readonly Dictionary<string, LowRankTargets> s_targets = new(StringComparer.Ordinal)
    {
        ["q_proj"] = LowRankTargets.Query,
        ["k_proj"] = LowRankTargets.Key,
        ["v_proj"] = LowRankTargets.Value,
        ["o_proj"] = LowRankTargets.Output,
        ["gate_proj"] = LowRankTargets.Gate,
        ["up_proj"] = LowRankTargets.Up,
        ["down_proj"] = LowRankTargets.Down,
        ["all-linear"] = LowRankTargets.All,
    };

    private readonly TuningConfiguration _recipe;
    private readonly string _name;
    private readonly WorkerPool? _pool;

    /// <param name="name">A directory, or a name in the hub's cache.</param>
    /// <param name="recipe">What is trained of it.</param>
    /// <param name="scores">Whether it gets one score head in place of its language head.</param>
    /// <param name="pool">The threads that load; null for as many as there are processors.</param>
    public TunedModel(string name, TuningConfiguration recipe, bool scores = false, WorkerPool? pool = null)
    {
        (_name, _recipe, _pool) = (name, recipe, pool);
        Directory = ModelLocation.Resolve(name);
        PretrainedModel found = PretrainedModel.Open(Directory);
        if (!scores && !found.Configuration.LanguageHead)
            throw new UserFaultException($"{name} scores sequences and predicts no tokens.", "Name a language model.", FaultKind.Usage);
        Pretrained = scores ? found with { Configuration = found.Configuration with { LanguageHead = false, ScoreHeads = 1 } } : found;
        Tokenizer = Tokenizers.Load(Directory);
        Format = LanguageModel.FormatOf(Directory, Tokenizer, recipe.Format);
        MaximumTokens = Math.Min(recipe.Training.MaximumTokens, Pretrained.Configuration.MaximumPositions);
    }

    public string Directory { get; }

    public PretrainedModel Pretrained { get; }

    public ITokenizer Tokenizer { get; }

    public IPromptFormat Format { get; }

    public int MaximumTokens { get; }

    /// <summary>The adapters; null where all weights are trained.</summary>
    public LowRankConfiguration? Adapters => _recipe.Lora.Rank == 0 ? null : new LowRankConfiguration
    {
        Rank = _recipe.Lora.Rank,
        Alpha = (float)_recipe.Lora.Alpha,
        Dropout = (float)_recipe.Lora.Dropout,
        RankStabilized = _recipe.Lora.Rslora,
        Targets = _recipe.Lora.Targets.Aggregate(LowRankTargets.None, (all, name) => all | s_targets[name]),
    };

    public ParameterStorage TrainedStorage => Adapters is null ? ParameterStorage.Trainable : FrozenStorage;

    public ParameterStorage FrozenStorage =>
        _recipe.Storage == "bf16" && Adapters is not null ? ParameterStorage.FrozenBFloat16 : ParameterStorage.FrozenSingle;

    /// <summary>The name of what a training saves.</summary>
    public string Artefact => Adapters is null ? ModelFolder : AdapterFolder;

    /// <summary>The model as it is before training.</summary>
    public LanguageModel Base() => Named(Pretrained.Load(FrozenStorage, null, _pool));

    /// <summary>The model with what is to be trained.</summary>
    public LanguageModel Trainable()
    {
        Transformer transformer = Pretrained.Load(TrainedStorage, Adapters, _pool);
        transformer.InitializeAdapters(new RandomStream(_recipe.Seed).Fork("adapters"));
        return Named(transformer);
    }

    /// <summary>The model as a training saved it.</summary>
    public LanguageModel Trained(string artefact) => Named(
        Adapters is null ? PretrainedModel.Open(artefact).Load(FrozenStorage, null, _pool) : Pretrained.LoadAdapted(artefact, FrozenStorage, _pool));

    /// <summary>Saves what was trained.</summary>
    public void Save(Transformer transformer, string artefact)
    {
        if (Adapters is null)
            Pretrained.Save(transformer, artefact);
        else
            transformer.SaveAdapters(artefact, _name);
    }

    /// <summary>Puts the result where users look for it: <c>adapter/</c> or <c>model/</c> in the run directory.</summary>
    public void Publish(RunDirectory run, string artefact)
    {
        foreach (string file in System.IO.Directory.EnumerateFiles(artefact))
        {
            string target = Path.Combine(run.Path, Artefact, Path.GetFileName(file));
            System.IO.Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            Runs.AtomicFile.Write(target, stream =>
            {
                using FileStream from = File.OpenRead(file);
                from.CopyTo(stream);
            });
        }

        if (Adapters is null || !_recipe.Output.Merged)
            return;
        using LanguageModel trained = Named(Pretrained.LoadAdapted(artefact, ParameterStorage.FrozenSingle, _pool));
        using Transformer merged = trained.Transformer.Merged(ParameterStorage.FrozenSingle);
        Pretrained.Save(merged, Path.Combine(run.Path, ModelFolder));
    }

    private LanguageModel Named(Transformer transformer)
    {
        try
        {
            return new LanguageModel(_name, transformer, Tokenizer, Format);
        }
        catch
        {
            transformer.Dispose();
            throw;
        }
    }
}
