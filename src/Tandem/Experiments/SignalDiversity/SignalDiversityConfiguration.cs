using System.ComponentModel.DataAnnotations;
using Tandem.Generations;

namespace Tandem.Experiments.SignalDiversity;

/// <summary>
/// A recipe of kind <c>signal-diversity</c>: reward models taught by one source against panels of several, at an equal number of labels.
/// </summary>
public sealed record SignalDiversityConfiguration : ExperimentConfiguration
{
    /// <summary>What kind of recipe this is.</summary>
    [AllowedValues("signal-diversity")]
    public string Kind { get; init; } = "signal-diversity";

    /// <summary>The arms; the first is what the others are compared with.</summary>
    [MinLength(2)]
    public IReadOnlyList<PanelConfiguration> Panels { get; init; } =
    [
        new() { Name = "one", Members = [new() { Rung = "r3@6M" }] },
        new() { Name = "three", Members = [new() { Rung = "r3@6M" }, new() { Rung = "r2@12M" }, new() { Rung = "r1" }] },
    ];

    /// <summary>Labels of the simulated human that each panel is taught with, shared out equally over its members.</summary>
    [Range(64, 1_000_000)]
    public int Labels { get; init; } = 1800;

    /// <summary>The simulated human's errors.</summary>
    public HumanErrors Human { get; init; } = new();

    /// <summary>The rung of the policies.</summary>
    public string Policy { get; init; } = "r3@14M";

    /// <summary>Fresh items that a panel rewards, from which its policy learns.</summary>
    [Range(64, 1_000_000)]
    public int PolicyItems { get; init; } = 1500;

    /// <summary>Fresh test items: of errors, diversity, preference pairs and policies.</summary>
    [Range(50, 1_000_000)]
    public int TestItems { get; init; } = 1000;

    /// <summary>How everything is fine-tuned.</summary>
    public CompetenceConfiguration Training { get; init; } = new();

    /// <inheritdoc/>
    public override IExperiment Create(Laboratory laboratory) => new SignalDiversityExperiment(laboratory, this);
}

/// <summary>A panel of reward models. Its reward of an option is the mean of its members' log-probabilities.</summary>
public sealed record PanelConfiguration
{
    /// <summary>The name in tables.</summary>
    public string Name { get; init; } = "";

    /// <summary>The members, each taught on items of its own.</summary>
    [MinLength(1)]
    public IReadOnlyList<TaughtModel> Members { get; init; } = [];

    /// <summary>Whether each member is taught with the recipe's number of labels; otherwise they share it.</summary>
    public bool LabelsEach { get; init; }
}
