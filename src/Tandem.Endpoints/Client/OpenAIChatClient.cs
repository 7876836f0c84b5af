using System.ClientModel;
using System.ClientModel.Primitives;
using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OpenAI;
using Tandem.Endpoints.Wire;

namespace Tandem.Endpoints;

/// <summary>
/// A model behind an OpenAI-compatible server. Requests go through the official client, which connects and authenticates;
/// bodies are read here, because other servers send what its types do not hold. It never tries twice.
/// </summary>
/// <remarks>All faults but cancellation are <see cref="EndpointException"/>.</remarks>
public sealed class OpenAIChatClient : IChatClient
{
    private const int LongestQuote = 300;

    private static readonly HttpClient SharedHttp = new(new SocketsHttpHandler
    {
        // A redirect would carry the request, and perhaps the key, to a server that nobody chose.
        AllowAutoRedirect = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    })
    { Timeout = Timeout.InfiniteTimeSpan };

    private readonly EndpointConfiguration _configuration;
    private readonly OpenAI.Chat.ChatClient _client;
    private readonly ChatRequests _requests;
    private readonly TimeProvider _time;
    private readonly string? _key;

    /// <summary>Creates a client; connects to nothing.</summary>
    /// <param name="configuration">The endpoint.</param>
    /// <param name="time">What timeouts run on; the system's by default.</param>
    /// <param name="http">What sends requests; a shared one by default.</param>
    /// <exception cref="Tensors.UserFaultException">The configuration is invalid, or its key's variable is not set.</exception>
    public OpenAIChatClient(EndpointConfiguration configuration, TimeProvider? time = null, HttpClient? http = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        (_configuration, _time) = (configuration.Validate(), time ?? TimeProvider.System);
        _requests = new ChatRequests(_configuration);
        _key = _configuration.ReadApiKey();
        _client = new OpenAI.Chat.ChatClient(
            _configuration.Model,
            // The official client wants a key even where the server does not.
            new ApiKeyCredential(_key ?? "none"),
            new OpenAIClientOptions
            {
                Endpoint = new Uri(_configuration.BaseAddress),
                Transport = new HttpClientPipelineTransport(http ?? SharedHttp),
                RetryPolicy = new ClientRetryPolicy(0),
                NetworkTimeout = Timeout.InfiniteTimeSpan,
            });
    }

    private TimeSpan Patience => TimeSpan.FromSeconds(_configuration.TimeoutSeconds);

    /// <inheritdoc/>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        byte[] body = _requests.Body(messages, options, stream: false);
        using var timeout = new CancellationTokenSource(Patience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            PipelineResponse response = await SendAsync(body, stream: false, either.Token).ConfigureAwait(false);
            return Read(response.Content.ToMemory());
        }
        catch (Exception error) when (Translate(error, timeout.Token, cancellationToken) is { } fault)
        {
            throw fault;
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        byte[] body = _requests.Body(messages, options, stream: true);
        using var timeout = new CancellationTokenSource(Patience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        var calls = new SortedDictionary<int, ToolCall>();
        bool finished = false;
        IAsyncEnumerator<SseItem<string>>? events = null;
        PipelineResponse? response = null;
        try
        {
            try
            {
                response = await SendAsync(body, stream: true, either.Token).ConfigureAwait(false);
                if (response.Headers.TryGetValue("Content-Type", out string? type) && type?.StartsWith("text/html", StringComparison.OrdinalIgnoreCase) == true)
                    throw Malformed("a web page in place of a stream");
                events = SseParser.Create(response.ContentStream!).EnumerateAsync(either.Token).GetAsyncEnumerator(either.Token);
            }
            catch (Exception error) when (Translate(error, timeout.Token, cancellationToken) is { } fault)
            {
                throw fault;
            }

            while (true)
            {
                ChatReply? reply;
                try
                {
                    timeout.CancelAfter(Patience);
                    if (!await events.MoveNextAsync().ConfigureAwait(false))
                        break;
                    if (events.Current.Data == "[DONE]")
                        break;
                    reply = Parse(Encoding.UTF8.GetBytes(events.Current.Data));
                }
                catch (Exception error) when (Translate(error, timeout.Token, cancellationToken) is { } fault)
                {
                    throw fault;
                }

                foreach (ToolCall part in (reply.Choices is [var choice, ..] ? choice.Delta?.ToolCalls : null) ?? [])
                    Merge(calls, part);
                ChatResponseUpdate update = ChatReplies.Update(reply);
                finished |= update.FinishReason is not null;
                if (update.FinishReason is not null)
                {
                    foreach (ToolCall call in calls.Values)
                        update.Contents.Add(ChatReplies.Call(call));
                    calls.Clear();
                }

                yield return update;
            }

            if (!finished)
                throw new EndpointException(EndpointFault.Connection, $"{_configuration.BaseAddress}: the stream ended in the middle of a reply.");
        }
        finally
        {
            if (events is not null)
                await events.DisposeAsync().ConfigureAwait(false);
            response?.Dispose();
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        if (serviceType == typeof(ChatClientMetadata))
            return new ChatClientMetadata("openai", new Uri(_configuration.BaseAddress), _configuration.Model);
        return serviceType.IsInstanceOfType(this) ? this : serviceType.IsInstanceOfType(_client) ? _client : null;
    }

    /// <summary>Nothing to free: connections are shared.</summary>
    public void Dispose()
    {
    }

    private async Task<PipelineResponse> SendAsync(byte[] body, bool stream, CancellationToken cancellation)
    {
        using var content = BinaryContent.Create(BinaryData.FromBytes(body));
        var options = new RequestOptions { CancellationToken = cancellation, BufferResponse = !stream };
        if (stream)
            options.AddHeader("Accept", "text/event-stream");
        ClientResult result = await _client.CompleteChatAsync(content, options).ConfigureAwait(false);
        return result.GetRawResponse();
    }

    private ChatResponse Read(ReadOnlyMemory<byte> body) =>
        ChatReplies.Response(Parse(body)) ?? throw Malformed($"a reply without a message: {Quote(body)}");

    private ChatReply Parse(ReadOnlyMemory<byte> body)
    {
        ChatReply reply;
        try
        {
            reply = JsonSerializer.Deserialize(body.Span, WireJson.Plain.ChatReply) ?? throw Malformed("null");
        }
        catch (JsonException error)
        {
            throw Malformed($"a reply that is not of the protocol ({error.Message.ReplaceLineEndings(" ")}): {Quote(body)}", error);
        }

        return reply.Error is { } fault ? throw FromError(fault, status: 200, retryAfter: null) : reply;
    }

    private static void Merge(SortedDictionary<int, ToolCall> calls, ToolCall part)
    {
        int index = part.Index ?? 0;
        ToolCall known = calls.GetValueOrDefault(index) ?? new ToolCall { Function = new ToolFunction() };
        calls[index] = known with
        {
            Id = known.Id ?? part.Id,
            Function = new ToolFunction { Name = known.Function!.Name ?? part.Function?.Name, Arguments = known.Function.Arguments + part.Function?.Arguments },
        };
    }

    /// <summary>What an error means; null for the caller's own cancellation and for faults that are clear already.</summary>
    private EndpointException? Translate(Exception error, CancellationToken timeout, CancellationToken caller) => error switch
    {
        EndpointException => null,
        _ when caller.IsCancellationRequested => null,
        _ when timeout.IsCancellationRequested => new EndpointException(
            EndpointFault.Timeout,
            string.Create(CultureInfo.InvariantCulture, $"{_configuration.BaseAddress}: nothing came within {_configuration.TimeoutSeconds} seconds."),
            inner: error),
        ClientResultException { Status: > 0 } failure => FromStatus(failure),
        ClientResultException or IOException or HttpRequestException or OperationCanceledException => new EndpointException(
            EndpointFault.Connection, $"{_configuration.BaseAddress}: {Clean(error.Message)}", inner: error),
        _ => null,
    };

    private EndpointException FromStatus(ClientResultException failure)
    {
        ErrorBody? said = null;
        PipelineResponse? response = failure.GetRawResponse();
        ReadOnlyMemory<byte> body = default;
        try
        {
            body = response?.Content.ToMemory() ?? default;
            said = JsonSerializer.Deserialize(body.Span, WireJson.Plain.ErrorReply)?.Error;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Not OpenAI's form of an error: what was said is quoted.
        }

        return FromError(said ?? new ErrorBody { Message = Quote(body) }, failure.Status, response is null ? null : RetryAfter(response));
    }

    // Without the inner error: its message holds the body, and in it perhaps the key.
    private EndpointException FromError(ErrorBody said, int status, TimeSpan? retryAfter)
    {
        string code = said.Code ?? said.Type ?? "";
        string message = string.Create(
            CultureInfo.InvariantCulture, $"{_configuration.BaseAddress}: status {status}{(code.Length > 0 ? $" ({Clean(code)})" : "")}: {Clean(said.Message ?? "")}");
        EndpointFault kind = code is "content_filter" or "content_policy_violation" ? EndpointFault.Filtered
            : status == 200 ? EndpointFault.Connection : EndpointFault.Status;
        return new EndpointException(kind, message, status, said.Code ?? said.Type, retryAfter);
    }

    private TimeSpan? RetryAfter(PipelineResponse response)
    {
        if (response.Headers.TryGetValue("retry-after-ms", out string? text)
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double milliseconds) && milliseconds is >= 0 and < 1e9)
        {
            return TimeSpan.FromMilliseconds(milliseconds);
        }

        if (!response.Headers.TryGetValue("Retry-After", out text))
            return null;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds))
            return seconds is >= 0 and < 1e6 ? TimeSpan.FromSeconds(seconds) : null;
        return !DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset date) ? null
            : date > _time.GetUtcNow() ? date - _time.GetUtcNow() : TimeSpan.Zero;
    }

    private EndpointException Malformed(string what, Exception? inner = null) =>
        new(EndpointFault.Malformed, $"{_configuration.BaseAddress}: {Clean(what)}", inner: inner);

    private string Quote(ReadOnlyMemory<byte> body)
    {
        // The key goes before the text is cut, or half of it might stay.
        string text = Clean(Encoding.UTF8.GetString(body.Span));
        return text.Length <= LongestQuote ? text : string.Concat(text.AsSpan(0, LongestQuote), "…");
    }

    /// <summary>One line, without the key: some servers repeat it in their errors.</summary>
    private string Clean(string text)
    {
        text = text.ReplaceLineEndings(" ").Trim();
        return _key is null ? text : text.Replace(_key, "(key)", StringComparison.Ordinal);
    }
}
