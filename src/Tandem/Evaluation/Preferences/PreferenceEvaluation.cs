using Tandem.Endpoints;

namespace Tandem.Evaluation.Preferences;

/// <summary>Measures scorers and judges on items with better and worse replies.</summary>
public static class PreferenceEvaluation
{
    // Enough for full forward passes, few enough for progress.
    private const int ItemsAtOnce = 16;

    /// <summary>
    /// Measures by scores. A pair is right if the better reply scores strictly higher. Of more replies one of the highest score
    /// must be right, and replies of equal score share the credit. In the ties domain of RewardBench 2 every right reply must
    /// be above every wrong one.
    /// </summary>
    /// <param name="items">The items.</param>
    /// <param name="scorer">The scorer.</param>
    /// <param name="progress">Told the number of items done; null for none.</param>
    /// <param name="cancellation">Stops between forward passes.</param>
    public static IReadOnlyList<EvaluatedItem> ByScores(
        IReadOnlyList<ReplyItem> items, IReplyScorer scorer, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(scorer);
        var evaluated = new List<EvaluatedItem>(items.Count);
        foreach (ReplyItem[] chunk in items.Chunk(ItemsAtOnce))
        {
            cancellation.ThrowIfCancellationRequested();
            IReadOnlyList<double?[]> scores = scorer.Score([.. chunk.Select(item => new ReplySet(item.Prompt, item.Replies))]);
            evaluated.AddRange(chunk.Zip(scores, OfScores));
            progress?.Invoke(evaluated.Count);
        }

        return evaluated;
    }

    /// <summary>
    /// Measures a judge. Of several replies, each right one is compared with each wrong one: the right reply has full credit if
    /// it is better than all, shares it with those that tie with it, and has none if one is better.
    /// </summary>
    /// <param name="items">The items. Those with several right replies are not measured: a judge's choice among right replies says nothing.</param>
    /// <param name="judge">The judge.</param>
    /// <param name="concurrency">How many items are under way at once.</param>
    /// <param name="progress">Told the number of items done; null for none. Called from several threads, one at a time.</param>
    /// <param name="cancellation">Ends the evaluation.</param>
    public static async Task<IReadOnlyList<EvaluatedItem>> ByJudgeAsync(
        IReadOnlyList<ReplyItem> items, PreferenceJudge judge, int concurrency, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(judge);
        var evaluated = new EvaluatedItem[items.Count];
        int done = 0;
        object gate = new();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = concurrency, CancellationToken = cancellation };
        await Parallel.ForEachAsync(Enumerable.Range(0, items.Count), parallel, async (i, token) =>
        {
            evaluated[i] = await JudgedAsync(items[i], judge, token).ConfigureAwait(false);
            lock (gate)
                progress?.Invoke(++done);
        }).ConfigureAwait(false);
        return evaluated;
    }

    private static EvaluatedItem OfScores(ReplyItem item, double?[] scores)
    {
        EvaluatedItem evaluated = Begin(item) with { Scores = [.. scores.Select(score => score is { } value && double.IsFinite(value) ? score : null)] };
        if (scores.Any(score => score is null))
            return evaluated with { Unscored = UnscoredReason.TooLong };
        if (evaluated.Scores.Any(score => score is null))
            return evaluated with { Unscored = UnscoredReason.NotFinite };
        double highest = scores.Max()!.Value;
        int[] first = [.. Enumerable.Range(0, scores.Length).Where(reply => scores[reply] == highest)];
        return evaluated with
        {
            Credit = item.IsTies
                ? item.Right.Min(reply => scores[reply]) > item.Wrong.Max(reply => scores[reply]) ? 1 : 0
                : item.Replies.Count == 2
                    ? PreferenceOutcome.OfPair(item.Record.Section, scores[item.Right[0]], scores[item.Wrong.First()]).Credit
                    : (double)first.Count(item.Right.Contains) / first.Length,
        };
    }

    private static async Task<EvaluatedItem> JudgedAsync(ReplyItem item, PreferenceJudge judge, CancellationToken cancellation)
    {
        EvaluatedItem evaluated = Begin(item);
        if (item.IsTies || item.Right.Count != 1)
            return evaluated with { Unscored = UnscoredReason.NotMeasured };
        var comparisons = new List<JudgedComparison>();
        UnscoredReason? unscored = null;
        foreach (int wrong in item.Wrong)
        {
            Asked<Verdict>? asked = await judge.CompareAsync(
                item.Record.Id, item.Prompt, item.Replies[item.Right[0]], item.Replies[wrong], cancellation).ConfigureAwait(false);
            comparisons.Add(new JudgedComparison(wrong, asked?.IsAnswered == true ? asked.Value : null, asked?.Text ?? "does not fit the context"));
            unscored = Reason(asked);
            if (unscored is not null)
                break;
        }

        evaluated = evaluated with { Comparisons = comparisons, Unscored = unscored };
        return unscored is not null ? evaluated : evaluated with
        {
            Credit = comparisons.Exists(comparison => comparison.Verdict == Verdict.Second)
                ? 0
                : 1.0 / (1 + comparisons.Count(comparison => comparison.Verdict == Verdict.Tie)),
        };
    }

    /// <summary>Why what was asked is not scored; null if it was answered.</summary>
    internal static UnscoredReason? Reason<T>(Asked<T>? asked) => asked?.Kind switch
    {
        null => UnscoredReason.TooLong,
        ReplyKind.Answered => null,
        ReplyKind.Refused => UnscoredReason.Refused,
        ReplyKind.Unparsed => UnscoredReason.Unparsed,
        _ => UnscoredReason.Failed,
    };

    private static EvaluatedItem Begin(ReplyItem item) => ItemsFile.Of(item.Record) with
    {
        Right = item.Right,
        Chance = (double)item.Right.Count / item.Replies.Count,
    };
}
