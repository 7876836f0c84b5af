using System.Text.Json;

namespace Tandem.Endpoints.Wire;

/// <summary>The body of a request to <c>/v1/completions</c>.</summary>
internal sealed record CompletionRequest : SamplingRequest
{
    /// <summary>A text, a list of texts, a list of tokens, or a list of lists of tokens.</summary>
    public JsonElement? Prompt { get; init; }

    public bool? Echo { get; init; }

    /// <summary>How many of the likeliest tokens are listed at each place; null for no log-probabilities.</summary>
    public int? Logprobs { get; init; }
}

internal sealed record CompletionReply
{
    public required string Id { get; init; }

    public string Object { get; init; } = "text_completion";

    public required long Created { get; init; }

    public required string Model { get; init; }

    public required IReadOnlyList<CompletionChoice> Choices { get; init; }

    public Usage? Usage { get; init; }
}

internal sealed record CompletionChoice
{
    public required int Index { get; init; }

    public required string Text { get; init; }

    public CompletionLogprobs? Logprobs { get; init; }

    public string? FinishReason { get; init; }
}

/// <summary>The log-probabilities of a completion, token by token; that of a text's first token is null.</summary>
internal sealed record CompletionLogprobs
{
    public required IReadOnlyList<string> Tokens { get; init; }

    public required IReadOnlyList<double?> TokenLogprobs { get; init; }

    public required IReadOnlyList<IReadOnlyDictionary<string, double>?> TopLogprobs { get; init; }

    public required IReadOnlyList<int> TextOffset { get; init; }
}

internal sealed record ModelList
{
    public string Object { get; init; } = "list";

    public required IReadOnlyList<ModelEntry> Data { get; init; }
}

internal sealed record ModelEntry
{
    public required string Id { get; init; }

    public string Object { get; init; } = "model";

    public required long Created { get; init; }

    public string OwnedBy { get; init; } = "tandem";

    /// <summary>The longest sequence, prompt and reply together, in tokens.</summary>
    public required int MaxModelLen { get; init; }
}

internal sealed record Health
{
    public string Status { get; init; } = "ok";

    public required string Model { get; init; }

    public required int Running { get; init; }

    public required int Waiting { get; init; }
}
