using Tandem.Datasets;

namespace Tandem.Evaluation.Preferences;

/// <summary>The scores that benchmarks of reward models publish, from evaluated items.</summary>
public static class PublishedScore
{
    private static readonly Dictionary<string, string> s_otherNames = new() { ["mt-bench-medium"] = "mt-bench-med" };

    /// <summary>The score of a data set's format; null for a format without one, or items of subsets that it does not know.</summary>
    /// <param name="format">The name of the format: a name of <see cref="DataFormats"/>.</param>
    /// <param name="items">The items.</param>
    public static BenchmarkScore? Of(string format, IReadOnlyList<EvaluatedItem> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        switch (format)
        {
            case "rewardbench":
                PreferenceOutcome[] outcomes = [.. items.Select(item => new PreferenceOutcome(s_otherNames.GetValueOrDefault(item.Subset, item.Subset), item.Credit))];
                string[] known = [.. RewardBench.Sections.Append(RewardBench.PriorSets).SelectMany(section => section.Subsets).Select(subset => subset.Name)];
                return outcomes.All(outcome => known.Contains(outcome.Section)) ? RewardBench.Score(outcomes) : null;
            case "rewardbench2":
                PreferenceOutcome[] four = [.. items.Where(item => item.Section != RewardBenchTwo.Ties).Select(item => new PreferenceOutcome(item.Section, item.Credit))];
                return four.All(outcome => RewardBenchTwo.Domains.Contains(outcome.Section)) ? RewardBenchTwo.Score(four, TiesOf(items)) : null;
            default:
                return null;
        }
    }

    /// <summary>
    /// The scored prompts of the ties domain that have their counterpart. A prompt whose counterpart is missing, as in a
    /// sample, is left out: the published score is one of pairs.
    /// </summary>
    internal static IReadOnlyList<TiesPrompt> TiesOf(IReadOnlyList<EvaluatedItem> items)
    {
        var halves = items.Where(item => item.Section == RewardBenchTwo.Ties && item.Credit is not null && item.Key.Contains(':', StringComparison.Ordinal))
            .Select(item => (Item: item, Kind: item.Key[..item.Key.IndexOf(':', StringComparison.Ordinal)], Pair: item.Key[(item.Key.IndexOf(':', StringComparison.Ordinal) + 1)..]))
            .GroupBy(half => half.Pair, StringComparer.Ordinal)
            .Where(pair => pair.Count() == 2 && pair.Any(half => half.Kind == "ref") && pair.Any(half => half.Kind == "tied" && half.Item.Right.Count > 1));
        return
        [
            .. halves.SelectMany((pair, number) => pair.Select(half => new TiesPrompt(
                number, half.Kind == "ref",
                [.. half.Item.Right.Select(reply => half.Item.Scores[reply]!.Value)],
                [.. Enumerable.Range(0, half.Item.Scores.Count).Except(half.Item.Right).Select(reply => half.Item.Scores[reply]!.Value)]))),
        ];
    }
}
