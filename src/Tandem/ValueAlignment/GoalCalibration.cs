using Tandem.Evaluation;
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
    private const int Iterations = 50;

    /// <summary>Fits the two numbers by Newton's method.</summary>
    /// <param name="goals">For each calibration item which option is the best; items without are left out.</param>
    /// <param name="truth">The truth of the same items.</param>
    public static GoalCalibration Fit(CombinedLabels goals, IReadOnlyList<ItemTruth> truth)
    {
        (double Evidence, double Target)[] cases = [.. goals.Posteriors.SelectMany((row, i) =>
            row is null ? [] : row.Select((p, k) => (LogOdds(p), truth[i].Competent[k] ? 1.0 : 0.0)))];
        (double intercept, double slope) = (0, 1);
        for (int iteration = 0; iteration < Iterations; iteration++)
        {
            // The prior, around the identity, keeps the fit finite where a model is always right.
            const double weight = 1 / (PriorDeviation * PriorDeviation);
            (double g0, double g1, double h00, double h01, double h11) = (-weight * intercept, -weight * (slope - 1), weight, 0, weight);
            foreach ((double x, double y) in cases)
            {
                double p = Logistic(intercept + (slope * x));
                double curvature = p * (1 - p);
                g0 += y - p;
                g1 += (y - p) * x;
                h00 += curvature;
                h01 += curvature * x;
                h11 += curvature * x * x;
            }

            double determinant = (h00 * h11) - (h01 * h01);
            double step0 = ((h11 * g0) - (h01 * g1)) / determinant, step1 = ((h00 * g1) - (h01 * g0)) / determinant;
            double shrink = Math.Min(1, 1 / Math.Max(Math.Abs(step0), Math.Abs(step1)));
            intercept += shrink * step0;
            slope += shrink * step1;
        }

        return new GoalCalibration(intercept, Math.Max(0, slope));
    }

    /// <summary>For each option the probability that it reaches the goal.</summary>
    /// <param name="best">For each option the probability that it is the best one.</param>
    public double[] Competence(IReadOnlyList<double> best) => [.. best.Select(p => Logistic(Intercept + (Slope * LogOdds(p))))];

    private static double LogOdds(double p) => Math.Log(Math.Max(p, Floor) / Math.Max(1 - p, Floor));

    private static double Logistic(double x) => 1 / (1 + Math.Exp(-x));
}
