using System.Text.Json;
using Microsoft.Extensions.AI;
using Tandem.Tensors;

namespace Tandem.Endpoints.Tests;

/// <summary>Our client against servers that misbehave, and against our own.</summary>
public sealed class ClientTests
{
    private static readonly ChatMessage[] Hello = [new(ChatRole.System, "Be kind."), new(ChatRole.User, "Hello")];

    [Fact]
    public async Task Reply_Whole_HasTextReasonAndUsage()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Says("Hi"));
        using IChatClient client = EndpointClients.Create(server.Configuration with { Temperature = 0.5, Seed = 7, ExtraBody = """{"min_p": 0.1}""" });
        ChatResponse reply = await client.GetResponseAsync(Hello, new ChatOptions { TopP = 0.9f, StopSequences = ["\n"], MaxOutputTokens = 9 });
        Assert.Equal("Hi", reply.Text);
        Assert.Equal(ChatFinishReason.Stop, reply.FinishReason);
        Assert.Equal(5, reply.Usage!.OutputTokenCount);
        Assert.Equal(
            """{"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Hello"}],"model":"fake","max_tokens":9,"temperature":0.5,"top_p":0.9,"seed":7,"stop":["\n"],"min_p":0.1}""",
            Assert.Single(server.Requests).GetRawText());
    }

    [Fact]
    public async Task Key_ComesFromTheVariable_AndStaysOutOfFaults()
    {
        Environment.SetEnvironmentVariable("TANDEM_TEST_KEY", "sk-very-secret");
        await using FakeServer server = await FakeServer.StartAsync(
            FakeServer.Error(401, message: "Wrong key sk-very-secret."), FakeServer.Body($"{new string('x', 295)}sk-very-secret", status: 400));
        EndpointConfiguration configuration = server.Configuration with { ApiKeyVariable = "TANDEM_TEST_KEY" };
        using IChatClient client = EndpointClients.Create(configuration);
        for (int i = 0; i < 2; i++)
        {
            EndpointException fault = await Assert.ThrowsAsync<EndpointException>(() => client.GetResponseAsync(Hello));
            Assert.DoesNotContain("sk-", fault.ToString(), StringComparison.Ordinal);
        }

        Assert.Equal("Bearer sk-very-secret", server.Authorization);
        Assert.Equal(2, server.Calls);
        Assert.DoesNotContain("sk-very-secret", configuration.ToString(), StringComparison.Ordinal);
        Assert.Contains("TANDEM_NO_KEY", Assert.Throws<UserFaultException>(
            () => EndpointClients.Create(configuration with { ApiKeyVariable = "TANDEM_NO_KEY" })).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(408)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task Status_ThatMayPass_IsTriedAgain(int status)
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Error(status), FakeServer.Error(status), FakeServer.Says("Hi"));
        var time = new HastyTime();
        using IChatClient client = EndpointClients.Create(server.Configuration, time: time);
        Assert.Equal("Hi", (await client.GetResponseAsync(Hello)).Text);
        Assert.Equal(3, server.Calls);
        Assert.Equal(2, time.Waits.Count);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(404)]
    public async Task Status_ThatStays_IsNotTriedAgain(int status)
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Error(status));
        using IChatClient client = EndpointClients.Create(server.Configuration, time: new HastyTime());
        EndpointException fault = await Assert.ThrowsAsync<EndpointException>(() => client.GetResponseAsync(Hello));
        Assert.Equal(status, fault.Status);
        Assert.Equal("oops", fault.Code);
        Assert.Equal(1, server.Calls);
    }

    [Fact]
    public async Task RetryAfter_IsWaitedFor()
    {
        await using FakeServer server = await FakeServer.StartAsync(
            FakeServer.Error(429, "17"), FakeServer.Error(429, "Thu, 01 Jan 2026 00:01:00 GMT"), FakeServer.Says("Hi"));
        var time = new HastyTime();
        using IChatClient client = EndpointClients.Create(server.Configuration, time: time);
        await client.GetResponseAsync(Hello);
        Assert.Equal([TimeSpan.FromSeconds(17), TimeSpan.FromSeconds(43)], time.Waits);
    }

    [Fact]
    public async Task RetryAfter_LongerThanAllowed_IsGivenUp()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Error(429, "3000"));
        using IChatClient client = EndpointClients.Create(server.Configuration, time: new HastyTime());
        EndpointException fault = await Assert.ThrowsAsync<EndpointException>(() => client.GetResponseAsync(Hello));
        Assert.Equal(TimeSpan.FromSeconds(3000), fault.RetryAfter);
        Assert.Equal(1, server.Calls);
    }

    [Fact]
    public async Task Connection_ThatBreaks_IsTriedAgainSoOften()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Aborts);
        using IChatClient client = EndpointClients.Create(server.Configuration, time: new HastyTime());
        EndpointException fault = await Assert.ThrowsAsync<EndpointException>(() => client.GetResponseAsync(Hello));
        Assert.Equal(EndpointFault.Connection, fault.Fault);
        Assert.Equal(1 + server.Configuration.Retries, server.Calls);
    }

    [Fact]
    public async Task Server_ThatHangs_IsATimeout()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Hangs);
        using IChatClient client = EndpointClients.Create(server.Configuration with { TimeoutSeconds = 0.2, Retries = 0 });
        EndpointException fault = await Assert.ThrowsAsync<EndpointException>(() => client.GetResponseAsync(Hello));
        Assert.Equal(EndpointFault.Timeout, fault.Fault);
    }

    [Fact]
    public async Task Caller_ThatCancels_SeesCancellation()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Hangs);
        using IChatClient client = EndpointClients.Create(server.Configuration);
        using var cancellation = new CancellationTokenSource();
        Task<ChatResponse> asked = client.GetResponseAsync(Hello, cancellationToken: cancellation.Token);
        while (server.Calls == 0)
            await Task.Delay(5);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        Assert.Equal(1, server.Calls);
    }

    [Theory]
    [InlineData("<html><body>Bad gateway</body></html>", "text/html")]
    [InlineData("{\"choices\": [", "application/json")]
    [InlineData("{\"choices\": []}", "application/json")]
    [InlineData("{\"choices\": \"none\"}", "application/json")]
    [InlineData("null", "application/json")]
    [InlineData("", "application/json")]
    public async Task Reply_ThatIsNotOfTheProtocol_IsMalformedAndNotTriedAgain(string body, string type)
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Body(body, type));
        using IChatClient client = EndpointClients.Create(server.Configuration, time: new HastyTime());
        EndpointException fault = await Assert.ThrowsAsync<EndpointException>(() => client.GetResponseAsync(Hello));
        Assert.Equal(EndpointFault.Malformed, fault.Fault);
        Assert.Equal(1, server.Calls);
    }

    [Fact]
    public async Task Stream_IsReadInParts_WithToolCallsPutTogether()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Events(
            abort: false, FakeServer.Delta("Hel"), FakeServer.Delta("lo"),
            """{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"add","arguments":"{\"a\":"}}]}}]}""",
            """{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}}]}""",
            """{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}""",
            """{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}""", "[DONE]"));
        using IChatClient client = EndpointClients.Create(server.Configuration);
        var updates = new List<ChatResponseUpdate>();
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(Hello))
            updates.Add(update);
        ChatResponse reply = updates.ToChatResponse();
        Assert.Equal("Hello", reply.Text);
        Assert.Equal(ChatFinishReason.ToolCalls, reply.FinishReason);
        Assert.Equal(4, reply.Usage!.OutputTokenCount);
        FunctionCallContent call = Assert.Single(reply.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>());
        Assert.Equal(("c1", "add"), (call.CallId, call.Name));
        Assert.Equal(1, ((JsonElement)call.Arguments!["a"]!).GetInt32());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Stream_ThatIsCut_IsAFaultAfterItsParts(bool abort)
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Events(abort, FakeServer.Delta("Hel")));
        using IChatClient client = EndpointClients.Create(server.Configuration, time: new HastyTime());
        string text = "";
        EndpointException fault = await Assert.ThrowsAsync<EndpointException>(async () =>
        {
            await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(Hello))
                text += update.Text;
        });
        Assert.Equal(EndpointFault.Connection, fault.Fault);

        // An abort may overtake what was written before it; then nothing was seen, and trying again is right.
        if (!abort)
            Assert.Equal(("Hel", 1), (text, server.Calls));
    }

    [Fact]
    public async Task Stream_ThatFailsBeforeItsFirstPart_IsTriedAgain()
    {
        await using FakeServer server = await FakeServer.StartAsync(
            FakeServer.Error(503), FakeServer.Events(abort: false), FakeServer.Events(abort: false, FakeServer.Delta("Hi", "stop"), "[DONE]"));
        using IChatClient client = EndpointClients.Create(server.Configuration, time: new HastyTime());
        string text = "";
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(Hello))
            text += update.Text;
        Assert.Equal(("Hi", 3), (text, server.Calls));
    }

    [Fact]
    public async Task OwnServer_ThroughTheClient_GivesTextAndLogProbabilities()
    {
        await using TinyServer server = await TinyServer.StartAsync();
        using IChatClient client = EndpointClients.Create(new EndpointConfiguration { BaseAddress = server.Server.Address.ToString(), Model = TinyModel.Name });
        using var local = new LocalChatClient(server.Model);
        ChatOptions options = new ChatOptions { Temperature = 0.8f, Seed = 11, MaxOutputTokens = 20 }.WithLogProbabilities(3);
        ChatResponse remote = await client.GetResponseAsync(Hello, options), near = await local.GetResponseAsync(Hello, options);
        var streamed = new List<ChatResponseUpdate>();
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(Hello, options))
            streamed.Add(update);

        Assert.NotEmpty(near.Text);
        Assert.Equal(near.Text, remote.Text);
        Assert.Equal(near.Text, streamed.ToChatResponse().Text);
        Assert.Equal(near.Usage!.OutputTokenCount, remote.Usage!.OutputTokenCount);
        Assert.Equal(near.FinishReason, remote.FinishReason);
        IReadOnlyList<ReplyToken> tokens = remote.TokenLogProbabilities()!;
        Assert.Equal(near.TokenLogProbabilities()!.Select(t => t.LogProbability), tokens.Select(t => t.LogProbability));
        Assert.Equal(tokens.Select(t => t.LogProbability), streamed.SelectMany(u => u.TokenLogProbabilities() ?? []).Select(t => t.LogProbability));
        Assert.All(tokens, t => Assert.Equal(3, t.Candidates.Count));
    }

    [Theory]
    [InlineData("ftp://x/v1", "BaseAddress")]
    [InlineData("http://user:secret@x/v1", "BaseAddress")]
    public void Configuration_BadAddress_IsNamed(string address, string name)
    {
        UserFaultException fault = Assert.Throws<UserFaultException>(() => new EndpointConfiguration { BaseAddress = address, Model = "m" }.Validate("judge"));
        Assert.StartsWith($"judge: {name}", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Configuration_ValuesOutOfRange_AreNamed()
    {
        var good = new EndpointConfiguration { BaseAddress = "http://x/v1", Model = "m" };
        Assert.Same(good, good.Validate());
        foreach ((EndpointConfiguration bad, string name) in new[]
        {
            (good with { Model = " " }, "Model"),
            (good with { ApiKeyVariable = "sk-123" }, "ApiKeyVariable"),
            (good with { TimeoutSeconds = double.NaN }, "TimeoutSeconds"),
            (good with { MaximumConcurrency = 0 }, "MaximumConcurrency"),
            (good with { Retries = 21 }, "Retries"),
            (good with { Temperature = 2.5 }, "Temperature"),
            (good with { MaximumOutputTokens = 0 }, "MaximumOutputTokens"),
            (good with { BudgetMoney = 5 }, "BudgetMoney"),
            (good with { BudgetTokens = -1 }, "BudgetTokens"),
            (good with { ExtraBody = "[1]" }, "ExtraBody"),
            (good with { ExtraBody = "{" }, "ExtraBody"),
        })
        {
            UserFaultException fault = Assert.Throws<UserFaultException>(() => bad.Validate());
            Assert.StartsWith($"endpoint: {name} is", fault.Message, StringComparison.Ordinal);
            Assert.Equal(FaultKind.Usage, fault.Kind);
        }
    }
}
