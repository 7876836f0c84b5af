using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;

namespace Tandem.Endpoints.Tests;

/// <summary>What a model is asked for and what becomes of its replies.</summary>
public sealed partial class RoleTests
{
    private static readonly ChatMessage[] Question = [new(ChatRole.User, "A or B?")];

    [Theory]
    [InlineData("B", 1)]
    [InlineData(" (b). ", 1)]
    [InlineData("**A**", 0)]
    [InlineData("It cannot be A.\n\nAnswer: B", 1)]
    [InlineData("The answer is C.", 2)]
    [InlineData("<think>A or B? A is wrong.</think>\n\nB", 1)]
    [InlineData("E", -1)]
    [InlineData("A or B", -1)]
    [InlineData("Answer: A or B", -1)]
    [InlineData("A good question.", -1)]
    [InlineData("", -1)]
    public void Letter_IsReadStrictly(string text, int expected)
    {
        bool read = ReplyForms.Letter("ABCD").TryRead(ReplyForms.WithoutReasoning(text), out int value);
        Assert.Equal(expected >= 0, read);
        Assert.Equal(expected, value);
    }

    [Theory]
    [InlineData("""{"score": 3}""", 3)]
    [InlineData("```json\n{\"score\": 3}\n```", 3)]
    [InlineData("""{"score": "3"}""", null)]
    [InlineData("""{"points": 3}""", null)]
    [InlineData("""{"score": 3, "more": 1}""", null)]
    [InlineData("""Here it is: {"score": 3}""", null)]
    public void Json_IsReadStrictly(string text, int? expected)
    {
        bool read = ReplyForms.Json(Forms.Default.Grade, "Reply with {\"score\": number}.").TryRead(text, out Grade value);
        Assert.Equal(expected, read ? value.Score : null);
    }

    [Fact]
    public async Task Ask_EveryEnd_IsCountedApart()
    {
        const string Refusal = """{"choices": [{"message": {"role": "assistant", "content": null, "refusal": "I must not."}, "finish_reason": "stop"}]}""";
        await using FakeServer server = await FakeServer.StartAsync(
            FakeServer.Says("B"),
            FakeServer.Body(Refusal),
            FakeServer.Says("", "content_filter"),
            FakeServer.Error(400, code: "content_filter"),
            FakeServer.Says("I'm sorry, but I can't help with that."),
            FakeServer.Says("Well."), FakeServer.Says("Who knows."),
            FakeServer.Says("Well."), FakeServer.Says("A"),
            FakeServer.Error(404),
            FakeServer.Body("<html>", "text/html"));
        using IChatClient client = EndpointClients.Create(server.Configuration, time: new HastyTime());
        var judge = new ModelRole("judge", client);
        var ends = new List<Asked<int>>();
        for (int i = 0; i < 9; i++)
            ends.Add(await judge.AskAsync(Question, ReplyForms.Letter("AB")));

        Assert.Equal(
            [
                ReplyKind.Answered, ReplyKind.Refused, ReplyKind.Refused, ReplyKind.Refused, ReplyKind.Refused,
                ReplyKind.Unparsed, ReplyKind.Answered, ReplyKind.Failed, ReplyKind.Failed,
            ],
            ends.Select(e => e.Kind));
        Assert.Equal(new ReplyCounts(2, 4, 1, 2), judge.Tally.Counts);
        Assert.Equal(4 / 9.0, judge.Tally.Counts.Rate(ReplyKind.Refused));
        Assert.Equal((1, 0), (ends[0].Value, ends[6].Value));
        Assert.Equal((2, 2, 1), (ends[5].Requests, ends[6].Requests, ends[7].Requests));
        Assert.Equal("I must not.", ends[1].Text);
        Assert.Equal("Who knows.", ends[5].Text);
        Assert.Throws<InvalidOperationException>(() => ends[1].Value);
        Assert.Equal(11, server.Calls);

        // What is asked again holds the reply that was not of the form, and says which form.
        JsonElement asked = server.Requests.ElementAt(6).GetProperty("messages");
        Assert.Equal(["A or B?", "Well.", "Reply with one letter and nothing else: A, B."], asked.EnumerateArray().Select(m => m.GetProperty("content").GetString()));
    }

    [Theory]
    [InlineData("A", "B", Verdict.First)]
    [InlineData("B", "A", Verdict.Second)]
    [InlineData("A", "A", Verdict.Tie)]
    public async Task Compare_AsksInBothOrders(string plain, string swapped, Verdict expected)
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Says(plain), FakeServer.Says(swapped));
        using IChatClient client = EndpointClients.Create(server.Configuration);
        var judge = new ModelRole("judge", client);
        Asked<Verdict> verdict = await judge.CompareAsync(order => [new ChatMessage(ChatRole.User, order ? "B, A?" : "A, B?")]);
        Assert.Equal(expected, verdict.Value);
        Assert.Equal(new ReplyCounts(1, 0, 0, 0), judge.Tally.Counts);
        Assert.Equal(["A, B?", "B, A?"], server.Requests.Select(r => r.GetProperty("messages")[0].GetProperty("content").GetString()));
    }

    [Fact]
    public async Task Compare_OneOrderWithoutAnswer_HasNoVerdict()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Says("A"), FakeServer.Says("Hm."));
        using IChatClient client = EndpointClients.Create(server.Configuration);
        var judge = new ModelRole("judge", client, reasks: 0);
        Assert.Equal(ReplyKind.Unparsed, (await judge.CompareAsync(_ => Question)).Kind);
        Assert.Equal(new ReplyCounts(0, 0, 1, 0), judge.Tally.Counts);
    }

    [Fact]
    public async Task Score_WithLogProbabilities_NormalizesOverTheLetters()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Body("""
            {"choices": [{"message": {"content": "A"}, "finish_reason": "stop", "logprobs": {"content": [
              {"token": "A", "logprob": -1.0, "top_logprobs": [{"token": "A", "logprob": -1.0}, {"token": " A", "logprob": -2.0}, {"token": "The", "logprob": -1.5}, {"token": "C", "logprob": -3.0}]}]}}]}
            """));
        using IChatClient client = EndpointClients.Create(server.Configuration);
        OptionScores scores = (await new ModelRole("judge", client).ScoreAsync(Question, 3)).Value;
        double a = Math.Exp(-1) + Math.Exp(-2), c = Math.Exp(-3);
        Assert.True(scores.FromLogProbabilities);
        Assert.Equal(Math.Log(a / (a + c)), scores.LogProbabilities[0], 1e-12);
        Assert.Equal(double.NegativeInfinity, scores.LogProbabilities[1]);
        Assert.Equal(Math.Log(c / (a + c)), scores.LogProbabilities[2], 1e-12);
        Assert.Equal(20, server.Requests.Single().GetProperty("top_logprobs").GetInt32());
    }

    [Fact]
    public async Task Score_WithoutLogProbabilities_IsTheLetter()
    {
        await using FakeServer server = await FakeServer.StartAsync(FakeServer.Says("B"));
        using IChatClient client = EndpointClients.Create(server.Configuration);
        OptionScores scores = (await new ModelRole("judge", client).ScoreAsync(Question, 3)).Value;
        Assert.False(scores.FromLogProbabilities);
        Assert.Equal([double.NegativeInfinity, 0, double.NegativeInfinity], scores.LogProbabilities);
    }

    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Grade
    {
        public required int Score { get; init; }
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
    [JsonSerializable(typeof(Grade))]
    internal sealed partial class Forms : JsonSerializerContext;
}
