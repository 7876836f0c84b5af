using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Tandem.Endpoints.Wire;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Endpoints;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
internal sealed class ChatCompletions(LocalModel model, TimeProvider time)
{
    public async Task HandleAsync(HttpContext context)
    {
        ChatRequest request = await RequestReader.ReadAsync(context, WireJson.Plain.ChatRequest).ConfigureAwait(false);
        TextRequest text = Text(request);
        Generation[] generations = model.Start([text], context.RequestAborted);
        var reply = new ChatReply { Id = $"chatcmpl-{Guid.NewGuid():N}", Created = time.GetUtcNow().ToUnixTimeSeconds(), Model = model.Name };
        if (request.Stream == true)
            await StreamAsync(context, request, text, generations, reply with { Object = "chat.completion.chunk" }).ConfigureAwait(false);
        else
            await ReplyAsync(context, request, text, generations, reply with { Object = "chat.completion" }).ConfigureAwait(false);
    }

    private async Task ReplyAsync(HttpContext context, ChatRequest request, TextRequest text, Generation[] generations, ChatReply reply)
    {
        var choices = new ChatChoice[generations.Length];
        int tokens = 0;
        for (int i = 0; i < generations.Length; i++)
        {
            var content = new StringBuilder();
            var logprobs = new List<ChatLogprob>();
            string? reason = null;
            int count = 0;
            await foreach (TextPart part in Parts(generations[i], request, context.RequestAborted).ConfigureAwait(false))
            {
                content.Append(part.Text);
                logprobs.AddRange(Logprobs(part));
                (reason, count) = (part.FinishReason, part.Count);
            }

            tokens += count;
            choices[i] = new ChatChoice
            {
                Index = i,
                Message = new ChatReplyMessage { Role = ChatRole.Assistant, Content = content.ToString() },
                Logprobs = text.Candidates is null ? null : new ChatLogprobs { Content = logprobs },
                FinishReason = reason,
            };
        }

        await context.Response.WriteAsJsonAsync(
            reply with { Choices = choices, Usage = UsageOf(text, tokens) }, WireJson.Plain.ChatReply, cancellationToken: context.RequestAborted).ConfigureAwait(false);
    }

    private async Task StreamAsync(HttpContext context, ChatRequest request, TextRequest text, Generation[] generations, ChatReply chunk)
    {
        using var stream = new EventStream(context);
        int[] counts = await Task.WhenAll(generations.Select(async (generation, i) =>
        {
            int count = 0;
            await stream.WriteAsync(Chunk(i, new ChatReplyMessage { Role = ChatRole.Assistant, Content = "" }), WireJson.Plain.ChatReply).ConfigureAwait(false);
            await foreach (TextPart part in Parts(generation, request, context.RequestAborted).ConfigureAwait(false))
            {
                count = part.Count;
                if (part.Text.Length > 0 || part.Tokens.Count > 0)
                {
                    ChatLogprobs? logprobs = text.Candidates is null ? null : new ChatLogprobs { Content = [.. Logprobs(part)] };
                    await stream.WriteAsync(Chunk(i, new ChatReplyMessage { Content = part.Text }, logprobs), WireJson.Plain.ChatReply).ConfigureAwait(false);
                }

                if (part.FinishReason is { } reason)
                    await stream.WriteAsync(Chunk(i, new ChatReplyMessage(), reason: reason), WireJson.Plain.ChatReply).ConfigureAwait(false);
            }

            return count;
        })).ConfigureAwait(false);

        if (request.StreamOptions?.IncludeUsage == true)
            await stream.WriteAsync(chunk with { Choices = [], Usage = UsageOf(text, counts.Sum()) }, WireJson.Plain.ChatReply).ConfigureAwait(false);
        await stream.DoneAsync().ConfigureAwait(false);

        ChatReply Chunk(int index, ChatReplyMessage delta, ChatLogprobs? logprobs = null, string? reason = null) =>
            chunk with { Choices = [new ChatChoice { Index = index, Delta = delta, Logprobs = logprobs, FinishReason = reason }] };
    }

    private IAsyncEnumerable<TextPart> Parts(Generation generation, ChatRequest request, CancellationToken cancellation) =>
        model.ReadAsync(generation, new TokenText(model.Tokenizer), request.Stop ?? [], cancellation);

    private TextRequest Text(ChatRequest request)
    {
        if (model.Chat is not { } chat)
            throw new ApiException(400, $"The model '{model.Name}' has no chat template; use /v1/completions.", "messages");
        RequestReader.RequireSupported(request, model.Name);
        RequestReader.Unsupported("tools", request.Tools is { ValueKind: not JsonValueKind.Null } tools && tools.ToString() != "[]");
        RequestReader.Unsupported("tool_choice", request.ToolChoice is { ValueKind: not JsonValueKind.Null } choice && choice.ToString() is not ("none" or "auto"));
        RequestReader.Unsupported("response_format", request.ResponseFormat is { ValueKind: not JsonValueKind.Null } format && !IsText(format));
        if (request.TopLogprobs is not null && request.Logprobs != true)
            throw ApiException.Invalid("top_logprobs", "'top_logprobs' is only allowed when 'logprobs' is true.");
        if (request.MaxTokens is not null && request.MaxCompletionTokens is not null)
            throw ApiException.Invalid("max_tokens", "'max_tokens' and 'max_completion_tokens' are two names of one limit: send one of them.");

        int[] prompt = Encode(chat, Turns(request.Messages));
        if (prompt.Length == 0)
            throw ApiException.Invalid("messages", "The messages have no token.");
        string limit = request.MaxTokens is not null ? "max_tokens" : request.MaxCompletionTokens is not null ? "max_completion_tokens" : "messages";
        int length = RequestReader.NewTokens(model, prompt.Length, request.MaxTokens ?? request.MaxCompletionTokens, limit, usual: int.MaxValue, least: 1);
        return RequestReader.Sampling(request, prompt, length, request.Logprobs == true ? request.TopLogprobs ?? 0 : null);
    }

    private static int[] Encode(ChatTokens chat, List<ChatTurn> turns)
    {
        try
        {
            return chat(turns);
        }
        catch (UserFaultException fault)
        {
            // Templates refuse conversations that the model was not trained on.
            throw ApiException.Invalid("messages", fault.Message);
        }
    }

    private static bool IsText(JsonElement format) =>
        format.ValueKind == JsonValueKind.Object && format.TryGetProperty("type", out JsonElement type)
        && type.ValueKind == JsonValueKind.String && type.GetString() == "text";

    private static List<ChatTurn> Turns(IReadOnlyList<ChatRequestMessage>? messages)
    {
        if (messages is not { Count: > 0 })
            throw ApiException.Invalid("messages", "'messages' must hold at least one message.");
        var turns = new List<ChatTurn>();
        for (int i = 0; i < messages.Count; i++)
        {
            ChatRequestMessage message = messages[i] ?? throw ApiException.Invalid($"messages[{i}]", "A message is null.");
            string role = message.Role switch
            {
                "system" or "developer" => ChatRole.System,
                "user" => ChatRole.User,
                "assistant" => ChatRole.Assistant,
                _ => throw ApiException.Invalid($"messages[{i}].role", $"The role is '{message.Role}'; allowed: system, developer, user, assistant."),
            };
            RequestReader.Unsupported($"messages[{i}].tool_calls", message.ToolCalls is { Count: > 0 });
            turns.Add(new ChatTurn(role, Content(message.Content, $"messages[{i}].content")));
        }

        return turns;
    }

    private static string Content(JsonElement? content, string place)
    {
        if (content is { ValueKind: JsonValueKind.String } text)
            return text.GetString()!;
        if (content is not { ValueKind: JsonValueKind.Array } parts)
            throw ApiException.Invalid(place, "The content must be a text or a list of parts.");
        return string.Concat(parts.EnumerateArray().Select(part =>
            part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String
            && type.GetString() == "text" && part.TryGetProperty("text", out JsonElement words) && words.ValueKind == JsonValueKind.String
                ? words.GetString()
                : throw ApiException.Invalid(place, "This server takes parts of type 'text' only.")));
    }

    private IEnumerable<ChatLogprob> Logprobs(TextPart part) => part.Tokens.Select(model.Show).Select(token => new ChatLogprob
    {
        Token = token.Token,
        Logprob = token.LogProbability,
        Bytes = Bytes(token.Token),
        TopLogprobs = [.. token.Candidates.Select(c => new TopLogprob { Token = c.Token, Logprob = c.LogProbability, Bytes = Bytes(c.Token) })],
    });

    // Of a token that is a part of a character, the tokenizer does not tell the bytes.
    private static List<int>? Bytes(string token) => token.Contains('\uFFFD', StringComparison.Ordinal) ? null : [.. Encoding.UTF8.GetBytes(token).Select(b => (int)b)];

    private static Usage UsageOf(TextRequest text, int tokens) =>
        new() { PromptTokens = text.Prompt.Length, CompletionTokens = tokens, TotalTokens = text.Prompt.Length + tokens };
}
