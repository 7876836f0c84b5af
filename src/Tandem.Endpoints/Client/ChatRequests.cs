using System.Text.Json;
using Microsoft.Extensions.AI;
using Tandem.Endpoints.Wire;
using Tandem.Tensors;

namespace Tandem.Endpoints;

/// <summary>Turns messages and options into the body of a request.</summary>
internal sealed class ChatRequests(EndpointConfiguration configuration)
{
    private readonly Dictionary<string, JsonElement> _extra = configuration.Extra()!;

    /// <summary>The body.</summary>
    public byte[] Body(IEnumerable<ChatMessage> messages, ChatOptions? options, bool stream) =>
        JsonSerializer.SerializeToUtf8Bytes(Request(messages, options, stream), WireJson.Plain.ChatRequest);

    /// <summary>What decides the reply, as one text: the server, the body, and which of several samples it is.</summary>
    public byte[] Identity(IEnumerable<ChatMessage> messages, ChatOptions? options) =>
        [.. System.Text.Encoding.UTF8.GetBytes($"{configuration.BaseAddress.TrimEnd('/')}\n{ReplyDetails.Sample(options)}\n"), .. Body(messages, options, stream: false)];

    /// <summary>The most tokens that a reply to a request can have.</summary>
    public int MaximumOutputTokens(ChatOptions? options) => options?.MaxOutputTokens ?? configuration.MaximumOutputTokens;

    private ChatRequest Request(IEnumerable<ChatMessage> messages, ChatOptions? options, bool stream)
    {
        int limit = MaximumOutputTokens(options);
        int? candidates = ReplyDetails.Candidates(options);
        List<ChatRequestMessage> sent = [];
        if (options?.Instructions is { Length: > 0 } instructions)
            sent.Add(Message("system", instructions));
        foreach (ChatMessage message in messages)
            Add(sent, message);
        return new ChatRequest
        {
            Model = options?.ModelId ?? configuration.Model,
            Messages = sent,
            MaxTokens = configuration.SendsMaximumCompletionTokens ? null : limit,
            MaxCompletionTokens = configuration.SendsMaximumCompletionTokens ? limit : null,
            // A float's shortest digits, not those of the double nearest to it.
            Temperature = Widen(options?.Temperature) ?? configuration.Temperature,
            TopP = Widen(options?.TopP),
            TopK = options?.TopK,
            FrequencyPenalty = Widen(options?.FrequencyPenalty),
            PresencePenalty = Widen(options?.PresencePenalty),
            Seed = (options?.Seed ?? configuration.Seed) is { } seed ? seed + ReplyDetails.Sample(options) : null,
            Stop = options?.StopSequences is { Count: > 0 } stops ? [.. stops] : null,
            Logprobs = candidates is null ? null : true,
            TopLogprobs = candidates,
            Stream = stream ? true : null,
            StreamOptions = stream ? new StreamOptions { IncludeUsage = true } : null,
            Tools = options?.Tools is { Count: > 0 } tools ? Tools(tools) : null,
            ToolChoice = options?.Tools is { Count: > 0 } ? ToolChoice(options.ToolMode) : null,
            ResponseFormat = Format(options?.ResponseFormat),
            Rest = _extra.Count > 0 ? _extra : null,
        };
    }

    private static double? Widen(float? value) => value is { } number ? (double)(decimal)number : null;

    private static void Add(List<ChatRequestMessage> sent, ChatMessage message)
    {
        foreach (FunctionResultContent result in message.Contents.OfType<FunctionResultContent>())
            sent.Add(Message("tool", Text(result.Result)) with { ToolCallId = result.CallId });
        if (message.Role == ChatRole.Tool)
            return;
        foreach (AIContent content in message.Contents)
        {
            if (content is not (TextContent or TextReasoningContent or FunctionCallContent or FunctionResultContent or UsageContent or ErrorContent))
                throw new UserFaultException($"A message holds {content.GetType().Name}; endpoints are sent text and tool calls.", "Send text.", FaultKind.Usage);
        }

        List<ToolCall> calls = [.. message.Contents.OfType<FunctionCallContent>().Select(call => new ToolCall
        {
            Id = call.CallId,
            Type = "function",
            Function = new ToolFunction { Name = call.Name, Arguments = JsonSerializer.Serialize(call.Arguments, AIJsonUtilities.DefaultOptions) },
        })];
        sent.Add(Message(message.Role.Value, message.Text) with { Name = message.AuthorName, ToolCalls = calls.Count > 0 ? calls : null });
    }

    private static ChatRequestMessage Message(string role, string text) =>
        new() { Role = role, Content = JsonSerializer.SerializeToElement(text, AIJsonUtilities.DefaultOptions) };

    private static string Text(object? result) => result as string ?? JsonSerializer.Serialize(result, AIJsonUtilities.DefaultOptions);

    private static JsonElement Tools(IList<AITool> tools) => Write(writer =>
    {
        writer.WriteStartArray();
        foreach (AITool tool in tools)
        {
            if (tool is not AIFunctionDeclaration function)
                throw new UserFaultException($"The tool '{tool.Name}' is no function.", "Offer functions only.", FaultKind.Usage);
            writer.WriteStartObject();
            writer.WriteString("type", "function");
            writer.WriteStartObject("function");
            writer.WriteString("name", function.Name);
            writer.WriteString("description", function.Description);
            writer.WritePropertyName("parameters");
            function.JsonSchema.WriteTo(writer);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });

    private static JsonElement? ToolChoice(ChatToolMode? mode) => mode switch
    {
        null => null,
        NoneChatToolMode => Write(w => w.WriteStringValue("none")),
        RequiredChatToolMode { RequiredFunctionName: { } name } => Write(w =>
        {
            w.WriteStartObject();
            w.WriteString("type", "function");
            w.WriteStartObject("function");
            w.WriteString("name", name);
            w.WriteEndObject();
            w.WriteEndObject();
        }),
        RequiredChatToolMode => Write(w => w.WriteStringValue("required")),
        _ => Write(w => w.WriteStringValue("auto")),
    };

    private static JsonElement? Format(ChatResponseFormat? format) => format switch
    {
        ChatResponseFormatJson { Schema: { } schema } json => Write(w =>
        {
            w.WriteStartObject();
            w.WriteString("type", "json_schema");
            w.WriteStartObject("json_schema");
            w.WriteString("name", json.SchemaName ?? "reply");
            w.WriteBoolean("strict", true);
            w.WritePropertyName("schema");
            schema.WriteTo(w);
            w.WriteEndObject();
            w.WriteEndObject();
        }),
        ChatResponseFormatJson => Write(w =>
        {
            w.WriteStartObject();
            w.WriteString("type", "json_object");
            w.WriteEndObject();
        }),
        _ => null,
    };

    private static JsonElement Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
            write(writer);
        using var document = JsonDocument.Parse(buffer.WrittenMemory);
        return document.RootElement.Clone();
    }
}
