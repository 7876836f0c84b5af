using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tandem.Runs;

/// <summary>One key of a configuration section: a settable property of a record.</summary>
internal sealed class RecipeKey
{
    private static readonly NullabilityInfoContext Nullability = new();

    public RecipeKey(PropertyInfo property, ParameterInfo? parameter)
    {
        Property = property;
        Parameter = parameter;
        Name = JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
        IsRequired = property.IsDefined(typeof(RequiredMemberAttribute)) || property.IsDefined(typeof(RequiredAttribute))
            || parameter is { HasDefaultValue: false };
        lock (Nullability)
            AllowsNull = Nullability.Create(property).WriteState == NullabilityState.Nullable;
        Range = Attribute<RangeAttribute>();
        Allowed = Attribute<AllowedValuesAttribute>();
        Length = Attribute<LengthAttribute>();
        MinimumLength = Attribute<MinLengthAttribute>()?.Length ?? Length?.MinimumLength ?? 0;
        OutsideIdentity = Attribute<OutsideIdentityAttribute>() is not null;
    }

    public PropertyInfo Property { get; }

    public ParameterInfo? Parameter { get; }

    public string Name { get; }

    public bool IsRequired { get; }

    public bool AllowsNull { get; }

    public RangeAttribute? Range { get; }

    public AllowedValuesAttribute? Allowed { get; }

    public LengthAttribute? Length { get; }

    public int MinimumLength { get; }

    public bool OutsideIdentity { get; }

    // An attribute on a positional record's parameter stays on the parameter unless it is written [property: ...].
    private T? Attribute<T>()
        where T : Attribute => Property.GetCustomAttribute<T>() ?? Parameter?.GetCustomAttribute<T>();
}

/// <summary>The keys of a configuration record, in order of declaration, and how to make one.</summary>
internal sealed class RecipeSchema
{
    private static readonly ConcurrentDictionary<Type, RecipeSchema> Cache = new();
    private readonly MethodInfo? _clone;

    private RecipeSchema(Type type)
    {
        if (type.IsAbstract || type.IsInterface)
            throw new ArgumentException($"{type} is abstract: a recipe binds to concrete records.");
        Constructor = type.GetConstructors()
            .Where(c => c.GetParameters() is not [var only] || only.ParameterType != type)
            .OrderByDescending(c => c.GetParameters().Length)
            .FirstOrDefault() ?? throw new ArgumentException($"{type} has no public constructor.");
        ParameterInfo[] parameters = Constructor.GetParameters();
        Keys = [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.CanRead && p.SetMethod is { IsPublic: true } && p.GetIndexParameters().Length == 0
                && !p.IsDefined(typeof(JsonIgnoreAttribute)))
            .OrderBy(p => InheritanceDepth(p.DeclaringType!)).ThenBy(p => p.MetadataToken)
            .Select(p => new RecipeKey(p, Array.Find(parameters, q => q.Name == p.Name && q.ParameterType == p.PropertyType)))];
        foreach (ParameterInfo parameter in parameters)
        {
            if (!Keys.Any(k => k.Parameter == parameter))
                throw new ArgumentException($"The parameter {parameter.Name} of {type} has no property of the same name and type.");
        }

        _clone = type.GetMethod("<Clone>$");
        Type = type;
    }

    public Type Type { get; }

    public IReadOnlyList<RecipeKey> Keys { get; }

    public ConstructorInfo Constructor { get; }

    public static RecipeSchema Of(Type type) => Cache.GetOrAdd(type, t => new RecipeSchema(t));

    public RecipeKey? Find(string name) => Keys.FirstOrDefault(k => k.Name == name);

    public object Clone(object instance) => _clone?.Invoke(instance, null)
        ?? throw new ArgumentException($"{Type} is not a record class.");

    private static int InheritanceDepth(Type type)
    {
        int depth = 0;
        for (Type? t = type; t is not null; t = t.BaseType)
            depth++;
        return depth;
    }
}

/// <summary>The kinds of values that a key may hold.</summary>
internal static class RecipeTypes
{
    public static bool IsScalar(Type type) =>
        type == typeof(string) || type == typeof(bool) || type.IsEnum || IsNumber(type);

    public static bool IsNumber(Type type) => IsInteger(type) || type == typeof(double) || type == typeof(float);

    public static bool IsInteger(Type type) =>
        type == typeof(int) || type == typeof(long) || type == typeof(uint) || type == typeof(ulong);

    /// <summary>The element type of an array or of a read-only list, else null.</summary>
    public static Type? ListElement(Type type)
    {
        if (type.IsArray)
            return type.GetElementType();
        if (!type.IsGenericType)
            return null;
        Type definition = type.GetGenericTypeDefinition();
        return definition == typeof(IReadOnlyList<>) || definition == typeof(List<>) || definition == typeof(IList<>)
            || definition == typeof(IReadOnlyCollection<>) || definition == typeof(IEnumerable<>)
            ? type.GetGenericArguments()[0]
            : null;
    }

    /// <summary>The value type of a dictionary keyed by strings, else null.</summary>
    public static Type? DictionaryValue(Type type)
    {
        if (!type.IsGenericType || type.GetGenericArguments() is not [var key, var value] || key != typeof(string))
            return null;
        Type definition = type.GetGenericTypeDefinition();
        return definition == typeof(IReadOnlyDictionary<,>) || definition == typeof(Dictionary<,>) || definition == typeof(IDictionary<,>)
            ? value
            : null;
    }

    public static string EnumName(object value) => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString()!);

    public static IEnumerable<string> EnumNames(Type type) =>
        Enum.GetNames(type).Select(JsonNamingPolicy.KebabCaseLower.ConvertName);

    public static string Describe(Type type)
    {
        if (type == typeof(string))
            return "text";
        if (type == typeof(bool))
            return "true or false";
        if (type.IsEnum)
            return "one of " + string.Join(", ", EnumNames(type));
        if (IsInteger(type))
            return type == typeof(uint) || type == typeof(ulong) ? "a whole number from 0" : "a whole number";
        if (IsNumber(type))
            return "a number";
        if (ListElement(type) is { } element)
            return $"a list ([...]) whose items are each {Describe(element)}";
        return DictionaryValue(type) is { } value ? $"a section of names, each with {Describe(value)}" : "a section (key: value lines)";
    }
}
