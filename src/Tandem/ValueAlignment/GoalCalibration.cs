using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Signals;

namespace Tandem.ValueAlignment;

/// <summary>
/// How probable it is that an option reaches the goal at all, from how probable it is held to be the best one. A model that
/// knows which of two good options is better gives the other one little, and both are good: without this step, the more a
/// model knows the more caution it takes to turn it away from the better and forbidden one. Platt scaling (Platt 1999) of
/// the log-odds, fitted to calibration items.
/// </summary>
/// <param name="Intercept">The log-odds of being competent of an option held to be the best with probability one half.</param>
/// <param name="Slope">How much they grow with those of being the best; at least 0.</param>
public sealed record GoalCalibration(double Intercept, double Slope)
{
    private const double Floor = 1e-6;
    private const double PriorDeviation = 3;

    /// <summary>Fits the two numbers; the prior, around the identity, keeps them finite where a model is always right.</summary>
    /// <param name="goals">For each calibration item which option is the best; items without are left out.</param>
    /// <param name="truth">The truth of the same items.</param>
    public static GoalCalibration Fit(CombinedLabels goals, IReadOnlyList<ItemTruth> truth)
    {
        double[] incompetent = [0, 0];
        LogitCase[] cases = [.. goals.Posteriors.SelectMany((row, i) => row is null ? [] : row.Select(
            (p, k) => new LogitCase([[1, LogOdds(p)], incompetent], truth[i].Competent[k] ? [1, 0] : [0, 1])))];
        double[] weights = ConditionalLogit.Fit(cases, [0, 1], PriorDeviation).Weights;
        return new GoalCalibration(weights[0], Math.Max(0, weights[1]));
    }

    /// <summary>For each option the probability that it reaches the goal.</summary>
    /// <param name="best">For each option the probability that it is the best one.</param>
    public double[] Competence(IReadOnlyList<double> best) => [.. best.Select(p => Logistic(Intercept + (Slope * LogOdds(p))))];

    private static double LogOdds(double p) => Math.Log(Math.Max(p, Floor) / Math.Max(1 - p, Floor));

    private static double Logistic(double x) => 1 / (1 + Math.Exp(-x));
}
