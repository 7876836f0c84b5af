namespace Tandem.Language;

/// <summary>The tokens of a template as its parsers take them.</summary>
internal sealed class TemplateTokens(List<TemplateToken> tokens)
{
    private int _at;

    public TemplateToken Current => tokens[_at];

    public TemplateToken Ahead(int count) => tokens[Math.Min(_at + count, tokens.Count - 1)];

    public TemplateToken Next() => _at < tokens.Count - 1 ? tokens[_at++] : tokens[_at];

    public bool IsOperator(string sign) => Current.Kind == TemplateTokenKind.Operator && Current.Text == sign;

    public bool IsName(string name) => Current.Kind == TemplateTokenKind.Name && Current.Text == name;

    public bool TakeOperator(string sign) => Take(IsOperator(sign));

    public bool TakeName(string name) => Take(IsName(name));

    public void ExpectOperator(string sign)
    {
        if (!TakeOperator(sign))
            throw Unexpected($"'{sign}'");
    }

    public string ExpectName() => Current.Kind == TemplateTokenKind.Name ? Next().Text : throw Unexpected("a name");

    public void Expect(TemplateTokenKind kind)
    {
        if (Current.Kind != kind)
            throw Unexpected(kind == TemplateTokenKind.EndOutput ? "'}}'" : kind == TemplateTokenKind.EndStatement ? "'%}'" : kind.ToString());
        Next();
    }

    public TemplateException Unexpected(string due) => new(
        $"{(Current.Text.Length > 0 ? $"'{Current.Text}'" : Current.Kind.ToString())} stands where {due} is due", Current.Line);

    private bool Take(bool takes)
    {
        if (takes)
            Next();
        return takes;
    }
}
