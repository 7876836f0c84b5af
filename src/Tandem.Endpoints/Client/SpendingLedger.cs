using System.Globalization;
using System.Text.Json;
using Tandem.Endpoints.Wire;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Endpoints;

/// <summary>What was spent at an endpoint.</summary>
/// <param name="Requests">Requests that were sent.</param>
/// <param name="InputTokens">Tokens of prompts.</param>
/// <param name="OutputTokens">Tokens of replies.</param>
/// <param name="Money">Money, in the unit of the prices.</param>
public sealed record Spending(long Requests = 0, long InputTokens = 0, long OutputTokens = 0, decimal Money = 0)
{
    internal long Tokens => InputTokens + OutputTokens;

    internal Spending Plus(Spending other) =>
        new(Requests + other.Requests, InputTokens + other.InputTokens, OutputTokens + other.OutputTokens, Money + other.Money);

    internal Spending Less(Spending other) =>
        new(Requests - other.Requests, InputTokens - other.InputTokens, OutputTokens - other.OutputTokens, Money - other.Money);
}

/// <summary>
/// Keeps the account of what was spent, on disk, and refuses what could pass the budget. The worst case of a request is
/// written down before it is sent: after a crash, requests without an end count as if they had cost that.
/// </summary>
/// <remarks>One ledger serves any number of clients of one process. Two processes must not share its file.</remarks>
public sealed class SpendingLedger
{
    private readonly Lock _lock = new();
    private readonly string? _path;
    private readonly long? _budgetTokens;
    private readonly decimal? _budgetMoney;
    private Spending _spent = new();
    private Spending _reserved = new();
    private TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Opens an account, or goes on with the one that the file holds.</summary>
    /// <param name="path">The file; null keeps the account in memory.</param>
    /// <param name="budgetTokens">The most tokens in all; null for no limit.</param>
    /// <param name="budgetMoney">The most money in all; null for no limit.</param>
    /// <exception cref="UserFaultException">The file cannot be read.</exception>
    public SpendingLedger(string? path = null, long? budgetTokens = null, decimal? budgetMoney = null)
    {
        (_path, _budgetTokens, _budgetMoney) = (path, budgetTokens, budgetMoney);
        if (path is null || !File.Exists(path))
            return;
        try
        {
            LedgerFile file = JsonSerializer.Deserialize(File.ReadAllBytes(path), WireJson.Plain.LedgerFile) ?? throw new JsonException("null");
            _spent = file.Spent.Plus(file.Reserved);
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException(
                $"Cannot read the account of what was spent, {path}: {error.Message.ReplaceLineEndings(" ")}",
                "Restore the file, or remove it to begin at nothing.", inner: error);
        }
    }

    /// <summary>What was spent so far, without requests that are under way.</summary>
    public Spending Spent
    {
        get
        {
            lock (_lock)
                return _spent;
        }
    }

    /// <summary>Sets the worst case of a request aside. Waits for requests under way where what they give back may make room.</summary>
    /// <param name="worst">The most that the request can cost.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="UserFaultException">The budget does not allow the request.</exception>
    internal async Task ReserveAsync(Spending worst, CancellationToken cancellation)
    {
        while (true)
        {
            Task settled;
            lock (_lock)
            {
                if (Excess(_spent.Plus(worst)) is { } excess)
                {
                    throw new UserFaultException(
                        $"The next request could pass the budget: {excess}, after {_spent.Requests} requests.", "Raise the budget, or ask for shorter replies.");
                }

                if (Excess(_spent.Plus(_reserved).Plus(worst)) is null)
                {
                    _reserved = _reserved.Plus(worst);
                    Write();
                    return;
                }

                settled = _settled.Task;
            }

            await settled.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Puts what a request really cost in the place of its worst case.</summary>
    internal void Settle(Spending worst, Spending actual)
    {
        TaskCompletionSource settled;
        lock (_lock)
        {
            _reserved = _reserved.Less(worst);
            _spent = _spent.Plus(actual);
            (settled, _settled) = (_settled, new(TaskCreationOptions.RunContinuationsAsynchronously));
            Write();
        }

        settled.SetResult();
    }

    private string? Excess(Spending total)
    {
        if (total.Tokens > _budgetTokens)
            return string.Create(CultureInfo.InvariantCulture, $"{_spent.Tokens} tokens spent, {total.Tokens - _spent.Tokens} at most for it, {_budgetTokens} allowed");
        return total.Money > _budgetMoney
            ? string.Create(CultureInfo.InvariantCulture, $"{_spent.Money:0.######} spent, {total.Money - _spent.Money:0.######} at most for it, {_budgetMoney:0.######} allowed")
            : null;
    }

    private void Write()
    {
        if (_path is not null)
            AtomicFile.WriteText(_path, JsonSerializer.Serialize(new LedgerFile { Spent = _spent, Reserved = _reserved }, WireJson.Plain.LedgerFile) + "\n");
    }
}
