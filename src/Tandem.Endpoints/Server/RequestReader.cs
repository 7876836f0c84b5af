using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Tandem.Endpoints.Wire;

namespace Tandem.Endpoints;

/// <summary>Reads requests and checks what both kinds have in common. Nothing that would change the reply is ignored.</summary>
internal static class RequestReader
{
    private const int MostCandidates = 20;
    private const int MostChoices = 128;
    private const int MostStops = 16;

    // Fields that clients send and that do not change a reply.
    private static readonly HashSet<string> Harmless =
        ["user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "parallel_tool_calls"];

    /// <summary>The body as a record.</summary>
    /// <exception cref="ApiException">It is not JSON, or a field has the wrong type.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : SamplingRequest
    {
        // A page in a browser may send text anywhere without asking, but not JSON.
        if (!context.Request.HasJsonContentType())
            throw new ApiException(415, "The Content-Type must be application/json.");
        T? request;
        try
        {
            request = await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted).ConfigureAwait(false);
        }
        catch (JsonException error)
        {
            // The reader's own fault is inside where the text is no JSON, and absent where a value does not fit its field.
            string? parameter = error.InnerException is not JsonException && error.Path is { Length: > 2 } path && path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : null;
            string place = string.Create(CultureInfo.InvariantCulture, $"line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}");
            throw new ApiException(
                400, parameter is null ? $"The body is not valid JSON ({place})." : $"The value of '{parameter}' has the wrong type ({place}).", parameter);
        }

        return request ?? throw new ApiException(400, "The body is null; expected a JSON object.");
    }

    /// <summary>The choices of sampling that a request makes, on top of a prompt and a length.</summary>
    /// <exception cref="ApiException">A value is out of its range or not supported.</exception>
    public static TextRequest Sampling(SamplingRequest request, int[] prompt, int maximumNewTokens, int? candidates)
    {
        Range("temperature", request.Temperature, 0, 2);
        if (request.TopP is { } p && !(p > 0 && p <= 1))
            throw ApiException.Invalid("top_p", Invariant($"'top_p' is {p}; allowed: above 0, up to 1."));
        Range("top_k", request.TopK, -1, int.MaxValue);
        Range("n", request.N, 1, MostChoices);
        if (candidates is { } listed)
            Range(request is ChatRequest ? "top_logprobs" : "logprobs", listed, 0, MostCandidates);
        return new TextRequest
        {
            Prompt = prompt,
            MaximumNewTokens = maximumNewTokens,
            Temperature = request.Temperature ?? 1,
            TopP = request.TopP ?? 1,
            TopK = Math.Max(0, request.TopK ?? 0),
            Seed = (ulong)(request.Seed ?? Random.Shared.NextInt64()),
            Choices = request.N ?? 1,
            Candidates = candidates,
        };
    }

    /// <summary>Refuses fields that this server cannot heed, models that it does not have, and stops that can never come.</summary>
    public static void RequireSupported(SamplingRequest request, string model)
    {
        if (request.Model is { } wanted && wanted != model)
            throw new ApiException(404, $"The model '{wanted}' does not exist; this server has '{model}'.", "model", "model_not_found");
        Unsupported("frequency_penalty", request.FrequencyPenalty is { } f && f != 0);
        Unsupported("presence_penalty", request.PresencePenalty is { } p && p != 0);
        foreach ((string name, JsonElement value) in request.Rest ?? [])
        {
            if (!Harmless.Contains(name) && value.ValueKind != JsonValueKind.Null)
                throw ApiException.Invalid(name, $"This server does not know the parameter '{name}'.", "unknown_parameter");
        }

        if (request.Stop is { } stops && (stops.Count > MostStops || stops.Any(string.IsNullOrEmpty)))
            throw ApiException.Invalid("stop", $"'stop' must hold up to {MostStops} texts, none of them empty.");
        if (request.StreamOptions is not null && request.Stream != true)
            throw ApiException.Invalid("stream_options", "'stream_options' is only allowed when 'stream' is true.");
    }

    public static void Unsupported(string parameter, bool given)
    {
        if (given)
            throw ApiException.Invalid(parameter, $"This server does not support '{parameter}'.", "unsupported_parameter");
    }

    /// <summary>How many tokens to add to a prompt.</summary>
    /// <param name="model">The model.</param>
    /// <param name="promptTokens">The prompt's length.</param>
    /// <param name="wanted">What the request says, if anything.</param>
    /// <param name="parameter">The field that says it.</param>
    /// <param name="usual">What it is otherwise, if there is room.</param>
    /// <param name="least">The least that may be asked for.</param>
    public static int NewTokens(LocalModel model, int promptTokens, int? wanted, string parameter, int usual, int least)
    {
        Range(parameter, wanted, least, int.MaxValue);
        int room = model.Context - promptTokens;
        if (promptTokens == 0)
            throw ApiException.Invalid("prompt", "The prompt has no token.");
        if (room < Math.Max(wanted ?? 1, 0))
        {
            throw ApiException.Invalid(
                parameter,
                Invariant($"This model's maximum context length is {model.Context} tokens. You asked for {promptTokens + (long)(wanted ?? 1)} ({promptTokens} in the prompt, {wanted ?? 1} for the reply)."),
                "context_length_exceeded");
        }

        return wanted ?? Math.Min(usual, room);
    }

    public static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static void Range(string name, double? value, double least, double most)
    {
        if (value is { } number && !(number >= least && number <= most))
            throw ApiException.Invalid(name, Invariant($"'{name}' is {number}; allowed: {least} to {most}."));
    }
}
