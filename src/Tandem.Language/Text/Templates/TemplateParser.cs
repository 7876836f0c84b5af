namespace Tandem.Language;

/// <summary>Reads the statements of a template.</summary>
internal sealed class TemplateParser
{
    private const int DeepestNesting = 64;

    private readonly TemplateTokens _tokens;
    private readonly TemplateExpressionParser _expressions;
    private int _depth;

    private TemplateParser(string source)
    {
        _tokens = new TemplateTokens(TemplateLexer.Tokens(source));
        _expressions = new TemplateExpressionParser(_tokens);
    }

    public static Statement[] Parse(string source)
    {
        var parser = new TemplateParser(source);
        var body = parser.Body();
        var rest = parser._tokens.Current;
        return rest.Kind == TemplateTokenKind.End ? body : throw new TemplateException($"'{parser._tokens.Ahead(1).Text}' has no beginning", rest.Line);
    }

    // Up to the end, or a statement that ends or divides another, whose beginning is left.
    private Statement[] Body()
    {
        if (++_depth > DeepestNesting)
            throw new TemplateException($"statements are nested deeper than {DeepestNesting}", _tokens.Current.Line);
        var body = new List<Statement>();
        while (_tokens.Current.Kind != TemplateTokenKind.End)
        {
            var token = _tokens.Current;
            if (token.Kind == TemplateTokenKind.Text)
            {
                body.Add(new TextStatement(MarkedText.Of(token.Text, MarkedText.Template), token.Line));
                _tokens.Next();
            }
            else if (token.Kind == TemplateTokenKind.BeginOutput)
            {
                _tokens.Next();
                body.Add(new OutputStatement(_expressions.Parse(), token.Line));
                _tokens.Expect(TemplateTokenKind.EndOutput);
            }
            else
            {
                string name = _tokens.Ahead(1).Text;
                if (name.StartsWith("end", StringComparison.Ordinal) || name is "else" or "elif")
                    break;
                _tokens.Next();
                body.Add(Statement(_tokens.ExpectName(), token.Line));
            }
        }

        _depth--;
        return [.. body];
    }

    private Statement Statement(string name, int line)
    {
        switch (name)
        {
            case "if":
                return If(line);
            case "for":
                return For(line);
            case "set":
                return Set(line);
            case "macro":
                return Macro(line);
            case "generation":
                End();
                var body = Body();
                Close("endgeneration", line);
                return new BlockStatement(body, line);
            case "break" or "continue":
                End();
                return new JumpStatement(name == "break", line);
            default:
                throw new TemplateException($"the statement '{name}' is not supported", line);
        }
    }

    private IfStatement If(int line)
    {
        var branches = new List<(Expression, Statement[])>();
        Statement[] otherwise = [];
        while (true)
        {
            var condition = _expressions.Parse();
            End();
            branches.Add((condition, Body()));
            string next = Follow("endif", line);
            if (next == "elif")
                continue;
            End();
            if (next == "else")
            {
                otherwise = Body();
                Close("endif", line);
            }

            return new IfStatement([.. branches], otherwise, line);
        }
    }

    private ForStatement For(int line)
    {
        string[] names = Names();
        if (_tokens.ExpectName() != "in")
            throw new TemplateException("a for has no 'in'", line);
        var items = _expressions.Parse(allowsCondition: false);
        var condition = _tokens.TakeName("if") ? _expressions.Parse() : null;
        if (_tokens.TakeName("recursive"))
            throw new TemplateException("'recursive' is not supported", line);
        End();
        var body = Body();
        Statement[] otherwise = [];
        string next = Follow("endfor", line);
        End();
        if (next == "else")
        {
            otherwise = Body();
            Close("endfor", line);
        }

        return new ForStatement(names, items, condition, body, otherwise, line);
    }

    private Statement Set(int line)
    {
        string[] names = Names();
        string? attribute = _tokens.TakeOperator(".") ? _tokens.ExpectName() : null;
        if (_tokens.TakeOperator("="))
        {
            var value = _expressions.ParseTuple();
            End();
            return new SetStatement(names, attribute, value, line);
        }

        if (attribute != null || names.Length != 1)
            throw new TemplateException("a set has no '='", line);
        End();
        var body = Body();
        Close("endset", line);
        return new SetBlockStatement(names[0], body, line);
    }

    private MacroStatement Macro(int line)
    {
        string name = _tokens.ExpectName();
        var parameters = new List<(string, Expression?)>();
        _tokens.ExpectOperator("(");
        while (!_tokens.TakeOperator(")"))
        {
            string parameter = _tokens.ExpectName();
            parameters.Add((parameter, _tokens.TakeOperator("=") ? _expressions.Parse() : null));
            if (!_tokens.IsOperator(")"))
                _tokens.ExpectOperator(",");
        }

        End();
        var body = Body();
        Close("endmacro", line);
        return new MacroStatement(name, [.. parameters], body, line);
    }

    private string[] Names()
    {
        List<string> names = [_tokens.ExpectName()];
        while (_tokens.TakeOperator(","))
            names.Add(_tokens.ExpectName());
        return [.. names];
    }

    // The statement after a body: its end, or an else or elif.
    private string Follow(string end, int line)
    {
        if (_tokens.Current.Kind == TemplateTokenKind.End)
            throw new TemplateException($"there is no '{end}' to this", line);
        _tokens.Next();
        string name = _tokens.ExpectName();
        return name == end || (name == "else") || (name == "elif" && end == "endif")
            ? name
            : throw new TemplateException($"'{name}' stands where '{end}' is due", _tokens.Current.Line);
    }

    private void Close(string end, int line)
    {
        if (Follow(end, line) != end)
            throw new TemplateException($"there is no '{end}' to this", line);
        End();
    }

    private void End() => _tokens.Expect(TemplateTokenKind.EndStatement);
}
