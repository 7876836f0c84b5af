namespace Tandem.Language;

/// <content>The expressions of a template.</content>
internal sealed partial class TemplateEvaluator
{
    private object? Evaluate(Expression expression)
    {
        Enter(expression.Line);
        object? value = expression switch
        {
            LiteralExpression literal => literal.Value,
            NameExpression name => _scope.Find(name.Name),
            ListExpression list => list.Items.Select(Evaluate).ToList(),
            MapExpression map => TemplateValues.Map(map.Items.Select(p => (TemplateValues.Print(Evaluate(p.Key)).Text, Evaluate(p.Value)))),
            AttributeExpression attribute => Attribute(Evaluate(attribute.Target), attribute.Name),
            IndexExpression index => Index(Evaluate(index.Target), Evaluate(index.Index)),
            SliceExpression slice => Slice(slice),
            CallExpression call => Call(call),
            FilterExpression filter => Charged(
                TemplateLibrary.Filter(filter.Name, Evaluate(filter.Target), Positional(filter.Arguments), Named(filter.Arguments))),
            TestExpression test => TemplateLibrary.Test(test.Name, Evaluate(test.Target), Positional(test.Arguments)) != test.Negated,
            UnaryExpression unary => Unary(unary.Operator, Evaluate(unary.Operand)),
            BinaryExpression binary => Binary(binary),
            ConditionalExpression choice => TemplateValues.IsTrue(Evaluate(choice.Condition)) ? Evaluate(choice.Then)
                : choice.Otherwise != null ? Evaluate(choice.Otherwise) : new Undefined("else"),
            _ => throw new TemplateException($"{expression.GetType().Name} is not supported"),
        };
        _depth--;
        return value;
    }

    // Work on long texts and lists counts by its size.
    private object? Charged(object? value)
    {
        long size = value switch
        {
            MarkedText text => text.Text.Length / 16,
            List<object?> list => list.Count,
            _ => 0,
        };
        if (value is List<object?> { Count: > LongestList })
            throw new TemplateException($"a list grows beyond {LongestList} items");
        Step(size);
        return value;
    }

    private object?[] Positional(Arguments arguments) => [.. arguments.Positional.Select(Evaluate)];

    private Dictionary<string, object?> Named(Arguments arguments) =>
        arguments.Named.DistinctBy(a => a.Name).ToDictionary(a => a.Name, a => Evaluate(a.Value), StringComparer.Ordinal);

    private static object? Attribute(object? target, string name)
    {
        if (TemplateLibrary.HasMethod(target, name))
            return (TemplateFunction)((positional, _) => TemplateLibrary.Method(target, name, positional));
        return target switch
        {
            TemplateMap map => map.TryGetValue(name, out object? value) ? value : new Undefined(name),
            Undefined undefined => throw new TemplateException($"'{undefined.Name}' is undefined and has no '{name}'"),
            _ => new Undefined(name),
        };
    }

    private static object? Index(object? target, object? index)
    {
        switch (target)
        {
            case TemplateMap map when index is MarkedText key:
                return map.TryGetValue(key.Text, out object? value) ? value : Attribute(map, key.Text);
            case List<object?> list when index is long at:
                at = at < 0 ? at + list.Count : at;
                return at >= 0 && at < list.Count ? list[(int)at] : new Undefined("item");
            case MarkedText text when index is long place:
                place = place < 0 ? place + text.Text.Length : place;
                return place >= 0 && place < text.Text.Length ? text.Slice((int)place, (int)place + 1) : new Undefined("character");
            case Undefined undefined:
                throw new TemplateException($"'{undefined.Name}' is undefined and has no items");
            default:
                return index is MarkedText name ? Attribute(target, name.Text) : new Undefined("item");
        }
    }

    private object? Slice(SliceExpression slice)
    {
        object? target = Evaluate(slice.Target);
        long? start = Bound(slice.Start), stop = Bound(slice.Stop);
        long step = Bound(slice.Step) ?? 1;
        if (step == 0)
            throw new TemplateException("a slice has no step of 0");
        if (target is MarkedText text && step == 1)
        {
            var (from, to) = Range(text.Text.Length);
            return text.Slice((int)from, (int)to);
        }

        if (target is not (List<object?> or MarkedText))
            throw new TemplateException($"{TemplateValues.Kind(target)} has no slices");
        var items = TemplateValues.Items(target);
        var (first, last) = Range(items.Count);
        var taken = new List<object?>();
        for (long i = first; step > 0 ? i < last : i > last; i += step)
            taken.Add(items[(int)i]);
        Charged(taken);
        return target is MarkedText ? TemplateLibrary.Filter("join", taken, [], new Dictionary<string, object?>()) : taken;

        long? Bound(Expression? expression) => expression == null ? null : Evaluate(expression) switch
        {
            null => null,
            long number => Math.Clamp(number, int.MinValue, int.MaxValue),
            var other => throw new TemplateException($"{TemplateValues.Kind(other)} is no bound of a slice"),
        };

        (long From, long To) Range(int count)
        {
            long low = step > 0 ? 0 : -1, high = step > 0 ? count : count - 1;
            long from = start is { } a ? Math.Clamp(a < 0 ? a + count : a, low, high) : step > 0 ? low : high;
            long to = stop is { } b ? Math.Clamp(b < 0 ? b + count : b, low, high) : step > 0 ? high : low;
            return (from, to);
        }
    }

    private object? Call(CallExpression call)
    {
        object? target = Evaluate(call.Target);
        if (target is not TemplateFunction function)
        {
            string name = call.Target switch
            {
                NameExpression named => named.Name,
                AttributeExpression attribute => attribute.Name,
                _ => TemplateValues.Kind(target),
            };
            throw new TemplateException($"the function '{name}' is not supported");
        }

        object?[] positional = Positional(call.Arguments);
        return Charged(function(positional, Named(call.Arguments)));
    }

    private static object? Unary(string sign, object? value) => (sign, value) switch
    {
        ("not", _) => !TemplateValues.IsTrue(value),
        ("not not", _) => TemplateValues.IsTrue(value),
        ("-", long number) => checked(-number),
        ("-", double number) => -number,
        ("+", long or double) => value,
        _ => throw new TemplateException($"'{sign}' does not apply to {TemplateValues.Kind(value)}"),
    };

    private object? Binary(BinaryExpression binary)
    {
        object? left = Evaluate(binary.Left);
        if (binary.Operator == "and")
            return TemplateValues.IsTrue(left) ? Evaluate(binary.Right) : left;
        if (binary.Operator == "or")
            return TemplateValues.IsTrue(left) ? left : Evaluate(binary.Right);
        object? right = Evaluate(binary.Right);
        return binary.Operator switch
        {
            "==" => TemplateValues.AreEqual(left, right),
            "!=" => !TemplateValues.AreEqual(left, right),
            "<" => TemplateValues.Compare(left, right) < 0,
            ">" => TemplateValues.Compare(left, right) > 0,
            "<=" => TemplateValues.Compare(left, right) <= 0,
            ">=" => TemplateValues.Compare(left, right) >= 0,
            "in" => TemplateValues.Contains(right, left),
            "not in" => !TemplateValues.Contains(right, left),
            "~" => Charged(Join(TemplateValues.Print(left), TemplateValues.Print(right))),
            _ => Charged(Arithmetic(binary.Operator, left, right)),
        };
    }

    private static MarkedText Join(MarkedText left, MarkedText right) => new MarkedText.Builder().Append(left).Append(right).Build();

    private static object? Arithmetic(string sign, object? left, object? right)
    {
        switch (sign, left, right)
        {
            case ("+", MarkedText a, MarkedText b):
                return Join(a, b);
            case ("+", List<object?> a, List<object?> b):
                return a.Concat(b).ToList();
            case ("+", long a, long b):
                return checked(a + b);
            case ("-", long a, long b):
                return checked(a - b);
            case ("*", long a, long b):
                return checked(a * b);
            case ("//", long a, long b) when b != 0:
                return checked((a / b) - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0));
            case ("%", long a, long b) when b != 0:
                return b == -1 ? 0L : ((a % b) + b) % b;
        }

        if (left is not bool && right is not bool && TemplateValues.Number(left) is { } x && TemplateValues.Number(right) is { } y)
        {
            switch (sign)
            {
                case "+":
                    return x + y;
                case "-":
                    return x - y;
                case "*":
                    return x * y;
                case "/" when y != 0:
                    return x / y;
                case "//" when y != 0:
                    return Math.Floor(x / y);
            }
        }

        throw new TemplateException($"'{sign}' does not apply to {TemplateValues.Kind(left)} and {TemplateValues.Kind(right)}");
    }
}
