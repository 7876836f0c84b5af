using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Tandem.Language;
using Tandem.Tensors;
using ChatRole = Microsoft.Extensions.AI.ChatRole;

namespace Tandem.Endpoints;

/// <summary>
/// A <see cref="LocalModel"/> as a chat client. Sampling is at temperature 1 where the options do not say, and from seed 0:
/// the same request has the same reply. Tools, penalties and JSON schemas are refused, not ignored.
/// </summary>
public sealed class LocalChatClient : IChatClient
{
    private readonly LocalModel _model;
    private readonly ChatTokens _chat;

    /// <summary>Creates a client.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <exception cref="UserFaultException">The model has no chat template.</exception>
    public LocalChatClient(LocalModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        (_model, _chat) = (model, model.Chat ?? throw new UserFaultException(
            $"The model {model.Name} has no chat template.", "Choose a model that was trained on conversations.", FaultKind.Usage));
    }

    /// <inheritdoc/>
    /// <exception cref="EndpointException">More requests wait than may.</exception>
    /// <exception cref="UserFaultException">The conversation does not fit the context, or an option is not supported.</exception>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var updates = new List<ChatResponseUpdate>();
        await foreach (ChatResponseUpdate update in GetStreamingResponseAsync(messages, options, cancellationToken).ConfigureAwait(false))
            updates.Add(update);
        return ReplyDetails.Join(updates);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        RequireSupported(options);
        TextRequest request = Request(messages, options);
        string id = $"local-{Guid.NewGuid():N}";
        int count = 0;
        Generation generation = Start(request, cancellationToken);
        await foreach (TextPart part in _model.ReadAsync(generation, new TokenText(_model.Tokenizer), [.. options?.StopSequences ?? []], cancellationToken).ConfigureAwait(false))
        {
            count = part.Count;
            yield return new ChatResponseUpdate(ChatRole.Assistant, part.Text)
            {
                ResponseId = id,
                MessageId = id,
                ModelId = _model.Name,
                FinishReason = part.FinishReason is { } reason ? new ChatFinishReason(reason) : null,
                AdditionalProperties = ReplyDetails.Properties(request.Candidates is null ? null : [.. part.Tokens.Select(_model.Show)]),
            };
        }

        yield return new ChatResponseUpdate(ChatRole.Assistant, [new UsageContent(new UsageDetails
        {
            InputTokenCount = request.Prompt.Length,
            OutputTokenCount = count,
            TotalTokenCount = request.Prompt.Length + count,
        })])
        {
            ResponseId = id,
            MessageId = id,
            ModelId = _model.Name,
        };
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? new ChatClientMetadata("tandem", null, _model.Name)
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(_model) ? _model : null;
    }

    /// <summary>Nothing to free: the model stays the caller's.</summary>
    public void Dispose()
    {
    }

    private Generation Start(TextRequest request, CancellationToken cancellation)
    {
        try
        {
            return _model.Start([request], cancellation)[0];
        }
        catch (QueueFullException full)
        {
            throw new EndpointException(EndpointFault.Status, full.Message, status: 429, code: "queue_full", inner: full);
        }
    }

    private TextRequest Request(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        List<ChatTurn> turns = [.. messages.Select(m => new ChatTurn(m.Role.Value, m.Text))];
        if (options?.Instructions is { Length: > 0 } instructions)
            turns.Insert(0, new ChatTurn(Language.ChatRole.System, instructions));
        int[] prompt = _chat(turns);
        int room = _model.Context - prompt.Length;
        if (prompt.Length == 0 || room < 1)
        {
            throw new UserFaultException(
                $"The conversation has {prompt.Length} tokens; allowed: 1 to {_model.Context - 1}.", "Shorten it, or give the model a longer context.");
        }

        return new TextRequest
        {
            Prompt = prompt,
            MaximumNewTokens = Math.Clamp(options?.MaxOutputTokens ?? room, 1, room),
            Temperature = options?.Temperature ?? 1,
            TopK = options?.TopK ?? 0,
            TopP = options?.TopP ?? 1,
            Seed = (ulong)((options?.Seed ?? 0) + ReplyDetails.Sample(options)),
            Candidates = ReplyDetails.Candidates(options),
        };
    }

    private static void RequireSupported(ChatOptions? options)
    {
        string? name = options?.Tools is { Count: > 0 } ? "tools"
            : options?.FrequencyPenalty is { } f && f != 0 ? "a frequency penalty"
            : options?.PresencePenalty is { } p && p != 0 ? "a presence penalty"
            : options?.ResponseFormat is ChatResponseFormatJson { Schema: not null } ? "a JSON schema" : null;
        if (name is not null)
            throw new UserFaultException($"A local model does not support {name}.", $"Ask without {name}.", FaultKind.Usage);
    }
}
