namespace Tandem.Language;

/// <summary>How a model directory is written.</summary>
public sealed record ModelSaveOptions
{
    /// <summary>The type that the weights are stored as.</summary>
    public StorageType Storage { get; init; }

    /// <summary>The most bytes of tensors in a file, unless one tensor has more; more files are written with an index.</summary>
    public long MaximumShardBytes { get; init; } = 5_000_000_000;

    /// <summary>The generation_config.json to write; null for greedy decoding with the model's special tokens.</summary>
    public GenerationConfiguration? Generation { get; init; }

    /// <summary>A model directory whose tokenizer files are copied; null for none.</summary>
    public string? TokenizerDirectory { get; init; }
}
