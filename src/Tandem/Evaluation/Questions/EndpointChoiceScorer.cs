using Microsoft.Extensions.AI;
using Tandem.Endpoints;
using Tandem.Evaluation.Preferences;
using Tandem.Tuning;
using ChatRole = Microsoft.Extensions.AI.ChatRole;

namespace Tandem.Evaluation.Questions;

/// <summary>Scores options listed by letter through a chat model: by log-probabilities where the server gives them, else by the letter that it chooses.</summary>
/// <param name="role">The model; its tally counts questions.</param>
/// <param name="concurrency">How many questions are under way at once.</param>
/// <param name="options">The options of every request; null for temperature 0.</param>
public sealed class EndpointChoiceScorer(ModelRole role, int concurrency, ChatOptions? options = null) : IChoiceScorer
{
    private readonly ChatOptions _options = options ?? new ChatOptions { Temperature = 0 };
    private int _withProbabilities;

    /// <inheritdoc/>
    public int Truncated => 0;

    /// <summary>The ends of the questions so far.</summary>
    public ReplyTally Tally => role.Tally;

    /// <summary>How many questions were scored by log-probabilities; those of the others are certainties, which say nothing of calibration.</summary>
    public int WithProbabilities => Volatile.Read(ref _withProbabilities);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ScoredChoice>> ScoreAsync(IReadOnlyList<ChoicePrompt> prompts, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        var scored = new ScoredChoice[prompts.Count];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = concurrency, CancellationToken = cancellation };
        await Parallel.ForEachAsync(Enumerable.Range(0, prompts.Count), parallel, async (i, token) =>
        {
            Asked<OptionScores> asked = await role.ScoreAsync(Messages(prompts[i]), prompts[i].Replies.Count, _options, token).ConfigureAwait(false);
            scored[i] = asked.IsAnswered
                ? new ScoredChoice(asked.Value.LogProbabilities)
                : new ScoredChoice(null, PreferenceEvaluation.Reason(asked));
            if (asked.IsAnswered && asked.Value.FromLogProbabilities)
                Interlocked.Increment(ref _withProbabilities);
        }).ConfigureAwait(false);
        return scored;
    }

    private static List<ChatMessage> Messages(ChoicePrompt prompt)
    {
        List<ChatMessage> messages = [.. prompt.Turns.Select(turn => new ChatMessage(new ChatRole(turn.Role), turn.Content))];
        messages[^1] = new ChatMessage(messages[^1].Role, $"{messages[^1].Text}\n\nReply with one letter and nothing else: {string.Join(", ", prompt.Replies)}.");
        return messages;
    }
}
