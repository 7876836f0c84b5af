using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;

namespace Tandem.Signals;

/// <summary>
/// Combines the labels of sources by <see cref="DawidSkene"/>: the one-coin form for choices among shuffled options, the
/// two-class form with sensitivity and specificity for violation judgements (each option of each item is one case).
/// A choice that one source alone made keeps that source's own probabilities: there is nothing to combine, and a vote
/// would forget that two options looked almost as good.
/// </summary>
public static class DawidSkeneVote
{
    /// <summary>Combines the labels of one or more sources for the same items and question.</summary>
    public static CombinedLabels Combine(IReadOnlyList<SourceLabels> sources, DawidSkeneSettings? settings = null)
    {
        int items = MajorityVote.CheckSources(sources);
        int[] options = new int[items];
        for (int i = 0; i < items; i++)
            options[i] = Math.Max(2, sources.Select(source => source.Rows[i]?.Length ?? 0).Max());
        return sources[0].Question == SupervisionQuestion.Violation
            ? CombineViolations(sources, options, settings)
            : CombineChoices(sources, options, settings);
    }

    private static CombinedLabels CombineChoices(IReadOnlyList<SourceLabels> sources, int[] options, DawidSkeneSettings? settings)
    {
        var votes = new List<SourceVote>();
        int[] answers = new int[options.Length];
        for (int s = 0; s < sources.Count; s++)
        {
            for (int i = 0; i < options.Length; i++)
            {
                int vote = sources[s].Vote(i);
                if (vote == SourceLabels.Abstained)
                    continue;
                votes.Add(new SourceVote(i, s, vote));
                answers[i]++;
            }
        }

        OneCoinFit fit = DawidSkene.FitOneCoin(votes, options, sources.Count, settings);
        double[]?[] posteriors = [.. fit.Posteriors.Select((row, i) => answers[i] switch { 0 => null, 1 => Own(sources, i), _ => row })];
        double[] right = new double[sources.Count];
        int[] count = new int[sources.Count];
        foreach (SourceVote vote in votes)
        {
            right[vote.Source] += fit.Posteriors[vote.Item][vote.Label];
            count[vote.Source]++;
        }

        return new CombinedLabels
        {
            Combination = "dawid-skene",
            Question = sources[0].Question,
            Posteriors = posteriors,
            Choices = CombinedLabels.MostProbable(posteriors),
            Sources = [.. sources.Select((source, s) =>
                new SourceQuality(source.Source, Rate(right[s], count[s]), options.Length - count[s]))],
            ExpectedErrorRate = posteriors.OfType<double[]>().Select(row => 1 - row.Max()).DefaultIfEmpty(0).Average(),
            Converged = fit.Converged,
            Iterations = fit.Iterations,
        };
    }

    private static double[] Own(IReadOnlyList<SourceLabels> sources, int item)
    {
        float[] row = sources.First(source => source.Vote(item) != SourceLabels.Abstained).Rows[item]!;
        double sum = row.Sum(p => (double)p);
        return [.. row.Select(p => p / sum)];
    }

    private static CombinedLabels CombineViolations(IReadOnlyList<SourceLabels> sources, int[] options, DawidSkeneSettings? settings)
    {
        int[] firstCase = new int[options.Length + 1];
        for (int i = 0; i < options.Length; i++)
            firstCase[i + 1] = firstCase[i] + options[i];
        int cases = firstCase[^1];
        var votes = new List<SourceVote>();
        for (int s = 0; s < sources.Count; s++)
        {
            for (int i = 0; i < options.Length; i++)
            {
                for (int option = 0; option < (sources[s].Rows[i]?.Length ?? 0); option++)
                {
                    int vote = sources[s].ViolationVote(i, option);
                    if (vote != SourceLabels.Abstained)
                        votes.Add(new SourceVote(firstCase[i] + option, s, vote));
                }
            }
        }

        ConfusionFit fit = DawidSkene.FitConfusion(votes, cases, sources.Count, 2, settings);
        bool[] answered = new bool[options.Length];
        for (int i = 0; i < options.Length; i++)
            answered[i] = sources.Any(source => source.Rows[i] != null);
        var posteriors = new double[]?[options.Length];
        for (int i = 0; i < options.Length; i++)
            posteriors[i] = answered[i] ? [.. Enumerable.Range(firstCase[i], options[i]).Select(j => fit.Posteriors[j][1])] : null;

        // Expected counts of [source][true class][vote].
        var table = new double[sources.Count, 2, 2];
        foreach (SourceVote vote in votes)
        {
            for (int c = 0; c < 2; c++)
                table[vote.Source, c, vote.Label] += fit.Posteriors[vote.Item][c];
        }

        return new CombinedLabels
        {
            Combination = "dawid-skene",
            Question = SupervisionQuestion.Violation,
            Posteriors = posteriors,
            Choices = [],
            Sources = [.. sources.Select((source, s) => Quality(source.Source, table, s, cases))],
            ExpectedErrorRate = posteriors.OfType<double[]>().SelectMany(row => row).Select(p => Math.Min(p, 1 - p)).DefaultIfEmpty(0).Average(),
            Converged = fit.Converged,
            Iterations = fit.Iterations,
        };
    }

    private static SourceQuality Quality(string name, double[,,] table, int source, int cases)
    {
        double violations = table[source, 1, 0] + table[source, 1, 1], conforming = table[source, 0, 0] + table[source, 0, 1];
        int votes = (int)Math.Round(violations + conforming);
        return new SourceQuality(
            name,
            Rate(table[source, 0, 0] + table[source, 1, 1], votes),
            cases - votes,
            Rate(table[source, 1, 1], (int)Math.Round(violations)),
            Rate(table[source, 0, 0], (int)Math.Round(conforming)));
    }

    private static Estimate Rate(double expected, int count) => Proportion.Wilson(Math.Clamp(expected, 0, count), count);
}
