using System.Text;

namespace Tandem.Language;

/// <summary>
/// A text of which every character has an owner: the template itself, a turn, or other data. All that a template does with
/// text keeps the owners, so that the tokenizer knows which text may spell out control tokens.
/// </summary>
internal sealed class MarkedText
{
    /// <summary>The owner of what the template's author wrote.</summary>
    public const int Template = -1;

    /// <summary>The owner of data that is no turn's content.</summary>
    public const int Data = -2;

    /// <summary>A longer text is refused.</summary>
    public const int LongestText = 1 << 26;

    public static readonly MarkedText Empty = new("", []);

    private readonly (int Length, int Owner)[] _runs;

    private MarkedText(string text, (int Length, int Owner)[] runs)
    {
        Text = text;
        _runs = runs;
    }

    public string Text { get; }

    public static MarkedText Of(string text, int owner) => text.Length == 0 ? Empty : new MarkedText(text, [(text.Length, owner)]);

    /// <summary>The owner of each UTF-16 unit.</summary>
    public int[] Owners()
    {
        int[] owners = new int[Text.Length];
        int at = 0;
        foreach (var (length, owner) in _runs)
        {
            owners.AsSpan(at, length).Fill(owner);
            at += length;
        }

        return owners;
    }

    public MarkedText Slice(int start, int end)
    {
        if (start <= 0 && end >= Text.Length)
            return this;
        if (start >= end)
            return Empty;
        var runs = new List<(int, int)>();
        int at = 0;
        foreach (var (length, owner) in _runs)
        {
            int overlap = Math.Min(end, at + length) - Math.Max(start, at);
            if (overlap > 0)
                runs.Add((overlap, owner));
            at += length;
        }

        return new MarkedText(Text[start..end], [.. runs]);
    }

    public MarkedText Strip(string? characters, bool left, bool right)
    {
        int start = 0, end = Text.Length;
        while (left && start < end && Strips(Text[start]))
            start++;
        while (right && end > start && Strips(Text[end - 1]))
            end--;
        return Slice(start, end);

        bool Strips(char c) => characters == null ? char.IsWhiteSpace(c) : characters.Contains(c, StringComparison.Ordinal);
    }

    /// <summary>The text with another of the same length, such as its upper case.</summary>
    public MarkedText With(string text) => new(text, _runs);

    public override string ToString() => Text;

    /// <summary>Puts texts together.</summary>
    internal sealed class Builder
    {
        private readonly StringBuilder _text = new();
        private readonly List<(int Length, int Owner)> _runs = [];

        public int Length => _text.Length;

        public Builder Append(MarkedText text)
        {
            _text.Append(text.Text);
            foreach (var run in text._runs)
                Add(run.Length, run.Owner);
            return this;
        }

        public Builder Append(string text, int owner)
        {
            _text.Append(text);
            Add(text.Length, owner);
            return this;
        }

        public MarkedText Build() => _text.Length == 0 ? Empty : new MarkedText(_text.ToString(), [.. _runs]);

        private void Add(int length, int owner)
        {
            if (_text.Length > LongestText)
                throw new TemplateException($"the text grows beyond {LongestText} characters");
            if (_runs.Count > 0 && _runs[^1].Owner == owner)
                _runs[^1] = (_runs[^1].Length + length, owner);
            else if (length > 0)
                _runs.Add((length, owner));
        }
    }
}

/// <summary>What is wrong with a template or with what it was given, at a line of it.</summary>
internal sealed class TemplateException(string what, int line = 0) : Exception(what)
{
    public int Line { get; } = line;
}
