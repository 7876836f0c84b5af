using System.Globalization;

namespace Tandem.Language;

/// <summary>Reads the expressions of a template, in Jinja's order of precedence.</summary>
internal sealed class TemplateExpressionParser(TemplateTokens tokens)
{
    private const int DeepestNesting = 48;
    private static readonly string[] s_comparisons = ["==", "!=", "<=", ">=", "<", ">"];
    private int _depth;

    private int Line => tokens.Current.Line;

    /// <summary>An expression, or several with commas between them as a list.</summary>
    public Expression ParseTuple()
    {
        int line = Line;
        var first = Parse();
        if (!tokens.IsOperator(","))
            return first;
        List<Expression> items = [first];
        while (tokens.TakeOperator(","))
            items.Add(Parse());
        return new ListExpression([.. items], line);
    }

    /// <summary>An expression.</summary>
    /// <param name="allowsCondition">Whether an 'if' belongs to it: in a loop's head it does not.</param>
    public Expression Parse(bool allowsCondition = true)
    {
        if (++_depth > DeepestNesting)
            throw new TemplateException($"expressions are nested deeper than {DeepestNesting}", Line);
        int line = Line;
        var value = Or();
        while (allowsCondition && tokens.TakeName("if"))
        {
            var condition = Or();
            value = new ConditionalExpression(condition, value, tokens.TakeName("else") ? Parse() : null, line);
        }

        _depth--;
        return value;
    }

    private Expression Or() => Chain(And, () => tokens.TakeName("or") ? "or" : null);

    private Expression And() => Chain(Not, () => tokens.TakeName("and") ? "and" : null);

    private Expression Not()
    {
        int line = Line, count = 0;
        while (tokens.TakeName("not"))
            count++;
        var value = Comparison();
        return count == 0 ? value : new UnaryExpression(count % 2 == 1 ? "not" : "not not", value, line);
    }

    private Expression Comparison() => Chain(Sum, () =>
    {
        if (tokens.TakeName("in"))
            return "in";
        if (tokens.IsName("not") && tokens.Ahead(1) is { Kind: TemplateTokenKind.Name, Text: "in" })
        {
            tokens.Next();
            tokens.Next();
            return "not in";
        }

        return Operator(s_comparisons);
    });

    private Expression Sum() => Chain(Concatenation, () => Operator("+", "-"));

    private Expression Concatenation() => Chain(Product, () => Operator("~"));

    private Expression Product() => Chain(Power, () => Operator("*", "//", "/", "%"));

    private Expression Power() => Chain(Unary, () => Operator("**"));

    private Expression Unary()
    {
        int line = Line, signs = 0;
        bool negative = false;
        while (Operator("-", "+") is { } sign)
        {
            negative ^= sign == "-";
            signs++;
        }

        var value = Filters(Postfix(Primary()));
        return signs == 0 ? value : new UnaryExpression(negative ? "-" : "+", value, line);
    }

    private Expression Chain(Func<Expression> operand, Func<string?> sign)
    {
        int line = Line;
        var value = operand();
        while (sign() is { } name)
            value = new BinaryExpression(name, value, operand(), line);
        return value;
    }

    private string? Operator(params ReadOnlySpan<string> signs)
    {
        foreach (string sign in signs)
        {
            if (tokens.TakeOperator(sign))
                return sign;
        }

        return null;
    }

    private Expression Primary()
    {
        var token = tokens.Next();
        switch (token.Kind)
        {
            case TemplateTokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new LiteralExpression(true, token.Line),
                    "false" or "False" => new LiteralExpression(false, token.Line),
                    "none" or "None" => new LiteralExpression(null, token.Line),
                    _ => new NameExpression(token.Text, token.Line),
                };
            case TemplateTokenKind.String:
                string text = token.Text;
                while (tokens.Current.Kind == TemplateTokenKind.String)
                    text += tokens.Next().Text;
                return new LiteralExpression(MarkedText.Of(text, MarkedText.Template), token.Line);
            case TemplateTokenKind.Integer:
                return long.TryParse(token.Text, CultureInfo.InvariantCulture, out long integer)
                    ? new LiteralExpression(integer, token.Line)
                    : throw new TemplateException($"the number {token.Text} is too large", token.Line);
            case TemplateTokenKind.Float:
                return new LiteralExpression(double.Parse(token.Text, CultureInfo.InvariantCulture), token.Line);
            case TemplateTokenKind.Operator when token.Text == "(":
                var inner = tokens.IsOperator(")") ? new ListExpression([], token.Line) : ParseTuple();
                tokens.ExpectOperator(")");
                return inner;
            case TemplateTokenKind.Operator when token.Text == "[":
                return new ListExpression(Items("]"), token.Line);
            case TemplateTokenKind.Operator when token.Text == "{":
                return Map(token.Line);
            default:
                throw new TemplateException($"'{token.Text}' is no expression", token.Line);
        }
    }

    private Expression[] Items(string end)
    {
        var items = new List<Expression>();
        while (!tokens.TakeOperator(end))
        {
            items.Add(Parse());
            if (!tokens.IsOperator(end))
                tokens.ExpectOperator(",");
        }

        return [.. items];
    }

    private MapExpression Map(int line)
    {
        var items = new List<(Expression, Expression)>();
        while (!tokens.TakeOperator("}"))
        {
            var key = Parse();
            tokens.ExpectOperator(":");
            items.Add((key, Parse()));
            if (!tokens.IsOperator("}"))
                tokens.ExpectOperator(",");
        }

        return new MapExpression([.. items], line);
    }

    private Expression Postfix(Expression value)
    {
        while (true)
        {
            int line = Line;
            if (tokens.TakeOperator("."))
                value = tokens.Current.Kind == TemplateTokenKind.Integer
                    ? new IndexExpression(value, Primary(), line)
                    : new AttributeExpression(value, tokens.ExpectName(), line);
            else if (tokens.TakeOperator("["))
                value = Subscript(value, line);
            else if (tokens.TakeOperator("("))
                value = new CallExpression(value, Arguments(), line);
            else
                return value;
        }
    }

    private Expression Subscript(Expression target, int line)
    {
        var start = tokens.IsOperator(":") ? null : Parse();
        if (tokens.TakeOperator("]"))
            return new IndexExpression(target, start!, line);
        tokens.ExpectOperator(":");
        var stop = tokens.IsOperator(":") || tokens.IsOperator("]") ? null : Parse();
        var step = tokens.TakeOperator(":") && !tokens.IsOperator("]") ? Parse() : null;
        tokens.ExpectOperator("]");
        return new SliceExpression(target, start, stop, step, line);
    }

    private Arguments Arguments()
    {
        var positional = new List<Expression>();
        var named = new List<(string, Expression)>();
        while (!tokens.TakeOperator(")"))
        {
            if (tokens.Current.Kind == TemplateTokenKind.Name && tokens.Ahead(1) is { Kind: TemplateTokenKind.Operator, Text: "=" })
            {
                string name = tokens.Next().Text;
                tokens.Next();
                named.Add((name, Parse()));
            }
            else
            {
                positional.Add(Parse());
            }

            if (!tokens.IsOperator(")"))
                tokens.ExpectOperator(",");
        }

        return new Arguments([.. positional], [.. named]);
    }

    private Expression Filters(Expression value)
    {
        while (true)
        {
            int line = Line;
            if (tokens.TakeOperator("|"))
            {
                string name = tokens.ExpectName();
                value = Postfix(new FilterExpression(value, name, tokens.TakeOperator("(") ? Arguments() : Language.Arguments.None, line));
            }
            else if (tokens.TakeName("is"))
            {
                bool negated = tokens.TakeName("not");
                string name = tokens.ExpectName();
                value = new TestExpression(value, name, TestArguments(), negated, line);
            }
            else
            {
                return value;
            }
        }
    }

    private Arguments TestArguments()
    {
        if (tokens.TakeOperator("("))
            return Arguments();
        bool hasOne = tokens.Current.Kind is TemplateTokenKind.String or TemplateTokenKind.Integer or TemplateTokenKind.Float;
        return hasOne ? new Arguments([Primary()], []) : Language.Arguments.None;
    }
}
