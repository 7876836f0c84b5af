using System.Text.Json;
using Microsoft.Extensions.AI;
using Tandem.Endpoints.Wire;

namespace Tandem.Endpoints;

/// <summary>Turns the records of the wire into responses.</summary>
internal static class ChatReplies
{
    /// <summary>A whole reply; null when it holds no message.</summary>
    public static ChatResponse? Response(ChatReply reply)
    {
        if (reply.Choices is not [var choice, ..] || choice.Message is not { } message)
            return null;
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, Contents(message)))
        {
            ResponseId = reply.Id,
            ModelId = reply.Model,
            CreatedAt = Time(reply.Created),
            FinishReason = Reason(choice.FinishReason),
            Usage = Details(reply.Usage),
            AdditionalProperties = ReplyDetails.Properties(Tokens(choice.Logprobs)),
        };
    }

    /// <summary>An event of a stream. What a delta says of a tool call is left to the caller, who puts the parts together.</summary>
    public static ChatResponseUpdate Update(ChatReply reply)
    {
        ChatChoice? choice = reply.Choices is [var first, ..] ? first : null;
        IList<AIContent> contents = choice?.Delta is { } delta ? Contents(delta with { ToolCalls = null }) : [];
        if (Details(reply.Usage) is { } usage)
            contents.Add(new UsageContent(usage));
        return new ChatResponseUpdate(ChatRole.Assistant, contents)
        {
            ResponseId = reply.Id,
            MessageId = reply.Id,
            ModelId = reply.Model,
            CreatedAt = Time(reply.Created),
            FinishReason = Reason(choice?.FinishReason),
            AdditionalProperties = ReplyDetails.Properties(Tokens(choice?.Logprobs)),
        };
    }

    /// <summary>A tool call; arguments that are no JSON object are kept as its fault.</summary>
    public static FunctionCallContent Call(ToolCall call) => FunctionCallContent.CreateFromParsedArguments(
        call.Function?.Arguments is { Length: > 0 } arguments ? arguments : "{}",
        call.Id ?? "",
        call.Function?.Name ?? "",
        text => JsonSerializer.Deserialize<Dictionary<string, object?>>(text, AIJsonUtilities.DefaultOptions));

    /// <summary>The reply of the wire that <see cref="Response"/> makes the same response of.</summary>
    public static ChatReply Wire(ChatResponse response)
    {
        List<ToolCall> calls = [.. response.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>().Select(call => new ToolCall
        {
            Id = call.CallId,
            Type = "function",
            Function = new ToolFunction { Name = call.Name, Arguments = JsonSerializer.Serialize(call.Arguments, AIJsonUtilities.DefaultOptions) },
        })];
        return new ChatReply
        {
            Id = response.ResponseId,
            Model = response.ModelId,
            Created = response.CreatedAt?.ToUnixTimeSeconds(),
            Usage = response.Usage is not { } usage ? null : new Usage
            {
                PromptTokens = usage.InputTokenCount ?? 0,
                CompletionTokens = usage.OutputTokenCount ?? 0,
                TotalTokens = usage.TotalTokenCount ?? 0,
            },
            Choices =
            [
                new ChatChoice
                {
                    Message = new ChatReplyMessage { Content = response.Text, Refusal = response.Refusal(), ToolCalls = calls.Count > 0 ? calls : null },
                    FinishReason = response.FinishReason?.Value,
                    Logprobs = response.TokenLogProbabilities() is not { } tokens ? null : new ChatLogprobs
                    {
                        Content =
                        [
                            .. tokens.Select(t => new ChatLogprob
                            {
                                Token = t.Token,
                                Logprob = t.LogProbability,
                                TopLogprobs = [.. t.Candidates.Select(c => new TopLogprob { Token = c.Token, Logprob = c.LogProbability })],
                            }),
                        ],
                    },
                },
            ],
        };
    }

    private static List<AIContent> Contents(ChatReplyMessage message)
    {
        var contents = new List<AIContent>();
        if (message.Content is { Length: > 0 } text)
            contents.Add(new TextContent(text));
        if (message.Refusal is { Length: > 0 } refusal)
            contents.Add(ReplyDetails.RefusalContent(refusal));
        foreach (ToolCall call in message.ToolCalls ?? [])
            contents.Add(Call(call));
        return contents;
    }

    private static List<ReplyToken>? Tokens(ChatLogprobs? logprobs) => logprobs?.Content is not { Count: > 0 } tokens ? null :
        [.. tokens.Select(t => new ReplyToken(t.Token ?? "", t.Logprob, [.. (t.TopLogprobs ?? []).Select(c => new TokenCandidate(c.Token ?? "", c.Logprob))]))];

    private static DateTimeOffset? Time(long? seconds) => seconds is >= 0 and < 100_000_000_000 ? DateTimeOffset.FromUnixTimeSeconds(seconds.Value) : null;

    private static ChatFinishReason? Reason(string? reason) => reason is { Length: > 0 } ? new ChatFinishReason(reason) : null;

    private static UsageDetails? Details(Usage? usage) => usage is null ? null : new UsageDetails
    {
        InputTokenCount = usage.PromptTokens,
        OutputTokenCount = usage.CompletionTokens,
        TotalTokenCount = usage.TotalTokens,
    };
}
