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

    /// <summary>Combines the labels of the sources for the same items and question.</summary>
    /// <param name="sources">The sources, the reference not among them; one or more.</param>
    /// <param name="reference">The labels that the weights are fitted to; it abstains from most items.</param>
    public static CombinedLabels Combine(IReadOnlyList<SourceLabels> sources, SourceLabels reference)
    {
        int items = MajorityVote.CheckSources([.. sources, reference]);
        bool violations = reference.Question == SupervisionQuestion.Violation;
        // A violation judgement is a choice between two, with a constant that every case shares.
        var cases = new List<LogitCase>();
        for (int i = 0; i < items; i++)
        {
            if (reference.Rows[i] is not { } row)
                continue;
            if (violations)
                cases.AddRange(row.Select((answer, k) => new LogitCase([Evidence(sources, i, k), new double[sources.Count + 1]], [answer, 1 - answer])));
            else
                cases.Add(new LogitCase([.. row.Select((_, k) => LogProbabilities(sources, i, k))], [.. row.Select(p => p / (double)row.Sum())]));
        }

        (double[] weights, bool converged, int iterations) =
            ConditionalLogit.Fit(cases, new double[violations ? sources.Count + 1 : sources.Count], PriorDeviation);
        var posteriors = new double[]?[items];
        var withoutReference = new double[]?[items];
        for (int i = 0; i < items; i++)
        {
            int options = sources.Select(source => source.Rows[i]?.Length ?? 0).Max();
            withoutReference[i] = options == 0 ? null
                : violations ? [.. Enumerable.Range(0, options).Select(k => 1 / (1 + Math.Exp(-ConditionalLogit.Dot(weights, Evidence(sources, i, k)))))]
                : ConditionalLogit.Softmax([.. Enumerable.Range(0, options).Select(k => ConditionalLogit.Dot(weights, LogProbabilities(sources, i, k)))]);
            posteriors[i] = reference.Rows[i] is { } row ? [.. row.Select(p => violations ? p : p / (double)row.Sum())] : withoutReference[i];
        }

        return new CombinedLabels
        {
            Combination = "stacked",
            Question = reference.Question,
            Posteriors = posteriors,
            WithoutReference = withoutReference,
            Choices = violations ? [] : CombinedLabels.MostProbable(posteriors),
            Sources = [.. sources.Append(reference).Select(source => Quality(source, reference))],
            ExpectedErrorRate = violations
                ? withoutReference.OfType<double[]>().SelectMany(row => row).Select(p => Math.Min(p, 1 - p)).DefaultIfEmpty(0).Average()
                : withoutReference.OfType<double[]>().Select(row => 1 - row.Max()).DefaultIfEmpty(0).Average(),
            Converged = converged,
            Iterations = iterations,
        };
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
}
