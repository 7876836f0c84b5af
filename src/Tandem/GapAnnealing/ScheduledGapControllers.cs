using System.Globalization;
using Tandem.Evaluation.Statistics;

namespace Tandem.GapAnnealing;

/// <summary>
/// A controller that follows a target gap and takes the rung nearest to it, whatever the pilots say. Rungs whose gap is
/// not above 0 offer no step. The schedules are ours; they are the comparison for <see cref="AdaptiveGapController"/>.
/// </summary>
public abstract class ScheduledGapController : IGapController
{
    private protected ScheduledGapController(string name) => Name = name;

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public bool UsesPilots => false;

    /// <inheritdoc/>
    public GapDecision Decide(GapContext context)
    {
        GapCandidate[] steps = [.. context.Candidates.Where(candidate => candidate.Gap.Value > 0)];
        if (steps.Length == 0)
            return LadderExhausted(Name, context);
        double target = Target(context, steps.Min(step => step.Gap.Value), steps.Max(step => step.Gap.Value));
        GapCandidate chosen = steps
            .OrderBy(step => Math.Abs(step.Gap.Value - target))
            .ThenBy(step => step.Gap.Value)
            .First();
        return new GapDecision
        {
            Controller = Name,
            Outcome = GapOutcome.Advance,
            Chosen = chosen,
            Reason = string.Create(
                CultureInfo.InvariantCulture,
                $"{chosen.Rung} has the gap (δ = {chosen.Gap.ToText()}) nearest to {Rule(target)}."),
            Assessments = [.. context.Candidates.Select(candidate => Assess(candidate, target))],
            Context = context,
        };
    }

    /// <summary>The wanted δ for the next step.</summary>
    private protected abstract double Target(GapContext context, double smallest, double largest);

    /// <summary>The rule and its target in words, for the reason.</summary>
    private protected virtual string Rule(double target) =>
        string.Create(CultureInfo.InvariantCulture, $"the {Name} schedule's {target:0.00}");

    internal static GapDecision LadderExhausted(string controller, GapContext context) => new()
    {
        Controller = controller,
        Outcome = GapOutcome.Stop,
        Reason = $"No rung on offer has a capacity above the present utility of {context.Utility.ToText()}: the ladder is exhausted.",
        Assessments = [.. context.Candidates.Select(NoStep)],
        Context = context,
    };

    internal static GapAssessment NoStep(GapCandidate candidate) =>
        new(candidate, null, null, 0, false, "its capacity is not above the present utility");

    private static GapAssessment Assess(GapCandidate candidate, double target) => candidate.Gap.Value > 0
        ? new GapAssessment(candidate, null, null, -Math.Abs(candidate.Gap.Value - target), true, "")
        : NoStep(candidate);
}

/// <summary>The same gap at every step: the smallest on offer, the largest, or a number.</summary>
public sealed class FixedGapController : ScheduledGapController
{
    private readonly Func<double, double, double> _target;
    private readonly string _rule;

    private FixedGapController(string name, string rule, Func<double, double, double> target)
        : base(name) => (_rule, _target) = (rule, target);

    /// <summary>Always the smallest gap on offer: <c>fixed-small</c>.</summary>
    public static FixedGapController Small { get; } = new("fixed-small", "the smallest on offer", (smallest, _) => smallest);

    /// <summary>Always the largest gap on offer: <c>fixed-large</c>.</summary>
    public static FixedGapController Large { get; } = new("fixed-large", "the largest on offer", (_, largest) => largest);

    /// <summary>Always the gap nearest to <paramref name="gap"/>, in utility units.</summary>
    public static FixedGapController At(double gap)
    {
        if (!(gap > 0 && gap <= 2))
            throw new ArgumentOutOfRangeException(nameof(gap), gap, "A fixed gap lies in (0, 2].");
        string text = gap.ToString("0.###", CultureInfo.InvariantCulture);
        return new FixedGapController($"fixed-{text}", $"the fixed {text}", (_, _) => gap);
    }

    private protected override double Target(GapContext context, double smallest, double largest) => _target(smallest, largest);

    private protected override string Rule(double target) => _rule;
}

/// <summary>A gap that runs from <paramref name="start"/> to <paramref name="end"/> in equal steps over the planned generations.</summary>
/// <param name="start">δ of the first step, in utility units.</param>
/// <param name="end">δ of the last step.</param>
public sealed class LinearGapController(double start, double end) : ScheduledGapController("linear")
{
    private protected override double Target(GapContext context, double smallest, double largest) =>
        start + ((end - start) * Progress(context));

    internal static double Progress(GapContext context) =>
        context.Generations < 2 ? 0 : Math.Clamp((context.Generation - 1.0) / (context.Generations - 1), 0, 1);
}

/// <summary>A gap that runs from <paramref name="start"/> to <paramref name="end"/> along half a cosine over the planned generations.</summary>
/// <param name="start">δ of the first step, in utility units.</param>
/// <param name="end">δ of the last step.</param>
public sealed class CosineGapController(double start, double end) : ScheduledGapController("cosine")
{
    private protected override double Target(GapContext context, double smallest, double largest) =>
        end + ((start - end) * 0.5 * (1 + Math.Cos(Math.PI * LinearGapController.Progress(context))));
}

/// <summary>A gap in proportion to the present utility: the better the supervisor, the further the step it may supervise.</summary>
/// <param name="factor">δ per unit of utility.</param>
/// <param name="smallestTarget">The least target, for a model whose utility is near 0.</param>
public sealed class UtilityProportionalGapController(double factor, double smallestTarget = 0.02)
    : ScheduledGapController("utility-proportional")
{
    private protected override double Target(GapContext context, double smallest, double largest) =>
        Math.Max(smallestTarget, factor * context.Utility.Value);
}
