using System.Globalization;
using System.Text;

namespace Tandem.Language;

internal enum TemplateTokenKind
{
    Text,
    BeginOutput,
    EndOutput,
    BeginStatement,
    EndStatement,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End,
}

/// <summary>A token of a template.</summary>
internal readonly record struct TemplateToken(TemplateTokenKind Kind, string Text, int Line);

/// <summary>
/// Cuts a template into tokens, with the white space rules that transformers sets: the line break after a statement and the
/// spaces before it on its line do not count (trim_blocks, lstrip_blocks).
/// </summary>
internal sealed class TemplateLexer
{
    private static readonly string[] s_operators =
        ["**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|"];

    private readonly string _source;
    private readonly List<TemplateToken> _tokens = [];
    private int _at, _line = 1;

    private TemplateLexer(string source)
    {
        source = source.ReplaceLineEndings("\n");
        _source = source.EndsWith('\n') ? source[..^1] : source;
    }

    public static List<TemplateToken> Tokens(string source)
    {
        var lexer = new TemplateLexer(source);
        lexer.Run();
        return lexer._tokens;
    }

    private void Run()
    {
        bool trimsLeft = false;
        while (_at < _source.Length)
        {
            int tag = NextTag();
            string text = _source[_at..tag];
            int line = _line;
            Advance(tag);
            if (tag == _source.Length)
            {
                Add(TemplateTokenKind.Text, trimsLeft ? text.TrimStart() : text, line);
                break;
            }

            char kind = _source[tag + 1];
            char mark = tag + 2 < _source.Length ? _source[tag + 2] : '\0';
            if (trimsLeft)
                text = text.TrimStart();
            if (mark == '-')
                text = text.TrimEnd();
            else if (kind != '{' && mark != '+')
                text = WithoutIndent(text, tag);
            Add(TemplateTokenKind.Text, text, line);
            Advance(tag + (mark is '-' or '+' ? 3 : 2));
            trimsLeft = kind switch
            {
                '#' => Comment(),
                '{' => Tag(TemplateTokenKind.BeginOutput, TemplateTokenKind.EndOutput, "}}"),
                _ => Tag(TemplateTokenKind.BeginStatement, TemplateTokenKind.EndStatement, "%}"),
            };
        }

        _tokens.Add(new TemplateToken(TemplateTokenKind.End, "", _line));
    }

    private int NextTag()
    {
        for (int i = _at; i + 1 < _source.Length; i++)
        {
            if (_source[i] == '{' && _source[i + 1] is '{' or '%' or '#')
                return i;
        }

        return _source.Length;
    }

    // Spaces count where something else stands before them on the line.
    private string WithoutIndent(string text, int tag)
    {
        int start = tag;
        while (start > 0 && _source[start - 1] is ' ' or '\t')
            start--;
        bool beginsLine = start == 0 || _source[start - 1] == '\n';
        return beginsLine ? text.TrimEnd(' ', '\t') : text;
    }

    private bool Comment()
    {
        int end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
            throw new TemplateException("a comment has no end", _line);
        bool trims = end > _at && _source[end - 1] == '-';
        bool keeps = end > _at && _source[end - 1] == '+';
        Advance(end + 2);
        TrimLineBreak(keeps);
        return trims;
    }

    private bool Tag(TemplateTokenKind begin, TemplateTokenKind end, string close)
    {
        _tokens.Add(new TemplateToken(begin, "", _line));
        int braces = 0;
        while (true)
        {
            while (_at < _source.Length && char.IsWhiteSpace(_source[_at]))
                Advance(_at + 1);
            if (_at >= _source.Length)
                throw new TemplateException($"a tag has no '{close}'", _line);
            bool marked = _source[_at] is '-' or '+' && string.CompareOrdinal(_source, _at + 1, close, 0, 2) == 0;
            if (braces == 0 && (marked || string.CompareOrdinal(_source, _at, close, 0, 2) == 0))
            {
                char mark = marked ? _source[_at] : '\0';
                _tokens.Add(new TemplateToken(end, "", _line));
                Advance(_at + (marked ? 3 : 2));
                if (end == TemplateTokenKind.EndStatement)
                    TrimLineBreak(mark == '+');
                return mark == '-';
            }

            braces += _source[_at] == '{' ? 1 : _source[_at] == '}' ? -1 : 0;
            Token();
        }
    }

    private void TrimLineBreak(bool keeps)
    {
        if (!keeps && _at < _source.Length && _source[_at] == '\n')
            Advance(_at + 1);
    }

    private void Token()
    {
        int start = _at;
        char c = _source[_at];
        if (char.IsLetter(c) || c == '_')
        {
            int end = _at;
            while (end < _source.Length && (char.IsLetterOrDigit(_source[end]) || _source[end] == '_'))
                end++;
            Add(TemplateTokenKind.Name, _source[start..end], _line);
            Advance(end);
        }
        else if (char.IsAsciiDigit(c))
        {
            Number();
        }
        else if (c is '\'' or '"')
        {
            String(c);
        }
        else
        {
            string? sign = Array.Find(s_operators, o => string.CompareOrdinal(_source, _at, o, 0, o.Length) == 0);
            if (sign == null)
                throw new TemplateException($"'{c}' is not understood", _line);
            Add(TemplateTokenKind.Operator, sign, _line);
            Advance(_at + sign.Length);
        }
    }

    private void Number()
    {
        int end = _at;
        while (end < _source.Length && (char.IsAsciiDigit(_source[end]) || _source[end] == '_'))
            end++;
        bool isFloat = end + 1 < _source.Length && _source[end] == '.' && char.IsAsciiDigit(_source[end + 1]);
        if (isFloat)
        {
            end++;
            while (end < _source.Length && char.IsAsciiDigit(_source[end]))
                end++;
        }

        Add(isFloat ? TemplateTokenKind.Float : TemplateTokenKind.Integer, _source[_at..end].Replace("_", "", StringComparison.Ordinal), _line);
        Advance(end);
    }

    private void String(char quote)
    {
        var text = new StringBuilder();
        int line = _line, at = _at + 1;
        for (; ; at++)
        {
            if (at >= _source.Length)
                throw new TemplateException("a text has no closing quote", line);
            char c = _source[at];
            if (c == quote)
                break;
            if (c != '\\' || at + 1 >= _source.Length)
            {
                text.Append(c);
                continue;
            }

            char escaped = _source[++at];
            int digits = escaped == 'x' ? 2 : escaped == 'u' ? 4 : 0;
            if (digits > 0 && at + digits < _source.Length
                && int.TryParse(_source.AsSpan(at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code))
            {
                text.Append((char)code);
                at += digits;
                continue;
            }

            text.Append(escaped switch
            {
                'n' => "\n",
                't' => "\t",
                'r' => "\r",
                'b' => "\b",
                'f' => "\f",
                '0' => "\0",
                '\n' => "",
                '\\' or '\'' or '"' => escaped.ToString(),
                _ => "\\" + escaped,
            });
        }

        _tokens.Add(new TemplateToken(TemplateTokenKind.String, text.ToString(), line));
        Advance(at + 1);
    }

    private void Add(TemplateTokenKind kind, string text, int line)
    {
        if (kind != TemplateTokenKind.Text || text.Length > 0)
            _tokens.Add(new TemplateToken(kind, text, line));
    }

    private void Advance(int to)
    {
        _line += _source.AsSpan(_at, to - _at).Count('\n');
        _at = to;
    }
}
