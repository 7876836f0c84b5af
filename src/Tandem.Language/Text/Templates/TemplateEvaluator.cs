namespace Tandem.Language;

/// <summary>
/// Runs a template. Its work is bounded, in steps, in depth and in the length of texts and lists, so that a template of
/// unknown origin cannot hang the program.
/// </summary>
internal sealed partial class TemplateEvaluator
{
    private const long MostSteps = 20_000_000;
    private const int DeepestNesting = 200;
    private const int LongestList = 1 << 20;

    private readonly MarkedText.Builder _output = new();
    private MarkedText.Builder _target;
    private Scope _scope;
    private long _steps;
    private int _depth, _line;

    private TemplateEvaluator(TemplateMap variables)
    {
        _target = _output;
        _scope = new Scope(null, variables);
        _scope = new Scope(_scope, new TemplateMap());
    }

    /// <summary>Runs a template with variables.</summary>
    /// <exception cref="TemplateException">The template refuses, or does what is not supported.</exception>
    public static MarkedText Run(Statement[] template, TemplateMap variables)
    {
        variables = TemplateValues.Map(variables.Select(p => (p.Key, p.Value)));
        var evaluator = new TemplateEvaluator(variables);
        variables.TryAdd("raise_exception", (TemplateFunction)((positional, _) =>
            throw new TemplateException(positional is [MarkedText reason, ..] ? $"the template refuses: {reason.Text}" : "the template refuses")));
        variables.TryAdd("namespace", (TemplateFunction)((_, named) =>
        {
            var created = new TemplateMap { IsNamespace = true };
            foreach (var (name, value) in named)
                created[name] = value;
            return created;
        }));
        variables.TryAdd("dict", (TemplateFunction)((_, named) => TemplateValues.Map(named.Select(p => (p.Key, p.Value)))));
        variables.TryAdd("range", (TemplateFunction)((positional, _) => evaluator.Range(positional)));
        try
        {
            evaluator.Execute(template);
            return evaluator._output.Build();
        }
        catch (TemplateException error) when (error.Line == 0)
        {
            throw new TemplateException(error.Message, evaluator._line);
        }
        catch (OverflowException)
        {
            throw new TemplateException("a number is too large", evaluator._line);
        }
    }

    private enum Flow
    {
        On,
        Break,
        Continue,
    }

    private void Step(long steps = 1)
    {
        if ((_steps += steps) > MostSteps)
            throw new TemplateException($"the template takes more than {MostSteps} steps");
    }

    private void Enter(int line)
    {
        _line = line;
        Step();
        if (++_depth > DeepestNesting)
            throw new TemplateException($"the template is nested deeper than {DeepestNesting}");
    }

    private Flow Execute(Statement[] body)
    {
        foreach (var statement in body)
        {
            Enter(statement.Line);
            var flow = Execute(statement);
            _depth--;
            if (flow != Flow.On)
                return flow;
        }

        return Flow.On;
    }

    private Flow Execute(Statement statement)
    {
        switch (statement)
        {
            case TextStatement text:
                _target.Append(text.Text);
                return Flow.On;
            case OutputStatement output:
                var printed = TemplateValues.Print(Evaluate(output.Value));
                Step(printed.Text.Length / 64);
                _target.Append(printed);
                return Flow.On;
            case SetStatement set:
                Set(set);
                return Flow.On;
            case SetBlockStatement block:
                _scope.Variables[block.Name] = Capture(block.Body);
                return Flow.On;
            case IfStatement choice:
                foreach (var (condition, body) in choice.Branches)
                {
                    if (TemplateValues.IsTrue(Evaluate(condition)))
                        return Execute(body);
                }

                return Execute(choice.Otherwise);
            case ForStatement loop:
                return For(loop);
            case MacroStatement macro:
                _scope.Variables[macro.Name] = (TemplateFunction)((positional, named) => Call(macro, positional, named));
                return Flow.On;
            case BlockStatement block:
                return Execute(block.Body);
            case JumpStatement jump:
                return jump.Breaks ? Flow.Break : Flow.Continue;
            default:
                throw new TemplateException($"{statement.GetType().Name} is not supported");
        }
    }

    private void Set(SetStatement set)
    {
        object? value = Evaluate(set.Value);
        if (set.Attribute != null)
        {
            if (_scope.Find(set.Names[0]) is not TemplateMap { IsNamespace: true } target)
                throw new TemplateException($"'{set.Names[0]}' is no namespace: its '{set.Attribute}' cannot be set");
            target[set.Attribute] = value;
            return;
        }

        Assign(set.Names, value, _scope.Variables);
    }

    private static void Assign(string[] names, object? value, TemplateMap variables)
    {
        if (names.Length == 1)
        {
            variables[names[0]] = value;
            return;
        }

        var items = TemplateValues.Items(value);
        if (items.Count != names.Length)
            throw new TemplateException($"{items.Count} values cannot be given to {names.Length} names");
        for (int i = 0; i < names.Length; i++)
            variables[names[i]] = items[i];
    }

    private Flow For(ForStatement loop)
    {
        var items = TemplateValues.Items(Evaluate(loop.Items));
        var outer = _scope;
        if (loop.Condition != null)
        {
            items = items.FindAll(item =>
            {
                _scope = new Scope(outer, new TemplateMap());
                Assign(loop.Names, item, _scope.Variables);
                return TemplateValues.IsTrue(Evaluate(loop.Condition));
            });
            _scope = outer;
        }

        for (int i = 0; i < items.Count; i++)
        {
            Step();
            _scope = new Scope(outer, new TemplateMap());
            _scope.Variables["loop"] = TemplateValues.Map(
            [
                ("index0", (long)i), ("index", i + 1L), ("revindex0", items.Count - i - 1L), ("revindex", (long)(items.Count - i)),
                ("first", i == 0), ("last", i == items.Count - 1), ("length", (long)items.Count),
                ("previtem", i > 0 ? items[i - 1] : new Undefined("previtem")),
                ("nextitem", i + 1 < items.Count ? items[i + 1] : new Undefined("nextitem")),
            ]);
            Assign(loop.Names, items[i], _scope.Variables);
            var flow = Execute(loop.Body);
            _scope = outer;
            if (flow == Flow.Break)
                break;
        }

        return items.Count == 0 ? Execute(loop.Otherwise) : Flow.On;
    }

    private MarkedText Call(MacroStatement macro, object?[] positional, IReadOnlyDictionary<string, object?> named)
    {
        var variables = new TemplateMap();
        var caller = _scope;
        for (int i = 0; i < macro.Parameters.Length; i++)
        {
            var (name, otherwise) = macro.Parameters[i];
            variables[name] = i < positional.Length ? positional[i]
                : named.TryGetValue(name, out object? value) ? value
                : otherwise != null ? Evaluate(otherwise) : new Undefined(name);
        }

        _scope = new Scope(caller.Root, variables);
        var text = Capture(macro.Body);
        _scope = caller;
        return text;
    }

    private MarkedText Capture(Statement[] body)
    {
        var outer = _target;
        _target = new MarkedText.Builder();
        Execute(body);
        var text = _target.Build();
        _target = outer;
        return text;
    }

    private List<object?> Range(object?[] arguments)
    {
        if (arguments.Length is < 1 or > 3 || !arguments.All(a => a is long))
            throw new TemplateException("range takes one to three whole numbers");
        long start = arguments.Length > 1 ? (long)arguments[0]! : 0;
        long stop = (long)arguments[arguments.Length > 1 ? 1 : 0]!, step = arguments.Length > 2 ? (long)arguments[2]! : 1;
        var items = new List<object?>();
        if (step == 0)
            throw new TemplateException("range has no step of 0");
        for (long i = start; step > 0 ? i < stop : i > stop; i = checked(i + step))
        {
            Step();
            if (items.Count >= LongestList)
                throw new TemplateException($"a list grows beyond {LongestList} items");
            items.Add(i);
        }

        return items;
    }

    private sealed class Scope(Scope? parent, TemplateMap variables)
    {
        public TemplateMap Variables { get; } = variables;

        /// <summary>The scope of the template's own names.</summary>
        public Scope Root
        {
            get
            {
                var scope = this;
                while (scope.Parent is { Parent: not null } outer)
                    scope = outer;
                return scope;
            }
        }

        private Scope? Parent { get; } = parent;

        public object? Find(string name)
        {
            for (var scope = this; scope != null; scope = scope.Parent)
            {
                if (scope.Variables.TryGetValue(name, out object? value))
                    return value;
            }

            return new Undefined(name);
        }
    }
}
