using Microsoft.Extensions.AI;
using Tandem.Tensors;

namespace Tandem.Endpoints.Tests;

/// <summary>Budgets, limits and the cache: what keeps calls from being made.</summary>
public sealed class CostTests
{
    private static ChatMessage[] Ask(string text) => [new(ChatRole.User, text)];

    [Fact]
    public async Task Budget_StopsBeforeTheCallThatCouldPassIt()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Says("Hi", prompt: 100, completion: 50));
        using var folder = new TemporaryFolder();

        // The worst case of one request is below 400 tokens, its real cost is 150.
        EndpointConfiguration configuration = server.Configuration with { BudgetTokens = 800, InputPrice = 2, OutputPrice = 10 };
        var ledger = new SpendingLedger(folder["spending.json"], configuration.BudgetTokens);
        using IChatClient client = EndpointClients.Create(configuration, ledger: ledger);
        UserFaultException? fault = null;
        while (fault is null)
        {
            try
            {
                await client.GetResponseAsync(Ask("x"));
            }
            catch (UserFaultException stop)
            {
                fault = stop;
            }
        }

        Assert.Equal(server.Calls, ledger.Spent.Requests);
        Assert.InRange(ledger.Spent.InputTokens + ledger.Spent.OutputTokens, 401, 800);
        Assert.Equal(server.Calls * (100 * 2m + 50 * 10m) / 1_000_000, ledger.Spent.Money);
        Assert.Contains("budget", fault.Message, StringComparison.Ordinal);

        int calls = server.Calls;
        var resumed = new SpendingLedger(folder["spending.json"], configuration.BudgetTokens);
        Assert.Equal(ledger.Spent, resumed.Spent);
        using IChatClient second = EndpointClients.Create(configuration, ledger: resumed);
        await Assert.ThrowsAsync<UserFaultException>(() => second.GetResponseAsync(Ask("x")));
        Assert.Equal(calls, server.Calls);
    }

    [Fact]
    public async Task Budget_OfMoney_HoldsWithManyAtOnce()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Says("Hi", prompt: 100, completion: 50));
        EndpointConfiguration configuration = server.Configuration with { InputPrice = 1000, OutputPrice = 1000, BudgetMoney = 1m };
        var ledger = new SpendingLedger(null, null, configuration.BudgetMoney);
        using IChatClient client = EndpointClients.Create(configuration, ledger: ledger);
        bool[] answered = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            try
            {
                await client.GetResponseAsync(Ask("x"));
                return true;
            }
            catch (UserFaultException)
            {
                return false;
            }
        }));
        Assert.Equal(server.Calls, answered.Count(a => a));
        Assert.InRange(ledger.Spent.Money, 0.5m, 1m);
    }

    [Fact]
    public async Task Budget_OfARequestWithoutUsage_IsItsWorstCase()
    {
        await using FakeServer server = await FakeServer.StartAsync(
            FakeServer.Body("""{"choices": [{"message": {"content": "Hi"}}]}"""), FakeServer.Error(500), FakeServer.Body("<html>"));
        var ledger = new SpendingLedger();
        using IChatClient client = EndpointClients.Create(server.Configuration with { Retries = 0 }, ledger: ledger);
        Assert.Equal("Hi", (await client.GetResponseAsync(Ask("x"))).Text);
        Spending first = ledger.Spent;
        Assert.Equal((1, 100), (first.Requests, first.OutputTokens));
        Assert.InRange(first.InputTokens, 60, 400);
        await Assert.ThrowsAsync<EndpointException>(() => client.GetResponseAsync(Ask("x")));
        Assert.Equal(first with { Requests = 2 }, ledger.Spent);
        await Assert.ThrowsAsync<EndpointException>(() => client.GetResponseAsync(Ask("x")));
        Assert.Equal(new Spending(3, 2 * first.InputTokens, 200), ledger.Spent);
    }

    [Fact]
    public async Task Ledger_AfterACrash_CountsRequestsUnderWayAsTheirWorstCase()
    {
        using var folder = new TemporaryFolder();
        var ledger = new SpendingLedger(folder["spending.json"]);
        await ledger.ReserveAsync(new Spending(1, 30, 100, 0.5m), CancellationToken.None);
        Assert.Equal(new Spending(), ledger.Spent);
        Assert.Equal(new Spending(1, 30, 100, 0.5m), new SpendingLedger(folder["spending.json"]).Spent);
        File.WriteAllText(folder["spending.json"], "{");
        Assert.Contains("spending.json", Assert.Throws<UserFaultException>(() => new SpendingLedger(folder["spending.json"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cache_SameRequest_MakesOneCall()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Says("one"), FakeServer.Says("two"), FakeServer.Says("three"));
        using var folder = new TemporaryFolder();
        var cache = new ReplyCache(folder.Path);
        using IChatClient client = EndpointClients.Create(server.Configuration, cache);
        Assert.False((await client.GetResponseAsync(Ask("x"))).IsCached());
        ChatResponse again = await client.GetResponseAsync(Ask("x"));
        Assert.Equal(("one", true, 5L), (again.Text, again.IsCached(), again.Usage!.OutputTokenCount!.Value));
        Assert.Equal("two", (await client.GetResponseAsync(Ask("x"), new ChatOptions().WithSample(1))).Text);
        Assert.Equal("three", (await client.GetResponseAsync(Ask("x"), new ChatOptions { Temperature = 0.1f })).Text);
        Assert.Equal((3, 3L, 1L), (server.Calls, cache.Misses, cache.Hits));

        using IChatClient later = EndpointClients.Create(server.Configuration, new ReplyCache(folder.Path));
        Assert.Equal("two", (await later.GetResponseAsync(Ask("x"), new ChatOptions().WithSample(1))).Text);
        string streamed = "";
        await foreach (ChatResponseUpdate update in later.GetStreamingResponseAsync(Ask("x")))
            streamed += update.Text;
        Assert.Equal(("one", 3), (streamed, server.Calls));
    }

    [Fact]
    public async Task Cache_StreamedReply_IsStoredWhole()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Events(abort: false, FakeServer.Delta("He"), FakeServer.Delta("y", "stop"), "[DONE]"));
        using var folder = new TemporaryFolder();
        using IChatClient client = EndpointClients.Create(server.Configuration, new ReplyCache(folder.Path));
        await foreach (ChatResponseUpdate _ in client.GetStreamingResponseAsync(Ask("x")))
        {
        }

        ChatResponse reply = await client.GetResponseAsync(Ask("x"));
        Assert.Equal(("Hey", true, ChatFinishReason.Stop, 1), (reply.Text, reply.IsCached(), reply.FinishReason, server.Calls));
    }

    [Fact]
    public async Task Cache_CorruptEntry_IsReplaced()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Says("one"), FakeServer.Says("two"));
        using var folder = new TemporaryFolder();
        var cache = new ReplyCache(folder.Path);
        using IChatClient client = EndpointClients.Create(server.Configuration, cache);
        await client.GetResponseAsync(Ask("x"));
        string file = Assert.Single(Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories));
        File.WriteAllText(file, File.ReadAllText(file)[..^20]);
        Assert.Equal("two", (await client.GetResponseAsync(Ask("x"))).Text);
        Assert.Equal("two", (await client.GetResponseAsync(Ask("x"))).Text);
        Assert.Equal((2, 1L, 1L), (server.Calls, cache.Corrupt, cache.Hits));
    }

    [Fact]
    public async Task Cache_EqualRequestsAtOnce_MakeOneCall()
    {
        var go = new TaskCompletionSource();
        await using FakeServer server = await FakeServer.StartAsync(async context =>
        {
            await go.Task;
            await FakeServer.Says("one")(context);
        });
        using var folder = new TemporaryFolder();
        var cache = new ReplyCache(folder.Path);
        using IChatClient client = EndpointClients.Create(server.Configuration, cache);
        Task<ChatResponse>[] asked = [.. Enumerable.Range(0, 10).Select(_ => client.GetResponseAsync(Ask("x")))];
        go.SetResult();
        Assert.All(await Task.WhenAll(asked), reply => Assert.Equal("one", reply.Text));
        Assert.Equal((1, 1L, 9L), (server.Calls, cache.Misses, cache.Hits + cache.Shared));
    }

    [Fact]
    public async Task Cache_Fault_IsNotKept()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Error(400), FakeServer.Says("one"));
        using var folder = new TemporaryFolder();
        using IChatClient client = EndpointClients.Create(server.Configuration, new ReplyCache(folder.Path));
        await Assert.ThrowsAsync<EndpointException>(() => client.GetResponseAsync(Ask("x")));
        Assert.Equal("one", (await client.GetResponseAsync(Ask("x"))).Text);
    }

    [Fact]
    public async Task Limits_RequestsPerMinute_SpreadRequests()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Says("Hi"));
        var time = new HastyTime();
        using IChatClient client = EndpointClients.Create(server.Configuration with { RequestsPerMinute = 30 }, time: time);
        for (int i = 0; i < 33; i++)
            await client.GetResponseAsync(Ask("x"));

        // Three at once, and thirty more at two seconds each.
        Assert.Equal(60, time.Waits.Sum(w => w.TotalSeconds), 1e-3);
    }

    [Fact]
    public async Task Limits_TokensPerMinute_CountWhatWasUsed()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Says("Hi", prompt: 900, completion: 100));
        var time = new HastyTime();
        using IChatClient client = EndpointClients.Create(server.Configuration with { TokensPerMinute = 10_000 }, time: time);
        for (int i = 0; i < 11; i++)
            await client.GetResponseAsync(Ask("x"));

        // Eleven thousand tokens: one thousand at once, a minute for the rest, but for what the last request has still to repay.
        Assert.InRange(time.GetUtcNow().TimeOfDay.TotalSeconds, 48, 61);
    }

    [Fact]
    public async Task Limits_Concurrency_IsNotPassed()
    {
        int running = 0, most = 0;
        await using FakeServer server = await FakeServer.StartAsync(async context =>
        {
            int now = Interlocked.Increment(ref running);
            lock (context.RequestServices)
                most = Math.Max(most, now);
            await Task.Delay(10);
            Interlocked.Decrement(ref running);
            await FakeServer.Says("Hi")(context);
        });
        using IChatClient client = EndpointClients.Create(server.Configuration with { MaximumConcurrency = 3 });
        await Task.WhenAll(Enumerable.Range(0, 12).Select(i => client.GetResponseAsync(Ask($"{i}"))));
        Assert.InRange(most, 1, 3);
        Assert.Equal(12, server.Calls);
    }
}
