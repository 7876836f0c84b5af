using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tandem.Endpoints.Wire;

/// <summary>The body of a request to <c>/v1/chat/completions</c>, as both sides of the wire use it.</summary>
internal sealed record ChatRequest : SamplingRequest
{
    public IReadOnlyList<ChatRequestMessage>? Messages { get; init; }

    public bool? Logprobs { get; init; }

    public int? TopLogprobs { get; init; }

    public int? MaxCompletionTokens { get; init; }

    public JsonElement? Tools { get; init; }

    public JsonElement? ToolChoice { get; init; }

    public JsonElement? ResponseFormat { get; init; }
}

/// <summary>What requests for chats and for completions have in common.</summary>
internal abstract record SamplingRequest
{
    public string? Model { get; init; }

    public int? MaxTokens { get; init; }

    public double? Temperature { get; init; }

    public double? TopP { get; init; }

    public int? TopK { get; init; }

    public double? FrequencyPenalty { get; init; }

    public double? PresencePenalty { get; init; }

    public int? N { get; init; }

    public long? Seed { get; init; }

    [JsonConverter(typeof(StringOrListConverter))]
    public IReadOnlyList<string>? Stop { get; init; }

    public bool? Stream { get; init; }

    public StreamOptions? StreamOptions { get; init; }

    /// <summary>Fields without a place of their own.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Rest { get; set; }
}

internal sealed record StreamOptions
{
    public bool? IncludeUsage { get; init; }
}

/// <summary>A message of a request. Its content is a text or a list of parts.</summary>
internal sealed record ChatRequestMessage
{
    public string? Role { get; init; }

    public JsonElement? Content { get; init; }

    public string? Name { get; init; }

    public string? ToolCallId { get; init; }

    public IReadOnlyList<ToolCall>? ToolCalls { get; init; }
}

internal sealed record ToolCall
{
    public int? Index { get; init; }

    public string? Id { get; init; }

    public string? Type { get; init; }

    public ToolFunction? Function { get; init; }
}

internal sealed record ToolFunction
{
    public string? Name { get; init; }

    public string? Arguments { get; init; }
}

/// <summary>A reply, or with <see cref="ChatChoice.Delta"/> one event of a streamed reply.</summary>
internal sealed record ChatReply
{
    public string? Id { get; init; }

    public string? Object { get; init; }

    public long? Created { get; init; }

    public string? Model { get; init; }

    public IReadOnlyList<ChatChoice>? Choices { get; init; }

    public Usage? Usage { get; init; }

    /// <summary>Servers whose stream fails half-way send it as an event.</summary>
    public ErrorBody? Error { get; init; }
}

internal sealed record ChatChoice
{
    public int Index { get; init; }

    public ChatReplyMessage? Message { get; init; }

    public ChatReplyMessage? Delta { get; init; }

    public ChatLogprobs? Logprobs { get; init; }

    public string? FinishReason { get; init; }
}

internal sealed record ChatReplyMessage
{
    public string? Role { get; init; }

    public string? Content { get; init; }

    public string? Refusal { get; init; }

    public IReadOnlyList<ToolCall>? ToolCalls { get; init; }
}

internal sealed record ChatLogprobs
{
    public IReadOnlyList<ChatLogprob>? Content { get; init; }
}

internal record TopLogprob
{
    public string? Token { get; init; }

    public double Logprob { get; init; }

    public IReadOnlyList<int>? Bytes { get; init; }
}

internal sealed record ChatLogprob : TopLogprob
{
    public IReadOnlyList<TopLogprob>? TopLogprobs { get; init; }
}

internal sealed record Usage
{
    public long PromptTokens { get; init; }

    public long CompletionTokens { get; init; }

    public long TotalTokens { get; init; }
}

internal sealed record ErrorReply
{
    public ErrorBody? Error { get; init; }
}

internal sealed record ErrorBody
{
    public string? Message { get; init; }

    public string? Type { get; init; }

    public string? Param { get; init; }

    /// <summary>A text with OpenAI, a number with some other servers.</summary>
    [JsonConverter(typeof(LooseTextConverter))]
    public string? Code { get; init; }
}
