using Tandem.Tensors;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Tandem.Runs;

/// <summary>A YAML value together with the place it was written: <c>file:line:column</c>, or the flag that set it.</summary>
internal abstract class RecipeNode(string place)
{
    public string Place { get; } = place;
}

internal sealed class ScalarNode(string place, string text, bool isPlain) : RecipeNode(place)
{
    public string Text { get; } = text;

    /// <summary>Written without quotes, so that it may mean a number, a Boolean or null.</summary>
    public bool IsPlain { get; } = isPlain;

    public bool IsNull => IsPlain && Text is "" or "~" or "null" or "Null" or "NULL";
}

internal sealed class SequenceNode(string place) : RecipeNode(place)
{
    public List<RecipeNode> Items { get; } = [];
}

internal sealed record MappingEntry(string Key, string KeyPlace, RecipeNode Value);

internal sealed class MappingNode(string place) : RecipeNode(place)
{
    public List<MappingEntry> Entries { get; } = [];

    public MappingEntry? Find(string key) => Entries.Find(e => e.Key == key);

    public void Set(MappingEntry entry)
    {
        int index = Entries.FindIndex(e => e.Key == entry.Key);
        if (index < 0)
            Entries.Add(entry);
        else
            Entries[index] = entry;
    }
}

/// <summary>Reads YAML text into nodes. One document; anchors, aliases and tags are refused, duplicate keys too.</summary>
internal sealed class RecipeParser
{
    private const int MaximumDepth = 64;
    private readonly Func<Mark, string> _place;
    private readonly Parser _parser;

    private RecipeParser(string text, Func<Mark, string> place)
    {
        _place = place;
        _parser = new Parser(new StringReader(text));
    }

    /// <summary>Parses the text of a file; places read <c>source:line:column</c>.</summary>
    public static RecipeNode ParseFile(string text, string source) =>
        Parse(text, mark => $"{source}:{mark.Line}:{mark.Column}");

    /// <summary>Parses the value of a flag; every place is the flag.</summary>
    public static RecipeNode ParseFlag(string text, string flag) => Parse(text, _ => flag);

    private static RecipeNode Parse(string text, Func<Mark, string> place)
    {
        var reader = new RecipeParser(text, place);
        try
        {
            return reader.Document();
        }
        catch (YamlException e)
        {
            throw new UserFaultException(
                $"{place(e.End)}: this is not valid YAML: {OneLine(e.InnerException?.Message ?? e.Message)}.",
                "Correct the syntax at this place.", FaultKind.Usage, e);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            // The scanner's own faults, at text that it does not expect.
            Mark last = reader._parser.Current?.End ?? new Mark(0, 1, 1);
            throw new UserFaultException(
                $"{place(last)}: this is not valid YAML: it cannot be read after this place.", "Correct the syntax here.", FaultKind.Usage, e);
        }
    }

    private static string OneLine(string message) => message.ReplaceLineEndings(" ").TrimEnd('.', ' ');

    private RecipeNode Document()
    {
        _parser.Consume<StreamStart>();
        if (!_parser.TryConsume<DocumentStart>(out _))
            return new MappingNode(_place(new Mark(0, 1, 1)));
        RecipeNode root = Node(0);
        _parser.Consume<DocumentEnd>();
        if (Take<DocumentStart>() is { } second)
            throw Fault(second.Start, "a second YAML document starts here, but one file is one recipe.", "Remove the '---' and what follows.");
        return root;
    }

    private RecipeNode Node(int depth)
    {
        if (Take<AnchorAlias>() is { } alias)
            throw Fault(alias.Start, $"the alias '*{alias.Value}' is used, but recipes have no anchors or aliases.", "Write the value out.");
        if (_parser.Current is NodeEvent { Anchor.IsEmpty: false } anchored)
            throw Fault(anchored.Start, $"the anchor '&{anchored.Anchor.Value}' is used, but recipes have no anchors or aliases.", "Write the value out.");
        if (_parser.Current is NodeEvent { Tag.IsEmpty: false } tagged)
            throw Fault(tagged.Start, $"the tag '{tagged.Tag.Value}' is used, but recipes have no tags.", "Remove the tag.");
        if (depth > MaximumDepth)
            throw Fault(_parser.Current!.Start, $"values are nested more than {MaximumDepth} deep.", "Flatten the recipe.");

        if (Take<Scalar>() is { } scalar)
            return new ScalarNode(_place(scalar.Start), scalar.Value, scalar.Style == ScalarStyle.Plain);
        if (Take<SequenceStart>() is { } list)
        {
            var sequence = new SequenceNode(_place(list.Start));
            while (!_parser.TryConsume<SequenceEnd>(out _))
                sequence.Items.Add(Node(depth + 1));
            return sequence;
        }

        MappingStart start = _parser.Consume<MappingStart>();
        var mapping = new MappingNode(_place(start.Start));
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            if (Take<Scalar>() is not { } key)
                throw Fault(_parser.Current!.Start, "a key has to be a name.", "Write 'name: value'.");
            string keyPlace = _place(key.Start);
            if (mapping.Find(key.Value) is { } first)
                throw Fault(key.Start, $"the key '{key.Value}' is given twice (first at {first.KeyPlace}).", "Remove one of the two.");
            mapping.Entries.Add(new MappingEntry(key.Value, keyPlace, Node(depth + 1)));
        }

        return mapping;
    }

    private T? Take<T>()
        where T : ParsingEvent
    {
        if (!_parser.Accept<T>(out _))
            return null;
        return _parser.Consume<T>();
    }

    private UserFaultException Fault(Mark mark, string message, string remedy) =>
        new($"{_place(mark)}: {message}", remedy, FaultKind.Usage);
}
