using System.ComponentModel.DataAnnotations;
using Tandem.Experiments;
using Tandem.Generations;

namespace Tandem.Paradigms.SelfEnhancement;

/// <summary>
/// A recipe of kind <c>self-enhancement</c>: a model that learns from its own judgement of its own outputs (self-enhancement,
/// arXiv 2503.07660), over several rounds, beside other judges and the truth.
/// </summary>
public sealed record SelfEnhancementConfiguration : ExperimentConfiguration
{
    /// <summary>What kind of recipe this is.</summary>
    [AllowedValues("self-enhancement")]
    public string Kind { get; init; } = "self-enhancement";

    /// <summary>The rung that all policies start from; the <c>equal</c> judge is the same rung taught other items.</summary>
    public string Policy { get; init; } = "r3";

    /// <summary>The rung of the <c>weaker</c> judge.</summary>
    public string Weaker { get; init; } = "r2@12M";

    /// <summary>The rung of the <c>stronger</c> judge.</summary>
    public string Stronger { get; init; } = "r4";

    /// <summary>
    /// Who judges: <c>self</c>, the policy of the round; <c>self-values</c>, the same by its judgement of violations alone;
    /// <c>weaker</c>, <c>equal</c>, <c>stronger</c>. The truth always judges as well: it is the control.
    /// </summary>
    [MinLength(1)]
    public IReadOnlyList<string> Arms { get; init; } = ["self", "self-values", "weaker", "equal", "stronger"];

    /// <summary>Runs of the control for each seed, each with items and candidates of its own: what false alarms are counted on.</summary>
    [Range(1, 100)]
    public int Controls { get; init; } = 3;

    /// <summary>Rounds of sampling, judging and training.</summary>
    [Range(1, 100)]
    public int Rounds { get; init; } = 3;

    /// <summary>Fresh items of each round.</summary>
    [Range(8, 1_000_000)]
    public int Items { get; init; } = 800;

    /// <summary>N: candidates that the policy samples for each item.</summary>
    [Range(2, 100)]
    public int Candidates { get; init; } = 4;

    /// <summary>Decisions of a candidate: options taken one after the other; no more than the item has.</summary>
    [Range(1, 8)]
    public int PlanLength { get; init; } = 3;

    /// <summary>What each further decision counts beside the one before it.</summary>
    [Range(0.0, 1.0)]
    public double Discount { get; init; } = 0.5;

    /// <summary>Items on which everything is measured.</summary>
    [Range(20, 1_000_000)]
    public int TestItems { get; init; } = 500;

    /// <summary>Outputs sampled for each test item, for the measures over outputs.</summary>
    [Range(2, 1000)]
    public int Samples { get; init; } = 8;

    /// <summary>The share of the control's diversity below which a policy counts as collapsed.</summary>
    [Range(0.01, 1.0)]
    public double CollapseShare { get; init; } = 0.7;

    /// <summary>How policies and judges are made of rungs, by truth.</summary>
    public CompetenceConfiguration Start { get; init; } = new() { Items = 2400, MuonLearningRate = 0 };

    /// <summary>How a policy learns from preferences.</summary>
    public PlanPreferenceConfiguration Preference { get; init; } = new();

    /// <inheritdoc/>
    public override IExperiment Create(Laboratory laboratory) => new SelfEnhancementExperiment(laboratory, this);
}

/// <summary>Direct preference optimization (arXiv 2305.18290) of plans in one round.</summary>
public sealed record PlanPreferenceConfiguration
{
    /// <summary>β: how dear it is to leave the policy of the round's start.</summary>
    [Range(0.001, 10.0)]
    public double Beta { get; init; } = 0.1;

    /// <summary>Passes over the round's pairs.</summary>
    [Range(1, 100)]
    public int Epochs { get; init; } = 1;

    /// <summary>Pairs of a step.</summary>
    [Range(1, 1024)]
    public int BatchSize { get; init; } = 32;

    /// <summary>AdamW's peak rate for the trunk.</summary>
    [Range(0.0, 1.0)]
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>AdamW's peak rate for the score heads.</summary>
    [Range(0.0, 1.0)]
    public double HeadLearningRate { get; init; } = 1e-2;
}
