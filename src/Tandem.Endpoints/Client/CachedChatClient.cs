using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Tandem.Endpoints.Wire;

namespace Tandem.Endpoints;

/// <summary>
/// Answers a request that was answered before from a <see cref="ReplyCache"/>; equal requests at the same time make one call.
/// Faults are not kept. Samples of one request are told apart by <see cref="ReplyDetails.WithSample"/>.
/// </summary>
public sealed class CachedChatClient : DelegatingChatClient
{
    private readonly ReplyCache _cache;
    private readonly Func<IEnumerable<ChatMessage>, ChatOptions?, byte[]> _identity;
    private readonly Dictionary<string, TaskCompletionSource<ChatReply?>> _underWay = new(StringComparer.Ordinal);

    /// <summary>Wraps the client of an endpoint.</summary>
    /// <param name="inner">What is asked where the cache has nothing.</param>
    /// <param name="configuration">The endpoint: its address, model and defaults are part of what decides a reply.</param>
    /// <param name="cache">The replies.</param>
    public CachedChatClient(IChatClient inner, EndpointConfiguration configuration, ReplyCache cache)
        : base(inner)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        (_cache, _identity) = (cache, new ChatRequests(configuration).Identity);
    }

    /// <inheritdoc/>
    public override async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        IList<ChatMessage> list = messages as IList<ChatMessage> ?? [.. messages];
        byte[] request = _identity(list, options);
        string key = ReplyCache.Key(request);
        if (await BeginAsync(key, request, cancellationToken).ConfigureAwait(false) is { } known)
            return known;

        ChatReply? reply = null;
        Exception? fault = null;
        try
        {
            ChatResponse response = await base.GetResponseAsync(list, options, cancellationToken).ConfigureAwait(false);
            _cache.Store(key, request, reply = ChatReplies.Wire(response));
            return response;
        }
        catch (Exception error)
        {
            fault = error;
            throw;
        }
        finally
        {
            End(key, reply, fault);
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        IList<ChatMessage> list = messages as IList<ChatMessage> ?? [.. messages];
        byte[] request = _identity(list, options);
        string key = ReplyCache.Key(request);
        if (await BeginAsync(key, request, cancellationToken).ConfigureAwait(false) is { } known)
        {
            foreach (ChatResponseUpdate update in known.ToChatResponseUpdates())
                yield return update;
            yield break;
        }

        ChatReply? reply = null;
        try
        {
            var updates = new List<ChatResponseUpdate>();
            await foreach (ChatResponseUpdate update in base.GetStreamingResponseAsync(list, options, cancellationToken).ConfigureAwait(false))
            {
                updates.Add(update);
                yield return update;
            }

            _cache.Store(key, request, reply = ChatReplies.Wire(ReplyDetails.Join(updates)));
        }
        finally
        {
            // Whoever waits for a stream that was left or broke off asks by itself.
            End(key, reply, null);
        }
    }

    /// <summary>A reply that is there already or that an equal request brings; null when the caller has to ask, and then to <see cref="End"/>.</summary>
    private async Task<ChatResponse?> BeginAsync(string key, byte[] request, CancellationToken cancellation)
    {
        while (true)
        {
            TaskCompletionSource<ChatReply?>? other;
            lock (_underWay)
            {
                if (!_underWay.TryGetValue(key, out other))
                {
                    // Within the lock: between a look at the disk and the entry here, an equal request might come and go.
                    if (_cache.Find(key, request) is { } stored)
                        return Cached(stored);
                    _underWay.Add(key, new(TaskCreationOptions.RunContinuationsAsynchronously));
                    _cache.CountMiss();
                    return null;
                }
            }

            if (await other.Task.WaitAsync(cancellation).ConfigureAwait(false) is { } shared)
            {
                _cache.CountShared();
                return Cached(shared);
            }
        }
    }

    private void End(string key, ChatReply? reply, Exception? fault)
    {
        TaskCompletionSource<ChatReply?> own;
        lock (_underWay)
        {
            own = _underWay[key];
            _underWay.Remove(key);
        }

        // The fault is everyone's, but that one caller gave up is its own affair.
        if (reply is null && fault is not null and not OperationCanceledException)
        {
            own.SetException(fault);
            _ = own.Task.Exception;
        }
        else
        {
            own.SetResult(reply);
        }
    }

    private static ChatResponse Cached(ChatReply reply)
    {
        ChatResponse response = ChatReplies.Response(reply)!;
        ReplyDetails.MarkCached(response);
        return response;
    }
}
