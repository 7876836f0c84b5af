using System.Net.Http.Json;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.AI;
using Tandem.Language;
using Tandem.Tensors;
using Xunit.Abstractions;
using ChatRole = Microsoft.Extensions.AI.ChatRole;

namespace Tandem.Endpoints.Tests;

/// <summary>A local model: what it generates, and how tokens become text.</summary>
public sealed class LocalTests(ITestOutputHelper output)
{
    [Fact]
    public void TokenText_AnyText_ComesOutWholeInWholeCharacters() => Check.QuickThrowOnFailure(Prop.ForAll<string>(input =>
    {
        string text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes((input ?? "") + "aé€😀"));
        var stream = new TokenText(TinyModel.Tokenizer);
        var parts = TinyModel.Tokenizer.Encode(text).Select(stream.Add).ToList();
        return !parts.Any(part => part.EndsWith('\uFFFD') && !text.Contains('\uFFFD', StringComparison.Ordinal)) && string.Concat(parts) + stream.Finish() == text;
    }));

    [Fact]
    public void TokenText_AfterAPrompt_GoesOnWithItsText()
    {
        var words = new WordTokenizer(["a", "b", "c"]);
        var text = new TokenText(words, words.Encode("a b"));
        Assert.Equal(" c", text.Add(words.Token("c")));
    }

    [Fact]
    public void StopText_ByCharacters_CutsWhereTheFirstStopBegins()
    {
        var stop = new StopText(["</s>", "\n\n"]);
        string shown = string.Concat("a < b </ c\n</s> d".Select(c => stop.Add(c.ToString())));
        Assert.Equal("a < b </ c\n", shown);
        Assert.True(stop.Stopped);
        var open = new StopText(["</s>"]);
        Assert.Equal("a", open.Add("a</s"));
        Assert.Equal("</s", open.Finish());
    }

    [Fact]
    public async Task Client_SameSeed_GivesTheSameReplyBesideOthers()
    {
        using Transformer transformer = TinyModel.Create();
        using LocalModel model = TinyModel.Serve(transformer);
        using var client = new LocalChatClient(model);
        Task<ChatResponse> Ask(long seed) => client.GetResponseAsync(
            [new ChatMessage(ChatRole.User, $"{seed % 7}")], new ChatOptions { Seed = seed % 7, MaxOutputTokens = 25 });
        ChatResponse[] replies = await Task.WhenAll(Enumerable.Range(0, 21).Select(i => Task.Run(() => Ask(i))));
        for (int i = 0; i < 7; i++)
        {
            Assert.Equal(replies[i].Text, replies[i + 7].Text);
            Assert.Equal(replies[i].Text, replies[i + 14].Text);
            Assert.Equal(25, replies[i].FinishReason == ChatFinishReason.Length ? replies[i].Usage!.OutputTokenCount : 25);
        }

        Assert.Equal(7, replies.Select(r => r.Text).Distinct().Count());
    }

    [Fact]
    public async Task Client_Sampled_IsWhatTheSamplerDraws()
    {
        using Transformer transformer = TinyModel.Create();
        using LocalModel model = TinyModel.Serve(transformer, endless: true);
        using var client = new LocalChatClient(model);
        ChatResponse reply = await client.GetResponseAsync(
            [new ChatMessage(ChatRole.User, "x")], new ChatOptions { Temperature = 0.7f, TopK = 20, TopP = 0.9f, Seed = 4, MaxOutputTokens = 15 }.WithLogProbabilities(0));

        using var pool = new WorkerPool(1);
        using var decoder = new CachedDecoder(transformer, pool);
        var sampler = new Sampler(0.7f, 20, 0.9f);
        RandomStream random = new RandomStream(4).Fork("choice");
        int[] next = TinyModel.Tokenizer.Encode("user: x\nassistant: ");
        var tokens = new List<int>();
        for (int i = 0; i < 15; i++)
        {
            next = [sampler.Next(decoder.Append(0, next).Row(0), random)];
            tokens.Add(next[0]);
        }

        Assert.Equal(TinyModel.Tokenizer.Decode([.. tokens], skipSpecialTokens: true), reply.Text);
        Assert.Equal(15, reply.TokenLogProbabilities()!.Count);
    }

    [Fact]
    public async Task Client_WhatItCannotDo_IsRefused()
    {
        using Transformer transformer = TinyModel.Create();
        using LocalModel model = TinyModel.Serve(transformer);
        using var client = new LocalChatClient(model);
        Task<ChatResponse> Ask(ChatOptions options, string text = "x") => client.GetResponseAsync([new ChatMessage(ChatRole.User, text)], options);
        await Assert.ThrowsAsync<UserFaultException>(() => Ask(new ChatOptions { FrequencyPenalty = 1 }));
        await Assert.ThrowsAsync<UserFaultException>(() => Ask(new ChatOptions { Temperature = -1 }));
        Assert.Contains("255", (await Assert.ThrowsAsync<UserFaultException>(() => Ask(new ChatOptions(), new string('x', 300)))).Message, StringComparison.Ordinal);
        using LocalModel mute = TinyModel.Serve(transformer, chat: false);
        Assert.Throws<UserFaultException>(() => new LocalChatClient(mute));
    }

    [Fact]
    public async Task Model_Disposed_EndsRepliesUnderWay()
    {
        using Transformer transformer = TinyModel.Create(100_000);
        LocalModel model = TinyModel.Serve(transformer, endless: true);
        using var client = new LocalChatClient(model);
        Task<ChatResponse> reply = client.GetResponseAsync([new ChatMessage(ChatRole.User, "x")], new ChatOptions { MaxOutputTokens = 99_000 });
        while (model.Steps == 0)
            await Task.Delay(1);
        model.Dispose();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reply);
    }

    [Fact]
    public async Task Model_NotFinite_FailsTheRequestAndServesOn()
    {
        using Transformer transformer = TinyModel.Create();
        transformer.Parameters["model.embed_tokens.weight"].Tensor.Row('!').Fill(float.NaN);
        using LocalModel model = TinyModel.Serve(transformer);
        using var client = new LocalChatClient(model);

        // A tied head: that token's logit is not a number for any prompt.
        await Assert.ThrowsAsync<UserFaultException>(() => client.GetResponseAsync([new ChatMessage(ChatRole.User, "x")]));
        transformer.Parameters["model.embed_tokens.weight"].Tensor.Row('!').Clear();
        Assert.NotEmpty((await client.GetResponseAsync([new ChatMessage(ChatRole.User, "x")], new ChatOptions { Seed = 2 })).Text);
    }

    [Fact]
    public void Limits_OutOfRange_AreNamed()
    {
        using Transformer transformer = TinyModel.Create();
        foreach ((LocalModelLimits limits, string name) in new[]
        {
            (new LocalModelLimits { Threads = 0 }, "Threads"),
            (new LocalModelLimits { Concurrency = 0 }, "Concurrency"),
            (new LocalModelLimits { Queue = -1 }, "Queue"),
            (new LocalModelLimits { Context = 257 }, "Context"),
        })
        {
            Assert.StartsWith(name, Assert.Throws<UserFaultException>(
                () => new LocalModel("x", transformer, TinyModel.Tokenizer, limits: limits)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Load_CheckpointOfHuggingFace_TellsItsStory()
    {
        if (FixtureFolder() is not { } folder)
        {
            output.WriteLine("not checked: fixtures absent");
            return;
        }

        const string Prompt = "Once upon a time";
        using LocalModel model = LocalModel.Load(folder, limits: new LocalModelLimits { Threads = 1 });
        await using ModelServer server = await ModelServer.StartAsync(model, new ModelServerOptions { Port = 0 });
        using var http = new HttpClient();
        async Task<string> Continue(string fields) => (await (await http.PostAsync(
            new Uri(server.Address + "/completions"),
            new StringContent($$"""{"prompt": "{{Prompt}}", "max_tokens": 20, "temperature": 0{{fields}}}""", Encoding.UTF8, "application/json")))
            .Content.ReadFromJsonAsync<System.Text.Json.JsonElement>()).GetProperty("choices")[0].GetProperty("text").GetString()!;

        using Transformer transformer = Transformer.Load(folder);
        var tokenizer = (BytePairTokenizer)Tokenizers.Load(folder);
        using var pool = new WorkerPool(1);
        using var generator = new Generator(transformer, pool, 1, 64);
        int[] prompt = tokenizer.EncodeFramed(Prompt);
        string whole = tokenizer.Decode([.. prompt, .. generator.Generate(prompt, 20, Sampler.Greedy, new RandomStream(0))], skipSpecialTokens: true);
        Assert.StartsWith(Prompt, whole, StringComparison.Ordinal);
        Assert.Equal(whole, await Continue(""", "echo": true"""));
        Assert.Equal(whole[Prompt.Length..], await Continue(""));
    }

    private static string? FixtureFolder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder != null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared", "fixtures", "stories260K_llama");
            if (Directory.Exists(candidate))
                return candidate;
        }

        return null;
    }
}
