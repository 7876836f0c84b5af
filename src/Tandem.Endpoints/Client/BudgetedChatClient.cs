using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace Tandem.Endpoints;

/// <summary>
/// Sends a request only if its worst case stays within the budget: a token for every byte of its body, and the longest reply
/// that it allows. Replies without usage, and requests that broke off, count as their worst case.
/// </summary>
public sealed class BudgetedChatClient : DelegatingChatClient
{
    // What chat templates put around messages, and their own system prompts.
    private const int TemplateTokens = 128;
    private const int TemplateTokensPerMessage = 16;

    private readonly EndpointConfiguration _configuration;
    private readonly ChatRequests _requests;
    private readonly SpendingLedger _ledger;

    /// <summary>Wraps a client.</summary>
    /// <param name="inner">What makes one attempt: each attempt is accounted for by itself.</param>
    /// <param name="configuration">The prices and the length of replies.</param>
    /// <param name="ledger">The account, with the budget.</param>
    public BudgetedChatClient(IChatClient inner, EndpointConfiguration configuration, SpendingLedger ledger)
        : base(inner)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        (_configuration, _requests, _ledger) = (configuration, new ChatRequests(configuration), ledger);
    }

    /// <inheritdoc/>
    /// <exception cref="Tensors.UserFaultException">The budget does not allow the request; it was not sent.</exception>
    public override async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        IList<ChatMessage> list = messages as IList<ChatMessage> ?? [.. messages];
        Spending worst = Worst(list, options);
        await _ledger.ReserveAsync(worst, cancellationToken).ConfigureAwait(false);
        Spending actual = worst;
        try
        {
            ChatResponse response = await base.GetResponseAsync(list, options, cancellationToken).ConfigureAwait(false);
            actual = Actual(response.Usage) ?? worst;
            return response;
        }
        catch (EndpointException fault) when (!fault.MayHaveBeenCharged)
        {
            actual = new Spending(Requests: 1);
            throw;
        }
        finally
        {
            _ledger.Settle(worst, actual);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="Tensors.UserFaultException">The budget does not allow the request; it was not sent.</exception>
    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        IList<ChatMessage> list = messages as IList<ChatMessage> ?? [.. messages];
        Spending worst = Worst(list, options);
        await _ledger.ReserveAsync(worst, cancellationToken).ConfigureAwait(false);
        Spending actual = worst;
        IAsyncEnumerator<ChatResponseUpdate> updates = base.GetStreamingResponseAsync(list, options, cancellationToken).GetAsyncEnumerator(cancellationToken);
        try
        {
            while (true)
            {
                try
                {
                    if (!await updates.MoveNextAsync().ConfigureAwait(false))
                        break;
                }
                catch (EndpointException fault) when (!fault.MayHaveBeenCharged)
                {
                    actual = new Spending(Requests: 1);
                    throw;
                }

                actual = Actual(updates.Current.Contents.OfType<UsageContent>().LastOrDefault()?.Details) ?? actual;
                yield return updates.Current;
            }
        }
        finally
        {
            await updates.DisposeAsync().ConfigureAwait(false);
            _ledger.Settle(worst, actual);
        }
    }

    private Spending Worst(IList<ChatMessage> messages, ChatOptions? options) => Priced(
        _requests.Body(messages, options, stream: false).Length + TemplateTokens + ((long)TemplateTokensPerMessage * messages.Count),
        _requests.MaximumOutputTokens(options));

    // Servers that fill the usage in with zeros do not know it.
    private Spending? Actual(UsageDetails? usage) =>
        usage is { InputTokenCount: > 0 } ? Priced(usage.InputTokenCount.Value, usage.OutputTokenCount ?? 0) : null;

    private Spending Priced(long input, long output) =>
        new(1, input, output, ((input * _configuration.InputPrice) + (output * _configuration.OutputPrice)) / 1_000_000);
}
