using Microsoft.Extensions.AI;
using Tandem.Endpoints;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Evaluation.Preferences;

/// <summary>A generative judge: a chat model that is asked which of two replies is better, in both orders.</summary>
/// <param name="role">The judge; its tally counts comparisons.</param>
/// <param name="seed">The seed of the markers; see <see cref="JudgePrompt"/>.</param>
/// <param name="options">The options of every request; null for temperature 0.</param>
/// <param name="fits">Whether a request fits the judge's context; null where the server says so. What does not fit is not asked.</param>
public sealed class PreferenceJudge(ModelRole role, ulong seed, ChatOptions? options = null, Predicate<IReadOnlyList<ChatMessage>>? fits = null)
{
    private readonly ChatOptions _options = options ?? new ChatOptions { Temperature = 0 };

    /// <summary>The ends of the comparisons so far.</summary>
    public ReplyTally Tally => role.Tally;

    /// <summary>Compares a reply with another, in both orders. First: the first is better, in both; Tie: the answers contradict each other.</summary>
    /// <param name="id">The identifier of the item, of which the marker is drawn.</param>
    /// <param name="turns">The conversation before the replies.</param>
    /// <param name="first">A reply.</param>
    /// <param name="second">Another.</param>
    /// <param name="cancellation">Ends the comparison.</param>
    /// <returns>The verdict; null if the request does not fit the judge's context.</returns>
    public async Task<Asked<Verdict>?> CompareAsync(
        string id, IReadOnlyList<ChatTurn> turns, string first, string second, CancellationToken cancellation = default)
    {
        JudgePrompt prompt = JudgePrompt.Of(turns, [first, second], new RandomStream(seed).Fork("judge").Fork(id));
        if (fits is not null && !(fits(prompt.Ask(first, second)) && fits(prompt.Ask(second, first))))
            return null;
        return await role.CompareAsync(swapped => swapped ? prompt.Ask(second, first) : prompt.Ask(first, second), _options, cancellation).ConfigureAwait(false);
    }
}
