using Microsoft.Extensions.AI;

namespace Tandem.Endpoints;

/// <summary>A token that could have come, and how probable it was.</summary>
/// <param name="Token">Its text.</param>
/// <param name="LogProbability">The logarithm of its probability, in nats.</param>
public sealed record TokenCandidate(string Token, double LogProbability);

/// <summary>A token of a reply.</summary>
/// <param name="Token">Its text.</param>
/// <param name="LogProbability">The logarithm of its probability, in nats.</param>
/// <param name="Candidates">The likeliest tokens at its place, the likeliest first; as many as were asked for.</param>
public sealed record ReplyToken(string Token, double LogProbability, IReadOnlyList<TokenCandidate> Candidates);

/// <summary>What <c>Microsoft.Extensions.AI</c> has no place for: log-probabilities, refusals, the number of a sample.</summary>
public static class ReplyDetails
{
    private const string LogProbabilitiesKey = "tandem.logprobs";
    private const string TopKey = "tandem.top_logprobs";
    private const string SampleKey = "tandem.sample";
    private const string CachedKey = "tandem.cached";
    private const string RefusalCode = "Refusal";

    /// <summary>These options, and the log-probabilities of the reply's tokens with them.</summary>
    /// <param name="options">The options; they stay as they are. Null for the defaults.</param>
    /// <param name="candidates">How many of the likeliest tokens are listed at each place, 0 to 20.</param>
    public static ChatOptions WithLogProbabilities(this ChatOptions? options, int candidates) => With(options, TopKey, candidates);

    /// <summary>
    /// These options for one of several samples of the same request: the reply cache keeps their replies apart, and a seed
    /// differs by the number.
    /// </summary>
    /// <param name="options">The options; they stay as they are. Null for the defaults.</param>
    /// <param name="sample">The sample's number, from 0.</param>
    public static ChatOptions WithSample(this ChatOptions? options, int sample) => With(options, SampleKey, sample);

    /// <summary>The tokens of a reply with their log-probabilities; null when the server gave none.</summary>
    public static IReadOnlyList<ReplyToken>? TokenLogProbabilities(this ChatResponse response) => Tokens(response?.AdditionalProperties);

    /// <summary>The tokens of a part of a streamed reply with their log-probabilities; null when the server gave none.</summary>
    public static IReadOnlyList<ReplyToken>? TokenLogProbabilities(this ChatResponseUpdate update) => Tokens(update?.AdditionalProperties);

    /// <summary>The words in which the model refused; null when it did not.</summary>
    public static string? Refusal(this ChatResponse response)
    {
        ArgumentNullException.ThrowIfNull(response);
        return response.Messages.SelectMany(m => m.Contents).OfType<ErrorContent>().FirstOrDefault(c => c.ErrorCode == RefusalCode)?.Message;
    }

    /// <summary>Whether a reply comes from the cache, and so made no call.</summary>
    public static bool IsCached(this ChatResponse response) => response?.AdditionalProperties?.ContainsKey(CachedKey) ?? false;

    internal static int? Candidates(ChatOptions? options) =>
        options?.AdditionalProperties?.TryGetValue(TopKey, out int top) == true ? top : null;

    internal static int Sample(ChatOptions? options) =>
        options?.AdditionalProperties?.TryGetValue(SampleKey, out int sample) == true ? sample : 0;

    internal static ErrorContent RefusalContent(string words) => new(words) { ErrorCode = RefusalCode };

    internal static AdditionalPropertiesDictionary? Properties(IReadOnlyList<ReplyToken>? tokens) =>
        tokens is null ? null : new() { [LogProbabilitiesKey] = tokens };

    internal static void MarkCached(ChatResponse response) => (response.AdditionalProperties ??= [])[CachedKey] = true;

    /// <summary>The response that the updates of a stream make up.</summary>
    internal static ChatResponse Join(List<ChatResponseUpdate> updates)
    {
        ChatResponse response = updates.ToChatResponse();

        // The properties of a later update take the place of an earlier one's: tokens have to be put together here.
        List<ReplyToken> tokens = [.. updates.SelectMany(u => u.TokenLogProbabilities() ?? [])];
        response.AdditionalProperties = Properties(tokens.Count > 0 ? tokens : null);
        return response;
    }

    private static IReadOnlyList<ReplyToken>? Tokens(AdditionalPropertiesDictionary? properties) =>
        properties?.TryGetValue(LogProbabilitiesKey, out IReadOnlyList<ReplyToken>? tokens) == true ? tokens : null;

    private static ChatOptions With(ChatOptions? options, string key, int value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        ChatOptions copy = options?.Clone() ?? new ChatOptions();
        copy.AdditionalProperties = copy.AdditionalProperties is { } own ? new(own) : [];
        copy.AdditionalProperties[key] = value;
        return copy;
    }
}
