using System.Threading.Channels;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Endpoints;

/// <summary>A prompt to continue.</summary>
internal sealed record GenerationRequest
{
    /// <summary>One token or more.</summary>
    public required int[] Prompt { get; init; }

    /// <summary>The most tokens to add; 0 only looks at the prompt.</summary>
    public required int MaximumNewTokens { get; init; }

    /// <summary>How tokens are chosen. It belongs to this request: samplers hold working memory.</summary>
    public required Sampler Sampler { get; init; }

    /// <summary>What draws.</summary>
    public required RandomStream Random { get; init; }

    /// <summary>The sequence ends after one of these.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>How many of the likeliest tokens are listed at each place; null for no log-probabilities.</summary>
    public int? Candidates { get; init; }

    /// <summary>Whether the prompt's own tokens are scored too.</summary>
    public bool ScoresPrompt { get; init; }
}

/// <summary>A token with its log-probability under the model itself, at temperature 1 and without any cut.</summary>
/// <param name="Token">The token.</param>
/// <param name="LogProbability">In nats; NaN where it was not asked for, and for a prompt's first token.</param>
/// <param name="Candidates">The likeliest tokens at its place, the likeliest first.</param>
internal readonly record struct GeneratedToken(int Token, double LogProbability, IReadOnlyList<(int Token, double LogProbability)> Candidates);

/// <summary>A request under way.</summary>
internal sealed class Generation(GenerationRequest request, CancellationToken cancellation)
{
    private readonly Channel<GeneratedToken> _tokens = Channel.CreateUnbounded<GeneratedToken>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly TaskCompletionSource<IReadOnlyList<GeneratedToken>> _prompt = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private volatile bool _left;

    public GenerationRequest Request => request;

    public bool IsCancelled => _left || cancellation.IsCancellationRequested;

    /// <summary>The new tokens, a stop token included. Ends with <see cref="OperationCanceledException"/> when cancelled.</summary>
    public ChannelReader<GeneratedToken> Tokens => _tokens.Reader;

    /// <summary>The scores of the prompt's tokens, if they were asked for.</summary>
    public Task<IReadOnlyList<GeneratedToken>> Prompt => _prompt.Task;

    /// <summary>How many tokens were chosen.</summary>
    public int Count { get; private set; }

    public int LastToken { get; private set; }

    /// <summary>Adds a token; returns whether another is wanted.</summary>
    public bool Add(GeneratedToken token)
    {
        (LastToken, Count) = (token.Token, Count + 1);
        _tokens.Writer.TryWrite(token);
        return Count < request.MaximumNewTokens && !request.StopTokens.Contains(token.Token);
    }

    /// <summary>Nobody reads on: the model need not work for it any more.</summary>
    public void Leave() => _left = true;

    public void SetPrompt(IReadOnlyList<GeneratedToken> tokens) => _prompt.TrySetResult(tokens);

    /// <summary>Ends it; with a fault if there was one.</summary>
    public void End(Exception? fault = null)
    {
        fault ??= IsCancelled ? new OperationCanceledException(cancellation) : null;
        if (fault is null)
            _prompt.TrySetResult([]);
        else if (_prompt.TrySetException(fault))
            _ = _prompt.Task.Exception;
        _tokens.Writer.TryComplete(fault);
    }
}

/// <summary>More requests wait than may.</summary>
internal sealed class QueueFullException(int waiting) : Exception($"{waiting} requests are waiting already; try again later.");
