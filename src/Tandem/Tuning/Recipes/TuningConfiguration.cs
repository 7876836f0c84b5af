using System.ComponentModel.DataAnnotations;
using Tandem.Runs;

namespace Tandem.Tuning;

/// <summary>What all recipes of <c>tandem train sft|dpo|reward|weak-to-strong</c> have: a model, data, how to train, what to keep.</summary>
public abstract record TuningConfiguration : ICheckedRecipe
{
    /// <summary>The recipe's name; it names the default run directory.</summary>
    public string Name { get; init; } = "tuning";

    /// <summary>The seed of all that is drawn: adapters, the order of examples, the order of options, samples of data.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The model that is trained: a directory in Hugging Face's layout, or the name of one in the hub's cache.</summary>
    public required string Model { get; init; }

    /// <summary>How conversations become tokens.</summary>
    public PromptStyle Format { get; init; } = PromptStyle.Auto;

    /// <summary>How the frozen weights under adapters are kept: <c>f32</c>, or <c>bf16</c> in half the memory.</summary>
    [AllowedValues("f32", "bf16")]
    public string Storage { get; init; } = "f32";

    /// <summary>The adapters; rank 0 trains all weights.</summary>
    public AdapterSettings Lora { get; init; } = new();

    /// <summary>Whether activations are computed twice rather than kept: the same bits in less memory.</summary>
    public bool RecomputeActivations { get; init; }

    /// <summary>What is learned from.</summary>
    public DataSettings Data { get; init; } = new();

    /// <summary>What is measured on.</summary>
    public HeldOutSettings Evaluation { get; init; } = new();

    /// <summary>How it is trained.</summary>
    public TrainingSettings Training { get; init; } = new();

    /// <summary>What is kept.</summary>
    public OutputSettings Output { get; init; } = new();

    /// <inheritdoc/>
    public virtual IEnumerable<RecipeProblem> Check()
    {
        if (!Evaluation.Trusted && (Training.Best || Training.Patience > 0))
        {
            yield return new RecipeProblem(
                nameof(Evaluation), "its labels are not trusted, and training.best or training.patience lets them choose the checkpoint, which selects the best imitator of their errors",
                "Evaluate on trusted labels, or set training.best to false and training.patience to 0.");
        }
    }
}

/// <summary>How conversations become tokens.</summary>
public enum PromptStyle
{
    /// <summary>The model's chat template if it has one, else plain text.</summary>
    Auto,

    /// <summary>The model's chat template.</summary>
    Chat,

    /// <summary>Plain text: <see cref="PlainFormat"/>.</summary>
    Plain,
}

/// <summary>Low-rank adapters (LoRA, arXiv 2106.09685).</summary>
public sealed record AdapterSettings
{
    /// <summary>r; 0 trains all weights and has no adapters.</summary>
    [Range(0, 1024)]
    public int Rank { get; init; } = 8;

    /// <summary>α.</summary>
    [Range(0.001, 100_000)]
    public double Alpha { get; init; } = 16;

    /// <summary>The probability with which an element of an adapter's input is dropped in training.</summary>
    [Range(0, 0.99)]
    public double Dropout { get; init; }

    /// <summary>The projections with adapters, by the names of PEFT.</summary>
    [MinLength(1)]
    [AllowedValues("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "all-linear")]
    public IReadOnlyList<string> Targets { get; init; } = ["all-linear"];

    /// <summary>Whether the scale is α/√r (rsLoRA, arXiv 2312.03732).</summary>
    public bool Rslora { get; init; }
}

/// <summary>Data to learn from.</summary>
public sealed record DataSettings
{
    /// <summary>The known data set that the files belong to; empty to recognize the layout by its rows.</summary>
    public string Set { get; init; } = "";

    /// <summary>A file, folder or pattern.</summary>
    public string Path { get; init; } = "";

    /// <summary>The split, by the names of files; empty for all files.</summary>
    public string Split { get; init; } = "";

    /// <summary>The most records, a uniform sample by the seed; 0 for all.</summary>
    [Range(0, int.MaxValue)]
    public int Limit { get; init; }
}

/// <summary>Data to measure on.</summary>
public sealed record HeldOutSettings
{
    /// <summary>The known data set that the files belong to; empty to recognize the layout by its rows.</summary>
    public string Set { get; init; } = "";

    /// <summary>A file, folder or pattern; empty to hold a share of the training data out.</summary>
    public string Path { get; init; } = "";

    /// <summary>The split, by the names of files; empty for all files.</summary>
    public string Split { get; init; } = "";

    /// <summary>The most records, a uniform sample by the seed; 0 for all.</summary>
    [Range(0, int.MaxValue)]
    public int Limit { get; init; }

    /// <summary>Whether its labels are known to be right; others never choose a checkpoint.</summary>
    public bool Trusted { get; init; } = true;

    /// <summary>Without a path: the share of the training file that is held out, by content, so that one passage is on one side only.</summary>
    [Range(0.01, 0.9)]
    public double Share { get; init; } = 0.2;
}

/// <summary>What of a training is kept.</summary>
public sealed record OutputSettings
{
    /// <summary>Whether adapters are also merged into a whole model, in <c>model/</c>.</summary>
    public bool Merged { get; init; }
}
