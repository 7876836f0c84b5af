using System.ComponentModel.DataAnnotations;

namespace Tandem.Runs.Tests;

public enum GapController
{
    Adaptive,
    FixedSmall,
    FixedLarge,
}

/// <summary>A configuration with every kind of key that the binder knows.</summary>
public sealed record SampleRecipe : ICheckedRecipe
{
    public required string Name { get; init; }

    [OutsideIdentity]
    [MinLength(1)]
    public IReadOnlyList<ulong> Seeds { get; init; } = [1];

    [OutsideIdentity]
    [Range(1, 1024)]
    public int Threads { get; init; } = 2;

    public TrainingSettings Training { get; init; } = new() { Steps = 300 };

    public IReadOnlyList<ArmSettings> Arms { get; init; } = [new("adaptive")];

    public IReadOnlyDictionary<string, double> Weights { get; init; } = new Dictionary<string, double>();

    public OutputSettings? Output { get; init; }

    [AllowedValues("majority", "dawid-skene")]
    public string Combination { get; init; } = "dawid-skene";

    public bool Verbose { get; init; }

    public string? Comment { get; init; }

    public IEnumerable<RecipeProblem> Check()
    {
        if (Training.Warmup > Training.Steps)
            yield return new(nameof(Training), $"warmup {Training.Warmup} is more than steps {Training.Steps}", "Lower the warmup.");
    }
}

public sealed record TrainingSettings
{
    [Range(1, int.MaxValue)]
    public int Steps { get; init; } = 100;

    [Range(0, int.MaxValue)]
    public int Warmup { get; init; } = 10;

    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double LearningRate { get; init; } = 3e-4;

    public float Dropout { get; init; }

    public long Tokens { get; init; } = 20_000_000;

    public double? Clip { get; init; } = 1;
}

public sealed record ArmSettings(string Name, GapController Controller = GapController.Adaptive, [Range(1, 9)] int Generations = 3)
{
    public IReadOnlyList<string> Rungs { get; init; } = [];
}

public sealed record OutputSettings(string Folder)
{
    public bool Overwrite { get; init; }
}
