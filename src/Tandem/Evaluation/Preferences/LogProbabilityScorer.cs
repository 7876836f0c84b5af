using Tandem.Language;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Evaluation.Preferences;

/// <summary>
/// Scores replies by the implicit reward of a policy, log π(reply) − log π_ref(reply) (DPO, arXiv 2305.18290, eq. 5), or
/// without a reference by the policy's own log-probability, as RewardBench does (arXiv 2403.13787, section 4).
/// </summary>
/// <param name="policy">The model.</param>
/// <param name="reference">The model that the policy was trained from; null for none.</param>
/// <param name="pool">The threads; their number does not change the scores.</param>
/// <param name="maximumTokens">A longer prompt loses its beginning; a reply that does not fit is not scored.</param>
/// <param name="perToken">Whether the score is divided by the tokens of the reply, so that long replies are not at a disadvantage.</param>
public sealed class LogProbabilityScorer(LanguageModel policy, LanguageModel? reference, WorkerPool pool, int maximumTokens, bool perToken = false) : IReplyScorer
{
    /// <inheritdoc/>
    public IReadOnlyList<double?[]> Score(IReadOnlyList<ReplySet> sets)
    {
        ArgumentNullException.ThrowIfNull(sets);
        IReadOnlyList<double?[]> scores = LogProbabilities(policy, sets);
        if (reference is null)
            return scores;
        return [.. scores.Zip(LogProbabilities(reference, sets), (own, other) => own.Zip(other, (p, r) => p - r).ToArray())];
    }

    private double?[][] LogProbabilities(LanguageModel model, IReadOnlyList<ReplySet> sets)
    {
        var renderer = new ExampleRenderer(model.Format, maximumTokens);
        double?[][] scores = [.. sets.Select(set => new double?[set.Replies.Count])];
        var questions = new List<ContinuationQuestion>();
        var places = new List<double?[]>();
        for (int i = 0; i < sets.Count; i++)
        {
            if (renderer.Fit(sets[i].Prompt, sets[i].Replies) is not { } parts)
                continue;
            questions.Add(new ContinuationQuestion(parts.Prompt, [.. parts.Replies.Select(reply => (ReadOnlyMemory<int>)reply)]));
            places.Add(scores[i]);
        }

        ContinuationScore[][] found = ContinuationScorer.Score(model.Transformer, questions, pool);
        for (int i = 0; i < found.Length; i++)
        {
            for (int k = 0; k < found[i].Length; k++)
                places[i][k] = found[i][k].LogProbability / (perToken ? found[i][k].Tokens : 1);
        }

        return scores;
    }
}
