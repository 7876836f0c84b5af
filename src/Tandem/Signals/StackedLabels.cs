using Tandem.Evaluation.Statistics;

namespace Tandem.Signals;

/// <summary>
/// Combines what sources say with how sure they are of it: a weighted sum of their log-probabilities, the weights fitted
/// on the items that a reference source, the human, labelled too (stacked generalization: Wolpert 1992). A vote
/// forgets that a weak model is sure of the easy items and guesses on the hard ones; here a guess weighs little, a
/// source that errs with another adds little, and the result is as sure as the sources turned out to be right.
/// </summary>
/// <remarks>The reference's own labels stand where it gave one. Its errors lower the weights, so that labels become softer.</remarks>
public static class StackedLabels
{
    private const double Floor = 1e-3;
    private const double PriorDeviation = 1;
    private const int MaximumIterations = 50;
    private const double Tolerance = 1e-9;

    /// <summary>Combines the labels of the sources for the same items and question.</summary>
    /// <param name="sources">The sources, the reference not among them; one or more.</param>
    /// <param name="reference">The labels that the weights are fitted to; it abstains from most items.</param>
    public static CombinedLabels Combine(IReadOnlyList<SourceLabels> sources, SourceLabels reference)
    {
        int items = MajorityVote.CheckSources([.. sources, reference]);
        bool violations = reference.Question == SupervisionQuestion.Violation;
        // A violation judgement is a choice between two, with a constant that every case shares.
        var cases = new List<StackedCase>();
        for (int i = 0; i < items; i++)
        {
            if (reference.Rows[i] is not { } row)
                continue;
            if (violations)
                cases.AddRange(row.Select((answer, k) => new StackedCase([Evidence(sources, i, k), new double[sources.Count + 1]], [answer, 1 - answer])));
            else
                cases.Add(new StackedCase([.. row.Select((_, k) => LogProbabilities(sources, i, k))], [.. row.Select(p => p / (double)row.Sum())]));
        }

        (double[] weights, bool converged, int iterations) = Fit(cases, violations ? sources.Count + 1 : sources.Count);
        var posteriors = new double[]?[items];
        for (int i = 0; i < items; i++)
        {
            int options = sources.Append(reference).Select(source => source.Rows[i]?.Length ?? 0).Max();
            posteriors[i] = reference.Rows[i] is { } row ? [.. row.Select(p => violations ? p : p / (double)row.Sum())]
                : options == 0 ? null
                : violations ? [.. Enumerable.Range(0, options).Select(k => 1 / (1 + Math.Exp(-Dot(weights, Evidence(sources, i, k)))))]
                : Softmax([.. Enumerable.Range(0, options).Select(k => Dot(weights, LogProbabilities(sources, i, k)))]);
        }

        return new CombinedLabels
        {
            Combination = "stacked",
            Question = reference.Question,
            Posteriors = posteriors,
            Choices = violations ? [] : [.. posteriors.Select(row => row == null ? SourceLabels.Abstained : Array.IndexOf(row, row.Max()))],
            Sources = [.. sources.Append(reference).Select(source => Quality(source, reference))],
            ExpectedErrorRate = violations
                ? posteriors.OfType<double[]>().SelectMany(row => row).Select(p => Math.Min(p, 1 - p)).DefaultIfEmpty(0).Average()
                : posteriors.OfType<double[]>().Select(row => 1 - row.Max()).DefaultIfEmpty(0).Average(),
            Converged = converged,
            Iterations = iterations,
        };
    }

    // Newton's method on the penalised likelihood, which is concave: the prior keeps a weight near 0 without evidence.
    private static (double[] Weights, bool Converged, int Iterations) Fit(List<StackedCase> cases, int size)
    {
        double[] weights = new double[size];
        for (int iteration = 1; iteration <= MaximumIterations; iteration++)
        {
            double[] gradient = [.. weights.Select(w => -w / (PriorDeviation * PriorDeviation))];
            var curvature = new double[size, size];
            for (int i = 0; i < size; i++)
                curvature[i, i] = 1 / (PriorDeviation * PriorDeviation);
            foreach (StackedCase known in cases)
                known.Accumulate(Softmax([.. known.Features.Select(row => Dot(weights, row))]), gradient, curvature);
            double[] step = new CholeskyFactor(curvature).Solve(gradient);
            // Log-probabilities span a few units, so that full steps overshoot only from far away.
            double largest = step.Max(Math.Abs);
            for (int i = 0; i < size; i++)
                weights[i] += step[i] * Math.Min(1, 1 / largest);
            if (largest < Tolerance)
                return (weights, true, iteration);
        }

        return (weights, false, MaximumIterations);
    }

    private static double[] LogProbabilities(IReadOnlyList<SourceLabels> sources, int item, int option) =>
        [.. sources.Select(source => source.Rows[item] is { } row ? Math.Log(Math.Max(Floor, row[option])) : 0)];

    private static double[] Evidence(IReadOnlyList<SourceLabels> sources, int item, int option) =>
        [.. sources.Select(source => source.Rows[item] is { } row ? LogOdds(row[option]) : 0), 1];

    private static double LogOdds(float probability)
    {
        double p = Math.Clamp(probability, Floor, 1 - Floor);
        return Math.Log(p / (1 - p));
    }

    private static SourceQuality Quality(SourceLabels source, SourceLabels reference)
    {
        int agreed = 0, votes = 0, abstained = 0;
        for (int i = 0; i < source.Rows.Count; i++)
        {
            bool violations = source.Question == SupervisionQuestion.Violation;
            for (int k = 0; k < (violations ? reference.Rows[i]?.Length ?? 0 : 1); k++)
            {
                int vote = violations ? source.ViolationVote(i, k) : source.Vote(i);
                int truth = violations ? reference.ViolationVote(i, k) : reference.Vote(i);
                abstained += vote == SourceLabels.Abstained ? 1 : 0;
                if (vote == SourceLabels.Abstained || truth == SourceLabels.Abstained)
                    continue;
                votes++;
                agreed += vote == truth ? 1 : 0;
            }
        }

        return new SourceQuality(source.Source, Proportion.Wilson(agreed, votes), abstained);
    }

    private static double[] Softmax(double[] scores)
    {
        double maximum = scores.Max();
        double[] exponentials = [.. scores.Select(score => Math.Exp(score - maximum))];
        double sum = exponentials.Sum();
        return [.. exponentials.Select(value => value / sum)];
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    /// <summary>One item with a reference label: features [options, weights] and the reference's distribution [options].</summary>
    private sealed record StackedCase(double[][] Features, double[] Target)
    {
        public void Accumulate(double[] predicted, double[] gradient, double[,] curvature)
        {
            double[] mean = [.. gradient.Select((_, i) => Enumerable.Range(0, predicted.Length).Sum(k => predicted[k] * Features[k][i]))];
            for (int k = 0; k < predicted.Length; k++)
            {
                for (int i = 0; i < gradient.Length; i++)
                {
                    gradient[i] += (Target[k] - predicted[k]) * Features[k][i];
                    for (int j = 0; j < gradient.Length; j++)
                        curvature[i, j] += predicted[k] * (Features[k][i] - mean[i]) * (Features[k][j] - mean[j]);
                }
            }
        }
    }
}
