using Microsoft.Extensions.AI;

namespace Tandem.Endpoints;

/// <summary>Puts the client of an endpoint together.</summary>
public static class EndpointClients
{
    /// <summary>
    /// A client that answers from the cache what it can, tries again, keeps to limits and budget, and only then asks. Each
    /// attempt waits for the limits and is accounted for by itself.
    /// </summary>
    /// <param name="configuration">The endpoint.</param>
    /// <param name="cache">The replies so far; null asks every time.</param>
    /// <param name="ledger">The account; null makes one in memory with the configuration's budget.</param>
    /// <param name="time">What timeouts, waits and limits run on; the system's by default.</param>
    /// <param name="http">What sends requests; a shared one by default.</param>
    /// <exception cref="Tensors.UserFaultException">The configuration is invalid, or its key's variable is not set.</exception>
    public static IChatClient Create(
        EndpointConfiguration configuration, ReplyCache? cache = null, SpendingLedger? ledger = null, TimeProvider? time = null, HttpClient? http = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        IChatClient client = new OpenAIChatClient(configuration, time, http);
        client = new BudgetedChatClient(client, configuration, ledger ?? new SpendingLedger(null, configuration.BudgetTokens, configuration.BudgetMoney));
        client = new LimitedChatClient(client, configuration, time);
        client = new RetryingChatClient(client, configuration, time);
        return cache is null ? client : new CachedChatClient(client, configuration, cache);
    }
}
