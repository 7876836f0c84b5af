using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Tandem.Tensors;

namespace Tandem.Runs;

/// <summary>Binds nodes to immutable records, strictly: every key known, every value of its type and in its range.</summary>
internal static class RecipeBinder
{
    /// <summary>
    /// Binds a section. Keys that are absent keep the value of <paramref name="prototype"/>, which is the default that
    /// the enclosing record gives this section; without one, the record's own defaults.
    /// </summary>
    public static object BindSection(Type type, RecipeNode node, string path, object? prototype = null)
    {
        if (node is ScalarNode { Text: "", IsPlain: true })
            node = new MappingNode(node.Place);
        if (node is not MappingNode mapping)
            throw WrongType(node, path, type);
        RecipeSchema schema = RecipeSchema.Of(type);
        foreach (MappingEntry entry in mapping.Entries)
        {
            if (schema.Find(entry.Key) is null)
                throw UnknownKey(entry, path, schema);
        }

        string[] missing = [.. schema.Keys
            .Where(k => prototype is null && k.IsRequired && mapping.Find(k.Name) is null)
            .Select(k => $"'{k.Name}'")];
        if (missing.Length > 0)
        {
            throw new UserFaultException(
                $"{node.Place}: {Section(path)} lacks the required {(missing.Length == 1 ? "key" : "keys")} {string.Join(", ", missing)}.",
                $"Add {(missing.Length == 1 ? "it" : "them")}.", FaultKind.Usage);
        }

        object instance = prototype is null ? Construct(schema, mapping, path) : schema.Clone(prototype);
        foreach (RecipeKey key in schema.Keys)
        {
            if (mapping.Find(key.Name) is { } entry && (prototype is not null || key.Parameter is null))
                key.Property.SetValue(instance, BindKey(key, entry, path, key.Property.GetValue(instance)));
        }

        if (instance is ICheckedRecipe rules)
        {
            foreach (RecipeProblem problem in rules.Check())
            {
                RecipeKey? key = schema.Keys.FirstOrDefault(k => k.Property.Name == problem.Property);
                string place = key is null ? node.Place : mapping.Find(key.Name)?.Value.Place ?? node.Place;
                string name = key is null ? Section(path) : Join(path, key.Name);
                throw new UserFaultException($"{place}: {name}: {problem.Message}", problem.Remedy, FaultKind.Usage);
            }
        }

        return instance;
    }

    private static object Construct(RecipeSchema schema, MappingNode mapping, string path)
    {
        object?[] arguments = [.. schema.Constructor.GetParameters().Select(parameter =>
        {
            RecipeKey key = schema.Keys.First(k => k.Parameter == parameter);
            object? fallback = parameter.HasDefaultValue ? parameter.DefaultValue : null;
            return mapping.Find(key.Name) is { } entry ? BindKey(key, entry, path, fallback) : fallback;
        })];
        return schema.Constructor.Invoke(arguments);
    }

    private static object? BindKey(RecipeKey key, MappingEntry entry, string path, object? prototype)
    {
        string full = Join(path, key.Name);
        object? value = BindValue(key.Property.PropertyType, entry.Value, full, prototype, key.AllowsNull);
        if (value is IEnumerable items and not string)
        {
            int count = items.Cast<object?>().Count();
            int maximum = key.Length?.MaximumLength ?? int.MaxValue;
            if (count < key.MinimumLength || count > maximum)
            {
                string allowed = maximum == int.MaxValue ? $"at least {key.MinimumLength}" : $"{key.MinimumLength} to {maximum}";
                throw new UserFaultException(
                    $"{entry.Value.Place}: '{full}' has {count} items, but {allowed} are allowed.", "Change the list.", FaultKind.Usage);
            }

            int index = 0;
            foreach (object? item in items)
            {
                string place = entry.Value is SequenceNode sequence ? sequence.Items[index].Place : entry.Value.Place;
                CheckScalar(key, item, $"{full}[{index}]", place);
                index++;
            }
        }
        else
            CheckScalar(key, value, full, entry.Value.Place);

        return value;
    }

    private static object? BindValue(Type type, RecipeNode node, string path, object? prototype, bool allowsNull)
    {
        if (node is ScalarNode { IsNull: true } empty && type != typeof(string))
        {
            if (allowsNull)
                return null;
            if (RecipeTypes.IsScalar(type) || empty.Text.Length > 0)
                throw WrongType(node, path, type);
        }

        type = Nullable.GetUnderlyingType(type) ?? type;
        if (RecipeTypes.IsScalar(type))
        {
            if (node is not ScalarNode scalar)
                throw WrongType(node, path, type);
            if (type == typeof(string) && scalar.IsNull)
                return allowsNull ? null : throw WrongType(node, path, type);
            return ScalarText.Parse(scalar, type) ?? throw WrongType(node, path, type);
        }

        if (RecipeTypes.ListElement(type) is { } element)
        {
            if (node is not SequenceNode sequence)
                throw WrongType(node, path, type);
            Array array = Array.CreateInstance(element, sequence.Items.Count);
            for (int i = 0; i < array.Length; i++)
                array.SetValue(BindValue(element, sequence.Items[i], $"{path}[{i}]", null, Nullable.GetUnderlyingType(element) is not null), i);
            return type.IsAssignableFrom(array.GetType()) ? array : Activator.CreateInstance(type, array);
        }

        if (RecipeTypes.DictionaryValue(type) is { } valueType)
        {
            if (node is not MappingNode mapping)
                throw WrongType(node, path, type);
            var dictionary = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(string), valueType))!;
            foreach (MappingEntry entry in mapping.Entries)
                dictionary[entry.Key] = BindValue(valueType, entry.Value, Join(path, entry.Key), null, Nullable.GetUnderlyingType(valueType) is not null);
            return dictionary;
        }

        return BindSection(type, node, path, prototype);
    }

    private static void CheckScalar(RecipeKey key, object? value, string path, string place)
    {
        if (value is null)
            return;
        if (key.Range is { } range && RecipeTypes.IsNumber(value.GetType()))
        {
            double minimum = Convert.ToDouble(range.Minimum, CultureInfo.InvariantCulture);
            double maximum = Convert.ToDouble(range.Maximum, CultureInfo.InvariantCulture);
            double number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
            bool low = range.MinimumIsExclusive ? number <= minimum : number < minimum;
            bool high = range.MaximumIsExclusive ? number >= maximum : number > maximum;
            if (low || high)
            {
                throw new UserFaultException(
                    $"{place}: '{path}' is {ScalarText.Format(value).Text}, but the allowed range is {Interval(range, minimum, maximum)}.",
                    "Set a value inside the range.", FaultKind.Usage);
            }
        }

        if (key.Allowed is { } allowed && !allowed.Values.Contains(value))
        {
            string[] names = [.. allowed.Values.OfType<object>().Select(v => ScalarText.Format(v).Text)];
            string text = ScalarText.Format(value).Text;
            throw new UserFaultException(
                $"{place}: '{path}' is '{text}', but the allowed values are {string.Join(", ", names)}.", Suggestion(text, names), FaultKind.Usage);
        }
    }

    private static string Interval(RangeAttribute range, double minimum, double maximum)
    {
        bool unbounded = maximum is double.MaxValue or double.PositiveInfinity or int.MaxValue or long.MaxValue;
        string low = ScalarText.Format(minimum).Text;
        if (unbounded)
            return range.MinimumIsExclusive ? $"more than {low}" : $"{low} or more";
        string high = ScalarText.Format(maximum).Text;
        return $"{(range.MinimumIsExclusive ? '(' : '[')}{low}, {high}{(range.MaximumIsExclusive ? ')' : ']')}";
    }

    private static UserFaultException UnknownKey(MappingEntry entry, string path, RecipeSchema schema)
    {
        string[] names = [.. schema.Keys.Select(k => k.Name)];
        return new UserFaultException(
            $"{entry.KeyPlace}: unknown key '{entry.Key}' in {Section(path)}; allowed keys: {string.Join(", ", names)}.",
            Suggestion(entry.Key.Replace('-', '_'), names), FaultKind.Usage);
    }

    private static UserFaultException WrongType(RecipeNode node, string path, Type type)
    {
        Type plain = Nullable.GetUnderlyingType(type) ?? type;
        string found = node switch
        {
            MappingNode => "a section",
            SequenceNode => "a list",
            ScalarNode { IsNull: true } => "empty",
            ScalarNode { IsPlain: false } quoted when plain != typeof(string) => $"the quoted text \"{quoted.Text}\"",
            ScalarNode scalar => $"'{scalar.Text}'",
            _ => "something else",
        };
        string remedy = "Correct the value.";
        if (node is ScalarNode { IsPlain: true, IsNull: false } word && plain.IsEnum)
            remedy = Suggestion(word.Text, [.. RecipeTypes.EnumNames(plain)]);
        else if (node is ScalarNode { IsPlain: false } && plain != typeof(string) && RecipeTypes.IsScalar(plain))
            remedy = "Remove the quotes.";
        string what = path.Length == 0 ? "the recipe" : $"'{path}'";
        return new UserFaultException(
            $"{node.Place}: {what} is {found}, but has to be {RecipeTypes.Describe(plain)}.", remedy, FaultKind.Usage);
    }

    private static string Suggestion(string name, string[] candidates) =>
        NearestName.Find(name, candidates) is { } nearest ? $"Did you mean '{nearest}'?" : "Use one of those.";

    private static string Section(string path) => path.Length == 0 ? "the recipe" : $"'{path}'";

    private static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";
}
