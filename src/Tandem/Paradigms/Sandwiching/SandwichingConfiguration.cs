using System.ComponentModel.DataAnnotations;
using Tandem.Experiments;
using Tandem.Generations;

namespace Tandem.Paradigms.Sandwiching;

/// <summary>
/// A recipe of kind <c>sandwiching</c>: a judge who does not see the story decides by what stronger models quote of it, in
/// debate and in consultancy, with equal and unequal debaters (arXiv 1805.00899, 2311.08702, 2402.06782, 2407.04622).
/// </summary>
public sealed record SandwichingConfiguration : ExperimentConfiguration
{
    /// <summary>What kind of recipe this is.</summary>
    [AllowedValues("sandwiching")]
    public string Kind { get; init; } = "sandwiching";

    /// <summary>The rung that judges.</summary>
    public string Judge { get; init; } = "r1";

    /// <summary>The rungs that debate and consult; the judge should be weaker than all of them.</summary>
    [MinLength(1)]
    public IReadOnlyList<string> Debaters { get; init; } = ["r2@8M", "r3"];

    /// <summary>Items with truth on which the judge, and each debater's copy of itself, learns to read parts of stories.</summary>
    [Range(16, 1_000_000)]
    public int ReaderItems { get; init; } = 4800;

    /// <summary>Test items, the same for all protocols and seeds.</summary>
    [Range(8, 100_000)]
    public int TestItems { get; init; } = 120;

    /// <summary>The rounds of a debate. A consultancy has twice as many turns of one speaker, so that as much is quoted.</summary>
    [Range(1, 20)]
    public int Rounds { get; init; } = 2;

    /// <summary>The facts that are quoted in a turn.</summary>
    [Range(1, 20)]
    public int QuotesPerTurn { get; init; } = 2;

    /// <summary>
    /// The candidates for each quote of the best-of-N debaters. All other debaters choose among all facts.
    /// </summary>
    public IReadOnlyList<int> Candidates { get; init; } = [1, 4];

    /// <summary>How readers are fine-tuned.</summary>
    public CompetenceConfiguration Training { get; init; } = new();

    /// <inheritdoc/>
    public override IExperiment Create(Laboratory laboratory) => new SandwichingExperiment(laboratory, this);
}
