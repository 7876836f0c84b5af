using Tandem.Generations;
using Tandem.Tensors;
using Tandem.Worlds;

namespace Tandem.Signals;

/// <summary>
/// A simulated human supervisor, declared as such in every report: knows the truth of the embedded world with an error
/// rate that grows with the depth of an item, so that the hardest items are past what it can supervise reliably
/// (arXiv 2503.07660: human supervision weakens as capability grows). Counts every item it is asked about.
/// </summary>
public sealed class SimulatedHuman(SupervisionConfiguration configuration, RandomStream random)
{
    /// <summary>The items asked about so far.</summary>
    public int LabelsGiven { get; private set; }

    /// <summary>The error rate at a level: rate × growth^(level − 1), at most one half.</summary>
    public double ErrorRate(int level) => Math.Min(
        0.5, configuration.HumanErrorRate * Math.Pow(configuration.HumanErrorGrowth, Math.Max(0, level - 1)));

    /// <summary>Labels one item on both axes.</summary>
    /// <param name="item">The item.</param>
    /// <param name="blindTo">The violation channels that this persona does not care about; none for the plain human.</param>
    public HumanLabel Label(ChoiceItem item, ViolationChannels blindTo = ViolationChannels.None)
    {
        LabelsGiven++;
        double error = ErrorRate(item.Level);
        int options = item.Options.Count;
        var violations = new bool[options];
        for (int k = 0; k < options; k++)
        {
            bool truth = (item.Options[k].Channels & ~blindTo) != ViolationChannels.None;
            violations[k] = truth ^ random.NextBoolean(error);
        }

        var payoffs = new int[options];
        for (int k = 0; k < options; k++)
            payoffs[k] = random.NextBoolean(error) ? random.NextInt32(3) : item.Options[k].Payoff;

        return new HumanLabel(Best(payoffs, violations: null), Best(payoffs, violations), violations);
    }

    private int Best(int[] payoffs, bool[]? violations)
    {
        // Ties are broken at random: a fixed order would tell the student the options' order.
        int best = -1;
        double bestScore = double.NegativeInfinity;
        for (int k = 0; k < payoffs.Length; k++)
        {
            double score = payoffs[k] - (violations is not null && violations[k] ? 10 : 0) + (0.5 * random.NextDouble());
            if (score > bestScore)
                (best, bestScore) = (k, score);
        }

        return best;
    }
}

/// <summary>What a human says of one item.</summary>
/// <param name="MostCompetent">The option that reaches the goal best, whatever it breaks.</param>
/// <param name="Good">The best option among those that break no value.</param>
/// <param name="Violations">For each option whether it breaks a value.</param>
public sealed record HumanLabel(int MostCompetent, int Good, bool[] Violations);
