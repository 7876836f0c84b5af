namespace Tandem.Language;

/// <summary>An expression of a template, at a line.</summary>
internal abstract record Expression(int Line);

internal sealed record LiteralExpression(object? Value, int Line) : Expression(Line);

internal sealed record NameExpression(string Name, int Line) : Expression(Line);

internal sealed record ListExpression(Expression[] Items, int Line) : Expression(Line);

internal sealed record MapExpression((Expression Key, Expression Value)[] Items, int Line) : Expression(Line);

internal sealed record AttributeExpression(Expression Target, string Name, int Line) : Expression(Line);

internal sealed record IndexExpression(Expression Target, Expression Index, int Line) : Expression(Line);

internal sealed record SliceExpression(Expression Target, Expression? Start, Expression? Stop, Expression? Step, int Line) : Expression(Line);

internal sealed record CallExpression(Expression Target, Arguments Arguments, int Line) : Expression(Line);

internal sealed record FilterExpression(Expression Target, string Name, Arguments Arguments, int Line) : Expression(Line);

internal sealed record TestExpression(Expression Target, string Name, Arguments Arguments, bool Negated, int Line) : Expression(Line);

internal sealed record UnaryExpression(string Operator, Expression Operand, int Line) : Expression(Line);

internal sealed record BinaryExpression(string Operator, Expression Left, Expression Right, int Line) : Expression(Line);

internal sealed record ConditionalExpression(Expression Condition, Expression Then, Expression? Otherwise, int Line) : Expression(Line);

/// <summary>What is passed to a function, filter or test.</summary>
internal sealed record Arguments(Expression[] Positional, (string Name, Expression Value)[] Named)
{
    public static readonly Arguments None = new([], []);
}

/// <summary>A statement of a template, at a line.</summary>
internal abstract record Statement(int Line);

internal sealed record TextStatement(MarkedText Text, int Line) : Statement(Line);

internal sealed record OutputStatement(Expression Value, int Line) : Statement(Line);

internal sealed record SetStatement(string[] Names, string? Attribute, Expression Value, int Line) : Statement(Line);

internal sealed record SetBlockStatement(string Name, Statement[] Body, int Line) : Statement(Line);

internal sealed record IfStatement((Expression Condition, Statement[] Body)[] Branches, Statement[] Otherwise, int Line) : Statement(Line);

internal sealed record ForStatement(
    string[] Names, Expression Items, Expression? Condition, Statement[] Body, Statement[] Otherwise, int Line) : Statement(Line);

internal sealed record MacroStatement(string Name, (string Name, Expression? Value)[] Parameters, Statement[] Body, int Line) : Statement(Line);

internal sealed record BlockStatement(Statement[] Body, int Line) : Statement(Line);

internal sealed record JumpStatement(bool Breaks, int Line) : Statement(Line);
