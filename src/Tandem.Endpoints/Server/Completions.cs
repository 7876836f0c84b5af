using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Tandem.Endpoints.Wire;
using Tandem.Tensors;

namespace Tandem.Endpoints;

/// <summary><c>POST /v1/completions</c>. With <c>echo</c> and <c>logprobs</c> it scores the prompt's own tokens.</summary>
internal sealed class Completions(LocalModel model, TimeProvider time)
{
    private const int UsualTokens = 16;
    private const int MostPrompts = 128;

    public async Task HandleAsync(HttpContext context)
    {
        CompletionRequest request = await RequestReader.ReadAsync(context, WireJson.Plain.CompletionRequest).ConfigureAwait(false);
        RequestReader.RequireSupported(request, model.Name);
        bool echo = request.Echo == true;
        TextRequest[] texts = [.. Prompts(request.Prompt).Select(prompt => RequestReader.Sampling(
            request, prompt, RequestReader.NewTokens(model, prompt.Length, request.MaxTokens, "max_tokens", UsualTokens, least: echo ? 0 : 1), request.Logprobs)
            with { ScoresPrompt = echo && request.Logprobs is not null })];
        Generation[] generations = model.Start(texts, context.RequestAborted);
        var reply = new CompletionReply { Id = $"cmpl-{Guid.NewGuid():N}", Created = time.GetUtcNow().ToUnixTimeSeconds(), Model = model.Name, Choices = [] };
        if (request.Stream == true)
            await StreamAsync(context, request, texts, generations, reply).ConfigureAwait(false);
        else
            await ReplyAsync(context, request, texts, generations, reply).ConfigureAwait(false);
    }

    private async Task ReplyAsync(
        HttpContext context, CompletionRequest request, TextRequest[] texts, Generation[] generations, CompletionReply reply)
    {
        var choices = new CompletionChoice[generations.Length];
        int tokens = 0;
        for (int i = 0; i < generations.Length; i++)
        {
            var content = new StringBuilder();
            LogprobsBuilder? logprobs = null;
            string? reason = null;
            int count = 0;
            await foreach (Part part in PartsAsync(generations[i], request, context.RequestAborted).ConfigureAwait(false))
            {
                content.Append(part.Text);
                (logprobs, reason, count) = (Join(logprobs, part.Logprobs), part.FinishReason, part.Count);
            }

            tokens += count;
            choices[i] = new CompletionChoice { Index = i, Text = content.ToString(), Logprobs = logprobs?.Wire, FinishReason = reason };
        }

        await context.Response.WriteAsJsonAsync(
            reply with { Choices = choices, Usage = UsageOf(texts, tokens) }, WireJson.Plain.CompletionReply, cancellationToken: context.RequestAborted).ConfigureAwait(false);
    }

    private async Task StreamAsync(
        HttpContext context, CompletionRequest request, TextRequest[] texts, Generation[] generations, CompletionReply chunk)
    {
        using var stream = new EventStream(context);
        int[] counts = await Task.WhenAll(generations.Select(async (generation, i) =>
        {
            int count = 0;
            await foreach (Part part in PartsAsync(generation, request, context.RequestAborted).ConfigureAwait(false))
            {
                count = part.Count;
                CompletionChoice choice = new() { Index = i, Text = part.Text, Logprobs = part.Logprobs?.Wire, FinishReason = part.FinishReason };
                await stream.WriteAsync(chunk with { Choices = [choice] }, WireJson.Plain.CompletionReply).ConfigureAwait(false);
            }

            return count;
        })).ConfigureAwait(false);
        if (request.StreamOptions?.IncludeUsage == true)
            await stream.WriteAsync(chunk with { Usage = UsageOf(texts, counts.Sum()) }, WireJson.Plain.CompletionReply).ConfigureAwait(false);
        await stream.DoneAsync().ConfigureAwait(false);
    }

    private async IAsyncEnumerable<Part> PartsAsync(
        Generation generation, CompletionRequest request, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        int[] prompt = generation.Request.Prompt;
        TokenText text;
        int offset = 0;
        if (request.Echo == true)
        {
            text = new TokenText(model.Tokenizer);
            var echoed = new StringBuilder();
            LogprobsBuilder? logprobs = null;
            if (request.Logprobs is not null)
            {
                logprobs = new LogprobsBuilder(model);
                foreach (GeneratedToken token in await generation.Prompt.WaitAsync(cancellation).ConfigureAwait(false))
                {
                    logprobs.Add(token, echoed.Length);
                    echoed.Append(text.Add(token.Token));
                }
            }
            else
            {
                foreach (int token in prompt)
                    echoed.Append(text.Add(token));
            }

            offset = echoed.Length;
            bool all = generation.Request.MaximumNewTokens == 0;
            yield return new Part(echoed.ToString() + (all ? text.Finish() : ""), logprobs, all ? "length" : null, 0);
            if (all)
            {
                generation.Leave();
                yield break;
            }
        }
        else
        {
            // The reply goes on with the prompt's text: a blank between them is the reply's.
            text = new TokenText(model.Tokenizer, prompt);
        }

        await foreach (TextPart part in model.ReadAsync(generation, text, request.Stop ?? [], cancellation).ConfigureAwait(false))
        {
            LogprobsBuilder? logprobs = request.Logprobs is null ? null : new LogprobsBuilder(model);
            foreach (GeneratedToken token in part.Tokens)
                logprobs?.Add(token, offset);
            offset += part.Text.Length;
            yield return new Part(part.Text, logprobs, part.FinishReason, part.Count);
        }
    }

    private List<int[]> Prompts(JsonElement? prompt)
    {
        List<int[]> prompts = prompt switch
        {
            { ValueKind: JsonValueKind.String } text => [Encode(text.GetString()!)],
            { ValueKind: JsonValueKind.Array } list when list.GetArrayLength() > 0 && list[0].ValueKind == JsonValueKind.Number => [Tokens(list)],
            { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(item => item.ValueKind switch
            {
                JsonValueKind.String => Encode(item.GetString()!),
                JsonValueKind.Array => Tokens(item),
                _ => throw ApiException.Invalid("prompt", "A list of prompts must hold texts or lists of tokens."),
            })],
            _ => throw ApiException.Invalid("prompt", "'prompt' must be a text, a list of texts, a list of tokens, or a list of lists of tokens."),
        };
        return prompts.Count is > 0 and <= MostPrompts ? prompts
            : throw ApiException.Invalid("prompt", $"'prompt' holds {prompts.Count} prompts; allowed: 1 to {MostPrompts}.");
    }

    private int[] Encode(string text)
    {
        try
        {
            return ModelText.EncodePrompt(model.Tokenizer, text);
        }
        catch (UserFaultException fault)
        {
            throw ApiException.Invalid("prompt", fault.Message);
        }
    }

    private int[] Tokens(JsonElement list) => [.. list.EnumerateArray().Select(item =>
        item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int token) && token >= 0 && token < model.Tokenizer.VocabularySize
            ? token
            : throw ApiException.Invalid("prompt", $"A prompt's tokens must be from 0 to {model.Tokenizer.VocabularySize - 1}."))];

    private static LogprobsBuilder? Join(LogprobsBuilder? first, LogprobsBuilder? second)
    {
        if (first is null || second is null)
            return first ?? second;
        first.Add(second);
        return first;
    }

    private static Usage UsageOf(TextRequest[] texts, int tokens)
    {
        int prompts = texts.Sum(text => text.Prompt.Length);
        return new Usage { PromptTokens = prompts, CompletionTokens = tokens, TotalTokens = prompts + tokens };
    }

    private readonly record struct Part(string Text, LogprobsBuilder? Logprobs, string? FinishReason, int Count);

    private sealed class LogprobsBuilder(LocalModel model)
    {
        private readonly List<string> _tokens = [];
        private readonly List<double?> _logprobs = [];
        private readonly List<IReadOnlyDictionary<string, double>?> _top = [];
        private readonly List<int> _offsets = [];

        public CompletionLogprobs Wire => new() { Tokens = _tokens, TokenLogprobs = _logprobs, TopLogprobs = _top, TextOffset = _offsets };

        public void Add(GeneratedToken token, int offset)
        {
            bool scored = !double.IsNaN(token.LogProbability);
            ReplyToken shown = model.Show(token);
            _tokens.Add(shown.Token);
            _logprobs.Add(scored ? shown.LogProbability : null);

            // Different tokens may have the same text; the likeliest stands for them.
            _top.Add(!scored ? null : shown.Candidates.DistinctBy(c => c.Token).ToDictionary(c => c.Token, c => c.LogProbability));
            _offsets.Add(offset);
        }

        public void Add(LogprobsBuilder other)
        {
            _tokens.AddRange(other._tokens);
            _logprobs.AddRange(other._logprobs);
            _top.AddRange(other._top);
            _offsets.AddRange(other._offsets);
        }
    }
}
