using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Tandem.Tests.Structure;

/// <summary>The public types and members of an assembly as sorted lines of text.</summary>
internal static class PublicApi
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>Describes an assembly, one line per type and member.</summary>
    public static string Describe(Assembly assembly)
    {
        var lines = new List<string>();
        foreach (Type type in assembly.GetExportedTypes())
        {
            lines.Add($"{Qualified(type)}: {Kind(type)}{Bases(type)}");
            if (!type.IsSubclassOf(typeof(Delegate)))
                lines.AddRange(Members(type).Select(member => $"{Qualified(type)}.{member}"));
        }

        lines.Sort(StringComparer.Ordinal);
        return string.Concat(lines.Select(line => line + "\n"));
    }

    private static IEnumerable<string> Members(Type type)
    {
        foreach (FieldInfo field in type.GetFields(Declared).Where(f => IsVisible(f.Attributes) && !f.IsSpecialName))
        {
            string value = field.IsLiteral ? $" = {Literal(field.GetRawConstantValue())}" : "";
            string modifiers = field.IsLiteral ? "const " : (field.IsStatic ? "static " : "") + (field.IsInitOnly ? "readonly " : "");
            yield return type.IsEnum ? field.Name + value : $"{field.Name}: {modifiers}{Name(field.FieldType)}{value}";
        }

        foreach (PropertyInfo property in type.GetProperties(Declared))
        {
            MethodInfo? get = Visible(property.GetMethod), set = Visible(property.SetMethod);
            if ((get ?? set) is not { } accessor || IsGenerated(property))
                continue;
            bool init = set?.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ?? false;
            string required = property.IsDefined(typeof(RequiredMemberAttribute)) ? "required " : "";
            string index = property.GetIndexParameters() is { Length: > 0 } keys ? $"[{Parameters(keys)}]" : "";
            yield return $"{property.Name}{index}: {Modifiers(accessor)}{required}{Name(property.PropertyType)} "
                + $"{{ {(get is null ? "" : "get; ")}{(set is null ? "" : init ? "init; " : "set; ")}}}";
        }

        foreach (EventInfo happening in type.GetEvents(Declared).Where(e => Visible(e.AddMethod) is not null))
            yield return $"{happening.Name}: event {Name(happening.EventHandlerType!)}";

        foreach (ConstructorInfo constructor in type.GetConstructors(Declared).Where(c => IsVisible(c.Attributes) && !c.IsStatic && !IsGenerated(c)))
            yield return $"new({Parameters(constructor.GetParameters())})";

        foreach (MethodInfo method in type.GetMethods(Declared))
        {
            bool accessor = method.IsSpecialName && !method.Name.StartsWith("op_", StringComparison.Ordinal);
            if (Visible(method) is null || accessor || method.Name == "Finalize" || IsGenerated(method))
                continue;
            string generic = method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(Name))}>" : "";
            yield return $"{method.Name}{generic}({Parameters(method.GetParameters())}): {Modifiers(method)}{Name(method.ReturnType)}";
        }
    }

    /// <summary>What a record or the compiler adds by itself says nothing.</summary>
    private static bool IsGenerated(MemberInfo member) =>
        member.IsDefined(typeof(CompilerGeneratedAttribute)) || member.Name.Contains('<', StringComparison.Ordinal);

    private static MethodInfo? Visible(MethodInfo? method) => method is not null && IsVisible(method.Attributes) ? method : null;

    private static bool IsVisible(MethodAttributes attributes) =>
        (attributes & MethodAttributes.MemberAccessMask) is MethodAttributes.Public or MethodAttributes.Family or MethodAttributes.FamORAssem;

    private static bool IsVisible(FieldAttributes attributes) =>
        (attributes & FieldAttributes.FieldAccessMask) is FieldAttributes.Public or FieldAttributes.Family or FieldAttributes.FamORAssem;

    private static string Modifiers(MethodInfo method) =>
        (method.IsFamily || method.IsFamilyOrAssembly ? "protected " : "")
        + (method.IsStatic ? "static "
            : method.DeclaringType!.IsInterface ? ""
            : method.IsAbstract ? "abstract "
            : method.GetBaseDefinition() != method ? "override "
            : method.IsVirtual && !method.IsFinal ? "virtual " : "");

    private static string Kind(Type type)
    {
        if (type.IsEnum)
            return "enum " + Name(Enum.GetUnderlyingType(type));
        if (type.IsSubclassOf(typeof(Delegate)))
        {
            MethodInfo invoke = type.GetMethod("Invoke")!;
            return $"delegate ({Parameters(invoke.GetParameters())}): {Name(invoke.ReturnType)}";
        }

        if (type.IsInterface)
            return "interface";
        if (type.IsValueType)
            return (type.IsDefined(typeof(IsReadOnlyAttribute)) ? "readonly " : "") + (type.IsByRefLike ? "ref struct" : "struct");
        string kind = type.GetMethod("<Clone>$") is null ? "class" : "record";
        return (type.IsAbstract && type.IsSealed ? "static " : type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : "") + kind;
    }

    private static string Bases(Type type)
    {
        if (type.IsEnum || type.IsSubclassOf(typeof(Delegate)))
            return "";
        IEnumerable<Type> parent = type.BaseType is { } b && b != typeof(object) && b != typeof(ValueType) ? [b] : [];
        IEnumerable<string> interfaces = type.GetInterfaces()
            .Where(i => !(i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IEquatable<>)))
            .Select(Name).Order(StringComparer.Ordinal);
        string list = string.Join(", ", parent.Select(Name).Concat(interfaces));
        return list.Length == 0 ? "" : $" ({list})";
    }

    private static string Parameters(IEnumerable<ParameterInfo> parameters) => string.Join(", ", parameters.Select(p =>
    {
        string passing = !p.ParameterType.IsByRef ? "" : p.IsOut ? "out " : p.IsIn ? "in " : "ref ";
        return $"{passing}{Name(p.ParameterType)} {p.Name}{(p.HasDefaultValue ? $" = {Literal(p.RawDefaultValue)}" : "")}";
    }));

    private static string Literal(object? value) => value switch
    {
        null => "default",
        string text => $"\"{text}\"",
        bool truth => truth ? "true" : "false",
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        float number => number.ToString("R", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Qualified(Type type) =>
        type.DeclaringType is { } outer ? $"{Qualified(outer)}.{Name(type)}" : $"{type.Namespace}.{Name(type)}";

    private static string Name(Type type)
    {
        if (type.IsFunctionPointer)
            return $"delegate*<{string.Join(", ", type.GetFunctionPointerParameterTypes().Append(type.GetFunctionPointerReturnType()).Select(Name))}>";
        if (type.IsByRef)
            return Name(type.GetElementType()!);
        if (type.IsPointer)
            return Name(type.GetElementType()!) + "*";
        if (type.IsArray)
            return $"{Name(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return Name(underlying) + "?";
        int tick = type.Name.IndexOf('`', StringComparison.Ordinal);
        return tick < 0 ? type.Name : $"{type.Name[..tick]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>";
    }
}
