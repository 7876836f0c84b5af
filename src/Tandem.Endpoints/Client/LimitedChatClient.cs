using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace Tandem.Endpoints;

/// <summary>Keeps to the configured number of requests at once, and of requests and tokens in a minute; the rest waits in order.</summary>
public sealed class LimitedChatClient : DelegatingChatClient
{
    // Of text in most languages and vocabularies; what a reply really took is settled after it.
    private const double BytesPerToken = 4;

    private readonly ChatRequests _requests;
    private readonly SemaphoreSlim _slots;
    private readonly TokenBucket? _requestBucket;
    private readonly TokenBucket? _tokenBucket;

    /// <summary>Wraps a client.</summary>
    /// <param name="inner">What makes the requests.</param>
    /// <param name="configuration">The limits.</param>
    /// <param name="time">What the limits run on; the system's by default.</param>
    public LimitedChatClient(IChatClient inner, EndpointConfiguration configuration, TimeProvider? time = null)
        : base(inner)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        time ??= TimeProvider.System;
        _requests = new ChatRequests(configuration);
        _slots = new SemaphoreSlim(configuration.MaximumConcurrency);
        _requestBucket = configuration.RequestsPerMinute > 0 ? new TokenBucket(configuration.RequestsPerMinute, time) : null;
        _tokenBucket = configuration.TokensPerMinute > 0 ? new TokenBucket(configuration.TokensPerMinute, time) : null;
    }

    /// <inheritdoc/>
    public override async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            double taken = await TakeAsync(messages, options, cancellationToken).ConfigureAwait(false);
            ChatResponse response = await base.GetResponseAsync(messages, options, cancellationToken).ConfigureAwait(false);
            Settle(taken, response.Usage);
            return response;
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            double taken = await TakeAsync(messages, options, cancellationToken).ConfigureAwait(false);
            UsageDetails? usage = null;
            await foreach (ChatResponseUpdate update in base.GetStreamingResponseAsync(messages, options, cancellationToken).ConfigureAwait(false))
            {
                usage = update.Contents.OfType<UsageContent>().LastOrDefault()?.Details ?? usage;
                yield return update;
            }

            Settle(taken, usage);
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _slots.Dispose();
        base.Dispose(disposing);
    }

    private async Task<double> TakeAsync(IEnumerable<ChatMessage> messages, ChatOptions? options, CancellationToken cancellation)
    {
        if (_requestBucket is not null)
            await _requestBucket.TakeAsync(1, cancellation).ConfigureAwait(false);
        if (_tokenBucket is null)
            return 0;
        double tokens = (_requests.Body(messages, options, stream: false).Length / BytesPerToken) + _requests.MaximumOutputTokens(options);
        await _tokenBucket.TakeAsync(tokens, cancellation).ConfigureAwait(false);
        return tokens;
    }

    private void Settle(double taken, UsageDetails? usage)
    {
        if (usage is not null)
            _tokenBucket?.Give(taken - ((usage.InputTokenCount ?? 0) + (usage.OutputTokenCount ?? 0)));
    }
}
