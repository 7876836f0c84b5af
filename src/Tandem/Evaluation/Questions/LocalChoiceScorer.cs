using Tandem.Evaluation.Preferences;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Evaluation.Questions;

/// <summary>
/// Scores options by a local model's log-probabilities. Of letters only the letter counts: the ending that all replies share,
/// such as the token at the end of a turn, is left out. Continuations count with their end, for otherwise an option that is the
/// beginning of another would never be less probable.
/// </summary>
/// <param name="model">A model with a language head.</param>
/// <param name="pool">The threads; their number does not change the scores.</param>
/// <param name="style">How the options are put.</param>
/// <param name="normalization">What log-probabilities are divided by.</param>
/// <param name="maximumTokens">A longer prompt loses its beginning; a question with a longer option is not scored.</param>
public sealed class LocalChoiceScorer(
    LanguageModel model, WorkerPool pool, ChoiceStyle style, ScoreNormalization normalization, int maximumTokens) : IChoiceScorer
{
    /// <inheritdoc/>
    public int Truncated { get; private set; }

    /// <inheritdoc/>
    public Task<IReadOnlyList<ScoredChoice>> ScoreAsync(IReadOnlyList<ChoicePrompt> prompts, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        cancellation.ThrowIfCancellationRequested();
        var renderer = new ExampleRenderer(model.Format, maximumTokens);
        var scored = new ScoredChoice[prompts.Count];
        var questions = new List<ContinuationQuestion>();
        var places = new List<int>();
        for (int i = 0; i < prompts.Count; i++)
        {
            scored[i] = new ScoredChoice(null, UnscoredReason.TooLong);
            if (renderer.Fit(prompts[i].Turns, prompts[i].Replies) is not { } parts)
                continue;
            int ending = style == ChoiceStyle.Letters ? SharedEnding(parts.Replies) : 0;
            questions.Add(new ContinuationQuestion(parts.Prompt, [.. parts.Replies.Select(reply => reply.AsMemory(0, reply.Length - ending)).Select(reply => (ReadOnlyMemory<int>)reply)]));
            places.Add(i);
        }

        ContinuationScore[][] found = ContinuationScorer.Score(model.Transformer, questions, pool);
        for (int i = 0; i < found.Length; i++)
        {
            double[] scores = [.. found[i].Select((score, place) => LogProbabilityScorer.Normalized(score, prompts[places[i]].Replies[place], normalization))];
            scored[places[i]] = scores.All(double.IsFinite) ? new ScoredChoice(scores) : new ScoredChoice(null, UnscoredReason.NotFinite);
        }

        Truncated += renderer.Truncated;
        return Task.FromResult<IReadOnlyList<ScoredChoice>>(scored);
    }

    private static int SharedEnding(int[][] replies)
    {
        int most = replies.Min(reply => reply.Length) - 1, shared = 0;
        while (shared < most && replies.All(reply => reply[^(shared + 1)] == replies[0][^(shared + 1)]))
            shared++;
        return shared;
    }
}
