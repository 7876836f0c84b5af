using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Polly;
using Polly.Retry;

namespace Tandem.Endpoints;

/// <summary>
/// Tries again after faults that may pass (<see cref="EndpointException.MayPass"/>): after exponentially growing waits with
/// jitter, or when the server says. A stream is tried again only until its first part has come.
/// </summary>
public sealed class RetryingChatClient : DelegatingChatClient
{
    private readonly ResiliencePipeline _pipeline;
    private int _retries;

    /// <summary>Wraps a client.</summary>
    /// <param name="inner">What makes one attempt.</param>
    /// <param name="configuration">How often and after which waits.</param>
    /// <param name="time">What waits; the system's by default.</param>
    /// <param name="jitter">Gives numbers in [0, 1) that spread the waits; the shared random numbers by default.</param>
    public RetryingChatClient(IChatClient inner, EndpointConfiguration configuration, TimeProvider? time = null, Func<double>? jitter = null)
        : base(inner)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var longest = TimeSpan.FromSeconds(configuration.LongestRetryDelaySeconds);
        var builder = new ResiliencePipelineBuilder { TimeProvider = time };
        if (configuration.Retries > 0)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = configuration.Retries,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = TimeSpan.FromSeconds(Math.Min(configuration.FirstRetryDelaySeconds, configuration.LongestRetryDelaySeconds)),
                MaxDelay = longest,
                Randomizer = jitter ?? Random.Shared.NextDouble,
                ShouldHandle = arguments => ValueTask.FromResult(
                    arguments.Outcome.Exception is EndpointException { MayPass: true } fault && (fault.RetryAfter ?? TimeSpan.Zero) <= longest),
                DelayGenerator = arguments => ValueTask.FromResult((arguments.Outcome.Exception as EndpointException)?.RetryAfter),
                OnRetry = _ =>
                {
                    Interlocked.Increment(ref _retries);
                    return ValueTask.CompletedTask;
                },
            });
        }

        _pipeline = builder.Build();
    }

    /// <summary>How many attempts were made again.</summary>
    public int Retries => Volatile.Read(ref _retries);

    /// <inheritdoc/>
    public override async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        await _pipeline.ExecuteAsync(
            async cancellation => await base.GetResponseAsync(messages, options, cancellation).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        (IAsyncEnumerator<ChatResponseUpdate> updates, bool any) = await _pipeline.ExecuteAsync(
            async cancellation =>
            {
                IAsyncEnumerator<ChatResponseUpdate> attempt =
                    base.GetStreamingResponseAsync(messages, options, cancellationToken).GetAsyncEnumerator(cancellationToken);
                try
                {
                    return (attempt, await attempt.MoveNextAsync().ConfigureAwait(false));
                }
                catch
                {
                    await attempt.DisposeAsync().ConfigureAwait(false);
                    throw;
                }
            },
            cancellationToken).ConfigureAwait(false);
        try
        {
            for (; any; any = await updates.MoveNextAsync().ConfigureAwait(false))
                yield return updates.Current;
        }
        finally
        {
            await updates.DisposeAsync().ConfigureAwait(false);
        }
    }
}
