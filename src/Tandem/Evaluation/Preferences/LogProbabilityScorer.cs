using System.Text;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Evaluation.Preferences;

/// <summary>
/// Scores replies by the implicit reward of a policy, log π(reply) − log π_ref(reply) (DPO, arXiv 2305.18290, eq. 5), or
/// without a reference by the policy's own log-probability, as RewardBench does (arXiv 2403.13787, section 4).
/// </summary>
/// <param name="policy">The model.</param>
/// <param name="reference">
/// The model that the policy was trained from; null for none. The policy itself stands for its base, without the adapters.
/// </param>
/// <param name="pool">The threads; their number does not change the scores.</param>
/// <param name="maximumTokens">A longer prompt loses its beginning; a reply that does not fit is not scored.</param>
/// <param name="normalization">What scores are divided by, so that long replies are not at a disadvantage.</param>
public sealed class LogProbabilityScorer(
    LanguageModel policy, LanguageModel? reference, WorkerPool pool, int maximumTokens, ScoreNormalization normalization = ScoreNormalization.Sum) : IReplyScorer
{
    /// <inheritdoc/>
    public int Truncated { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<double?[]> Score(IReadOnlyList<ReplySet> sets)
    {
        ArgumentNullException.ThrowIfNull(sets);
        IReadOnlyList<double?[]> scores = LogProbabilities(policy, sets, out int truncated);
        Truncated += truncated;
        if (reference is null)
            return scores;
        IReadOnlyList<double?[]> others;
        bool ownBase = ReferenceEquals(reference, policy);
        if (ownBase)
            policy.Transformer.UsesAdapters = false;
        try
        {
            others = LogProbabilities(reference, sets, out _);
        }
        finally
        {
            if (ownBase)
                policy.Transformer.UsesAdapters = true;
        }

        return [.. scores.Zip(others, (own, other) => own.Zip(other, (p, r) => p - r).ToArray())];
    }

    private double?[][] LogProbabilities(LanguageModel model, IReadOnlyList<ReplySet> sets, out int truncated)
    {
        var renderer = new ExampleRenderer(model.Format, maximumTokens);
        double?[][] scores = [.. sets.Select(set => new double?[set.Replies.Count])];
        var questions = new List<ContinuationQuestion>();
        var places = new List<int>();
        for (int i = 0; i < sets.Count; i++)
        {
            if (renderer.Fit(sets[i].Prompt, sets[i].Replies) is not { } parts)
                continue;
            questions.Add(new ContinuationQuestion(parts.Prompt, [.. parts.Replies.Select(reply => (ReadOnlyMemory<int>)reply)]));
            places.Add(i);
        }

        ContinuationScore[][] found = ContinuationScorer.Score(model.Transformer, questions, pool);
        for (int i = 0; i < found.Length; i++)
        {
            for (int k = 0; k < found[i].Length; k++)
                scores[places[i]][k] = Normalized(found[i][k], sets[places[i]].Replies[k], normalization);
        }

        truncated = renderer.Truncated;
        return scores;
    }

    /// <summary>A score divided by what the normalization says.</summary>
    internal static double Normalized(ContinuationScore score, string text, ScoreNormalization normalization) => score.LogProbability / normalization switch
    {
        ScoreNormalization.Token => score.Tokens,
        ScoreNormalization.Byte => Encoding.UTF8.GetByteCount(text),
        _ => 1,
    };
}
