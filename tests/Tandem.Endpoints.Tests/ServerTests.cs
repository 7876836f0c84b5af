using System.ClientModel;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Endpoints.Tests;

/// <summary>The official client, and plain HTTP where it lacks something, against our server.</summary>
public sealed class ServerTests
{
    private static ChatClient Official(TinyServer server, string key = "none", string model = TinyModel.Name) => new(
        model, new ApiKeyCredential(key),
        new OpenAIClientOptions { Endpoint = server.Server.Address, RetryPolicy = new System.ClientModel.Primitives.ClientRetryPolicy(0) });

    private static async Task<JsonElement> JsonOf(HttpResponseMessage response, HttpStatusCode expected = HttpStatusCode.OK)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == expected, $"{(int)response.StatusCode}: {text}");
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    private static string Expected(TinyServer server, string prompt, int tokens)
    {
        using var pool = new WorkerPool(1);
        using var generator = new Generator(server.Transformer, pool);
        int[] reply = generator.Generate(TinyModel.Tokenizer.Encode(prompt), tokens, Sampler.Greedy, new RandomStream(0), [ByteTokenizer.End]);
        return TinyModel.Tokenizer.Decode(reply, skipSpecialTokens: true);
    }

    [Fact]
    public async Task Chat_Greedy_IsWhatTheGeneratorSays()
    {
        await using TinyServer server = await TinyServer.StartAsync();
        ChatCompletion reply = await Official(server).CompleteChatAsync(
            [new SystemChatMessage("Be kind."), new UserChatMessage("Hello")], new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 12 });
        Assert.Equal(Expected(server, "system: Be kind.\nuser: Hello\nassistant: ", 12), reply.Content[0].Text);
        Assert.Equal(OpenAI.Chat.ChatFinishReason.Length, reply.FinishReason);
        Assert.Equal(12, reply.Usage.OutputTokenCount);
        Assert.Equal("system: Be kind.\nuser: Hello\nassistant: ".Length, reply.Usage.InputTokenCount);
    }

    [Fact]
    public async Task Chat_Streamed_IsTheWholeReplyInParts()
    {
        await using TinyServer server = await TinyServer.StartAsync();
        var options = new ChatCompletionOptions { Temperature = 1, MaxOutputTokenCount = 40, Seed = 5, IncludeLogProbabilities = true, TopLogProbabilityCount = 2 };
        ChatCompletion whole = await Official(server).CompleteChatAsync([new UserChatMessage("Hello")], options);
        var text = new StringBuilder();
        var logprobs = new List<float>();
        int updates = 0;
        ChatTokenUsage? usage = null;
        OpenAI.Chat.ChatFinishReason? reason = null;
        await foreach (StreamingChatCompletionUpdate update in Official(server).CompleteChatStreamingAsync(
            [new UserChatMessage("Hello")],
            new ChatCompletionOptions { Temperature = 1, MaxOutputTokenCount = 40, Seed = 5, IncludeLogProbabilities = true, TopLogProbabilityCount = 2 }))
        {
            updates++;
            text.Append(string.Concat(update.ContentUpdate.Select(part => part.Text)));
            logprobs.AddRange(update.ContentTokenLogProbabilities.Select(t => t.LogProbability));
            usage = update.Usage ?? usage;
            reason = update.FinishReason ?? reason;
        }

        Assert.True(updates > 5, $"{updates} updates");
        Assert.Equal(whole.Content[0].Text, text.ToString());
        Assert.Equal(whole.ContentTokenLogProbabilities.Select(t => t.LogProbability), logprobs);
        Assert.Equal(whole.FinishReason, reason);
        Assert.Equal(whole.Usage.OutputTokenCount, usage!.OutputTokenCount);
    }

    [Fact]
    public async Task Chat_LogProbabilities_AreThoseOfTheModel()
    {
        await using TinyServer server = await TinyServer.StartAsync();
        ChatCompletion reply = await Official(server).CompleteChatAsync(
            [new UserChatMessage("Hi")],
            new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 1, IncludeLogProbabilities = true, TopLogProbabilityCount = 20 });
        ChatTokenLogProbabilityDetails token = Assert.Single(reply.ContentTokenLogProbabilities);
        Assert.Equal(20, token.TopLogProbabilities.Count);
        Assert.Equal(token.TopLogProbabilities[0].LogProbability, token.LogProbability);

        using var pool = new WorkerPool(1);
        var question = new ContinuationQuestion(
            TinyModel.Tokenizer.Encode("user: Hi\nassistant: "),
            [.. Enumerable.Range(0, 257).Select(t => (ReadOnlyMemory<int>)new[] { t })]);
        double[] scores = [.. ContinuationScorer.Score(server.Transformer, [question], pool)[0].Select(s => s.LogProbability).OrderDescending()];
        for (int i = 0; i < 20; i++)
            Assert.Equal(scores[i], token.TopLogProbabilities[i].LogProbability, 5e-6);
    }

    [Fact]
    public async Task Chat_SameSeed_IsTheSameWhateverRunsBeside()
    {
        await using TinyServer server = await TinyServer.StartAsync();
        Task<ClientResult<ChatCompletion>> Ask(int seed) => Official(server).CompleteChatAsync(
            [new UserChatMessage("Tell me " + new string('a', seed))], new ChatCompletionOptions { Temperature = 1, MaxOutputTokenCount = 30 + seed, Seed = seed });

        string alone = (await Ask(3)).Value.Content[0].Text;
        ClientResult<ChatCompletion>[] together = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Ask(i % 6)));
        Assert.Equal(alone, together[3].Value.Content[0].Text);
        Assert.Equal(alone, together[9].Value.Content[0].Text);
        Assert.NotEqual(alone, together[4].Value.Content[0].Text);
    }

    [Fact]
    public async Task Chat_StopString_EndsBeforeIt()
    {
        await using TinyServer server = await TinyServer.StartAsync();
        string whole = Expected(server, "user: Hello\nassistant: ", 30);
        string stop = whole.Substring(6, 2);
        foreach (bool stream in new[] { false, true })
        {
            HttpResponseMessage response = await server.PostAsync("chat/completions", JsonSerializer.Serialize(new
            {
                messages = new[] { new { role = "user", content = "Hello" } },
                temperature = 0,
                max_tokens = 30,
                stop,
                stream,
            }));
            string text, reason;
            if (stream)
            {
                JsonElement[] events = Events(await response.Content.ReadAsStringAsync());
                text = string.Concat(events.Select(e => e.GetProperty("choices")[0].GetProperty("delta").TryGetProperty("content", out JsonElement c) ? c.GetString() : ""));
                reason = events[^1].GetProperty("choices")[0].GetProperty("finish_reason").GetString()!;
            }
            else
            {
                JsonElement choice = (await JsonOf(response)).GetProperty("choices")[0];
                text = choice.GetProperty("message").GetProperty("content").GetString()!;
                reason = choice.GetProperty("finish_reason").GetString()!;
            }

            Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], text);
            Assert.Equal("stop", reason);
        }
    }

    [Fact]
    public async Task Completions_Echo_ScoresThePrompt()
    {
        await using TinyServer server = await TinyServer.StartAsync();
        const string Prompt = "The cat sat on the mat, and the dog sat on the cat, which sat still. ";
        JsonElement choice = (await JsonOf(await server.PostAsync("completions", JsonSerializer.Serialize(new
        {
            model = TinyModel.Name,
            prompt = Prompt,
            echo = true,
            max_tokens = 0,
            logprobs = 1,
        })))).GetProperty("choices")[0];
        Assert.Equal(Prompt, choice.GetProperty("text").GetString());
        JsonElement logprobs = choice.GetProperty("logprobs");
        JsonElement[] scores = [.. logprobs.GetProperty("token_logprobs").EnumerateArray()];
        Assert.Equal(Prompt.Length, scores.Length);
        Assert.Equal(JsonValueKind.Null, scores[0].ValueKind);
        Assert.Equal(Enumerable.Range(0, Prompt.Length), logprobs.GetProperty("text_offset").EnumerateArray().Select(o => o.GetInt32()));

        using var pool = new WorkerPool(1);
        int[] tokens = TinyModel.Tokenizer.Encode(Prompt);
        double expected = ContinuationScorer.Score(
            server.Transformer, [new ContinuationQuestion(tokens.AsMemory(0, 1), [tokens.AsMemory(1)])], pool)[0][0].LogProbability;
        Assert.Equal(expected, scores[1..].Sum(s => s.GetDouble()), 1e-3);
    }

    [Fact]
    public async Task Completions_PromptsAndChoices_ComeInOrder()
    {
        await using TinyServer server = await TinyServer.StartAsync();
        JsonElement reply = await JsonOf(await server.PostAsync(
            "completions", """{"prompt": ["ab", "cd"], "n": 2, "seed": 4, "max_tokens": 6, "temperature": 1}"""));
        string[] texts = [.. reply.GetProperty("choices").EnumerateArray().Select(c => c.GetProperty("text").GetString()!)];
        Assert.Equal(4, texts.Length);
        Assert.NotEqual(texts[0], texts[1]);
        Assert.Equal(4, reply.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        JsonElement alone = await JsonOf(await server.PostAsync("completions", """{"prompt": [99, 100], "n": 2, "seed": 4, "max_tokens": 6}"""));
        Assert.Equal(texts[2..], alone.GetProperty("choices").EnumerateArray().Select(c => c.GetProperty("text").GetString()!));
    }

    [Fact]
    public async Task Completions_Streamed_EndWithUsageAndDone()
    {
        await using TinyServer server = await TinyServer.StartAsync();
        const string Body = """{"prompt": "ab", "echo": true, "seed": 4, "max_tokens": 6, "stream": STREAM}""";
        string whole = (await JsonOf(await server.PostAsync("completions", Body.Replace("STREAM", "false", StringComparison.Ordinal))))
            .GetProperty("choices")[0].GetProperty("text").GetString()!;
        HttpResponseMessage response = await server.PostAsync(
            "completions", Body.Replace("STREAM", """true, "stream_options": {"include_usage": true}""", StringComparison.Ordinal));
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        string body = await response.Content.ReadAsStringAsync();
        Assert.EndsWith("data: [DONE]\n\n", body, StringComparison.Ordinal);
        JsonElement[] events = Events(body);
        Assert.Equal(whole, string.Concat(events[..^1].Select(e => e.GetProperty("choices")[0].GetProperty("text").GetString())));
        Assert.StartsWith("ab", whole, StringComparison.Ordinal);
        Assert.Equal(0, events[^1].GetProperty("choices").GetArrayLength());
        Assert.Equal(2, events[^1].GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Fact]
    public async Task Models_AndHealth_NameTheModel()
    {
        await using TinyServer server = await TinyServer.StartAsync();
        JsonElement models = await server.Http.GetFromJsonAsync<JsonElement>("models");
        Assert.Equal("tiny", models.GetProperty("data")[0].GetProperty("id").GetString());
        JsonElement health = await server.Http.GetFromJsonAsync<JsonElement>("/health");
        Assert.Equal("ok", health.GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("{\"messages\": [", 400, null, null)]
    [InlineData("null", 400, null, null)]
    [InlineData("""{"messages": []}""", 400, "messages", null)]
    [InlineData("""{"messages": "hello"}""", 400, "messages", null)]
    [InlineData("""{"messages": [{"role": "tool", "content": "x"}]}""", 400, "messages[0].role", null)]
    [InlineData("""{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}""", 400, "messages[0].content", null)]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "model": "gpt-9"}""", 404, "model", "model_not_found")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "temperature": 3}""", 400, "temperature", null)]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "temperature": "hot"}""", 400, "temperature", null)]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "top_p": 0}""", 400, "top_p", null)]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "n": 0}""", 400, "n", null)]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "max_tokens": 0}""", 400, "max_tokens", null)]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "top_logprobs": 3}""", 400, "top_logprobs", null)]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "logprobs": true, "top_logprobs": 21}""", 400, "top_logprobs", null)]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "stop": ["a", ""]}""", 400, "stop", null)]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "frequency_penalty": 0.5}""", 400, "frequency_penalty", "unsupported_parameter")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "presence_penalty": 0.5}""", 400, "presence_penalty", "unsupported_parameter")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]}""", 400, "tools", "unsupported_parameter")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_object"}}""", 400, "response_format", "unsupported_parameter")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "logit_bias": {"3": 5}}""", 400, "logit_bias", "unknown_parameter")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "max_tokens": 5000}""", 400, "max_tokens", "context_length_exceeded")]
    public async Task Chat_BadRequest_IsAnErrorThatNamesTheParameter(string body, int status, string? parameter, string? code)
    {
        await using TinyServer server = await TinyServer.StartAsync();
        JsonElement error = (await JsonOf(await server.PostAsync("chat/completions", body), (HttpStatusCode)status)).GetProperty("error");
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        Assert.Equal(parameter, error.TryGetProperty("param", out JsonElement p) ? p.GetString() : null);
        Assert.Equal(code, error.TryGetProperty("code", out JsonElement c) ? c.GetString() : null);
        Assert.DoesNotContain("   at ", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chat_PromptLongerThanTheContext_NamesBothLengths()
    {
        await using TinyServer server = await TinyServer.StartAsync();
        var fault = await Assert.ThrowsAsync<ClientResultException>(() => Official(server).CompleteChatAsync([new UserChatMessage(new string('x', 300))]));
        Assert.Equal(400, fault.Status);
        Assert.Contains("context_length_exceeded", fault.GetRawResponse()!.Content.ToString(), StringComparison.Ordinal);
        Assert.Contains("256", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_OutsideTheApi_GetErrorsOfItsForm()
    {
        await using TinyServer server = await TinyServer.StartAsync(chat: false, options: new ModelServerOptions { MaximumBodyBytes = 1000 });
        await Error(server.Http.GetAsync(new Uri("nothing", UriKind.Relative)), 404);
        await Error(server.Http.GetAsync(new Uri("completions", UriKind.Relative)), 405);
        await Error(server.PostAsync("completions", $"{{\"prompt\": \"{new string('x', 2000)}\"}}"), 413);
        await Error(server.PostAsync("completions", """{"prompt": [300]}"""), 400);
        await Error(server.PostAsync("completions", """{"prompt": ""}"""), 400);
        await Error(server.PostAsync("chat/completions", """{"messages": [{"role": "user", "content": "x"}]}"""), 400);
        await Error(server.Http.PostAsync(new Uri("completions", UriKind.Relative), new StringContent("""{"prompt": "x"}""", Encoding.UTF8, "text/plain")), 415);
        using var rebound = new HttpRequestMessage(HttpMethod.Get, "models");
        rebound.Headers.Host = "evil.example";
        await Error(server.Http.SendAsync(rebound), 403);

        static async Task Error(Task<HttpResponseMessage> response, int status) =>
            Assert.True((await JsonOf(await response, (HttpStatusCode)status)).GetProperty("error").GetProperty("message").GetString()!.Length > 0);
    }

    [Fact]
    public async Task Key_MissingOrWrong_Is401()
    {
        await using TinyServer server = await TinyServer.StartAsync(options: new ModelServerOptions { ApiKey = "open sesame" });
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 2 };
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.GetAsync(new Uri("models", UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync(new Uri("/health", UriKind.Relative))).StatusCode);
        var fault = await Assert.ThrowsAsync<ClientResultException>(() => Official(server, "sesame").CompleteChatAsync([new UserChatMessage("x")], options));
        Assert.Equal(401, fault.Status);
        ChatCompletion reply = await Official(server, "open sesame").CompleteChatAsync([new UserChatMessage("x")], options);
        Assert.True(reply.Usage.OutputTokenCount > 0);
    }

    [Fact]
    public async Task Queue_Full_Is429WithRetryAfter()
    {
        await using TinyServer server = await TinyServer.StartAsync(concurrency: 1, queue: 1);
        HttpResponseMessage response = await server.PostAsync("completions", """{"prompt": "ab", "n": 3}""");
        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.Equal("1", response.Headers.RetryAfter!.ToString());
        JsonElement fits = await JsonOf(await server.PostAsync("completions", """{"prompt": "ab", "n": 2, "max_tokens": 3}"""));
        Assert.Equal(2, fits.GetProperty("choices").GetArrayLength());
    }

    [Fact]
    public async Task Client_ThatLeaves_FreesItsSlot()
    {
        await using TinyServer server = await TinyServer.StartAsync(concurrency: 1, positions: 100_000, endless: true);
        using var request = new HttpRequestMessage(HttpMethod.Post, "completions")
        {
            Content = new StringContent("""{"prompt": "ab", "max_tokens": 99000, "stream": true, "temperature": 1}""", Encoding.UTF8, "application/json"),
        };
        using (HttpResponseMessage response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            await using Stream stream = await response.Content.ReadAsStreamAsync();
            Assert.True(await stream.ReadAsync(new byte[1]) > 0);
            Assert.Equal(1, server.Model.Running);
        }

        while (server.Model.Running > 0)
            await Task.Delay(5);
        Assert.InRange(server.Model.Steps, 1, 98_999);
        await JsonOf(await server.PostAsync("completions", """{"prompt": "ab", "max_tokens": 2}"""));
    }

    private static JsonElement[] Events(string body) => [.. body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)
        .Select(e => e["data: ".Length..]).Where(e => e != "[DONE]").Select(e => JsonSerializer.Deserialize<JsonElement>(e))];
}
