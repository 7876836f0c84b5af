using System.Text;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// How a model wants conversations written: the part of Jinja that the templates of Qwen, Llama and their like use, with the
/// white space rules of Hugging Face transformers. What is not supported is refused by name, with its line.
/// </summary>
public sealed class ChatTemplate
{
    private const string ConfigurationName = "tokenizer_config.json";
    private readonly Statement[] _body;
    private readonly string _place;
    private readonly string? _begin, _end;

    private ChatTemplate(string source, string place, string? begin, string? end)
    {
        Source = source;
        _place = place;
        _begin = begin;
        _end = end;
        try
        {
            _body = TemplateParser.Parse(source);
        }
        catch (TemplateException error)
        {
            throw Fault(error);
        }
    }

    /// <summary>The text of the template.</summary>
    public string Source { get; }

    /// <summary>Reads the text of a template.</summary>
    /// <param name="source">The text.</param>
    /// <param name="beginToken">The text of the token that opens a text: the template's bos_token.</param>
    /// <param name="endToken">The text of the token at which a text ends: the template's eos_token.</param>
    /// <param name="place">Where it comes from: faults name it.</param>
    /// <exception cref="UserFaultException">The template is malformed, or uses what is not supported.</exception>
    public static ChatTemplate Parse(string source, string? beginToken = null, string? endToken = null, string place = "chat template") =>
        new(source, place, beginToken, endToken);

    /// <summary>Reads a model's template: chat_template.jinja, or chat_template in tokenizer_config.json.</summary>
    /// <param name="modelDirectory">The model's directory.</param>
    /// <param name="name">Which one, where there are several.</param>
    /// <exception cref="UserFaultException">There is none, it is malformed, or uses what is not supported.</exception>
    public static ChatTemplate Load(string modelDirectory, string name = "default") => Find(modelDirectory, name) ?? throw new UserFaultException(
        $"{Path.Combine(modelDirectory, ConfigurationName)}: there is no chat template '{name}'.", "Use a model that was trained for conversations, or give it a chat_template.jinja.");

    /// <summary>Reads a model's template as <see cref="Load"/> does; null if it has none, as a model that only continues text.</summary>
    /// <param name="modelDirectory">The model's directory.</param>
    /// <param name="name">Which one, where there are several.</param>
    /// <exception cref="UserFaultException">It is malformed, or uses what is not supported.</exception>
    public static ChatTemplate? Find(string modelDirectory, string name = "default")
    {
        string file = Path.Combine(modelDirectory, "chat_template.jinja"), configuration = Path.Combine(modelDirectory, ConfigurationName);
        string? source = TokenizerSettings.ReadBytes(file) is { } jinja ? Encoding.UTF8.GetString(jinja) : null;
        string place = source != null ? file : configuration;
        try
        {
            using var document = JsonDocument.Parse(TokenizerSettings.ReadBytes(configuration) ?? "{}"u8.ToArray());
            if (source == null && document.RootElement.TryGetProperty("chat_template", out var found) && found.ValueKind != JsonValueKind.Null)
                source = found.ValueKind == JsonValueKind.Array ? Named(found, name) : found.GetString();
            return source == null
                ? null
                : new ChatTemplate(source, place, TokenizerSettings.Text(document.RootElement, "bos_token"), TokenizerSettings.Text(document.RootElement, "eos_token"));
        }
        catch (Exception error) when (TokenizerFile.IsMalformed(error))
        {
            throw new UserFaultException($"{configuration}: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}.", "Fetch the model's files again.", inner: error);
        }
    }

    /// <summary>The text of a conversation.</summary>
    /// <param name="turns">The turns.</param>
    /// <param name="addGenerationPrompt">Whether the beginning of the model's answer follows.</param>
    /// <param name="variables">
    /// More variables, such as tools or enable_thinking: texts, numbers, truth values, null, lists, dictionaries with names, JSON.
    /// </param>
    /// <exception cref="UserFaultException">The template refuses the conversation, or does what is not supported; or a role is no name.</exception>
    public string Render(IReadOnlyList<ChatTurn> turns, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables = null) =>
        RenderMarked(turns, addGenerationPrompt, variables).Text;

    /// <summary>The text of a conversation; its characters know whether the template wrote them, or which turn.</summary>
    internal MarkedText RenderMarked(IReadOnlyList<ChatTurn> turns, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables)
    {
        var messages = new List<object?>();
        for (int i = 0; i < turns.Count; i++)
        {
            // Templates put roles between the brackets of control tokens: a role has to be of the template's own rank, and harmless.
            string role = turns[i].Role;
            if (role.Length is 0 or > 32 || !role.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
                throw new UserFaultException($"The role '{role}' of turn {i} is no name of letters and digits.", "Use system, user or assistant.");
            messages.Add(TemplateValues.Map([("role", MarkedText.Of(role, MarkedText.Template)), ("content", MarkedText.Of(turns[i].Content, i))]));
        }

        try
        {
            var all = new TemplateMap();
            foreach (var (name, value) in variables ?? new Dictionary<string, object?>())
                all[name] = TemplateValues.From(value);
            all["messages"] = messages;
            all["add_generation_prompt"] = addGenerationPrompt;
            if (_begin != null)
                all["bos_token"] = MarkedText.Of(_begin, MarkedText.Template);
            if (_end != null)
                all["eos_token"] = MarkedText.Of(_end, MarkedText.Template);
            return TemplateEvaluator.Run(_body, all);
        }
        catch (TemplateException error)
        {
            throw Fault(error);
        }
    }

    private static string? Named(JsonElement list, string name) => list.EnumerateArray()
        .Where(item => item.GetProperty("name").GetString() == name).Select(item => item.GetProperty("template").GetString()).FirstOrDefault();

    private UserFaultException Fault(TemplateException error) => new(
        $"{_place}{(error.Line > 0 ? $", line {error.Line}" : "")}: {error.Message}.",
        "Use the model's own template and turns that it knows, or write them in the part of Jinja that docs/design/0004-text.md names.", inner: error);
}
