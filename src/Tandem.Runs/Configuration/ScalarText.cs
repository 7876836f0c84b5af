using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Tandem.Runs;

/// <summary>Converts between configuration values and their text: numbers with <c>_</c> and with k, M, G (or B) and T.</summary>
internal static partial class ScalarText
{
    /// <summary>The value that a scalar stands for, or null when the text is none of the type.</summary>
    public static object? Parse(ScalarNode node, Type type)
    {
        if (type == typeof(string))
            return node.Text;
        if (!node.IsPlain)
            return null;
        if (type == typeof(bool))
        {
            return node.Text switch { "true" => true, "false" => false, _ => null };
        }

        if (type.IsEnum)
        {
            string? name = Enum.GetNames(type).FirstOrDefault(n =>
                System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(n) == node.Text);
            return name is null ? null : Enum.Parse(type, name);
        }

        Match match = Number().Match(node.Text);
        if (!match.Success)
            return null;
        string suffix = match.Groups["suffix"].Value;
        string exponent = suffix switch { "" => "", "k" or "K" => "e3", "M" => "e6", "T" => "e12", _ => "e9" };
        string digits = match.Groups["digits"].Value.Replace("_", "", StringComparison.Ordinal) + match.Groups["exponent"].Value + exponent;
        CultureInfo culture = CultureInfo.InvariantCulture;
        if (type == typeof(double))
            return double.Parse(digits, culture) is var d && double.IsFinite(d) ? d : null;
        if (type == typeof(float))
            return float.Parse(digits, culture) is var f && float.IsFinite(f) ? f : null;
        if (!decimal.TryParse(digits, NumberStyles.Float, culture, out decimal exact) || exact != decimal.Truncate(exact))
            return null;
        return type == typeof(int) && exact is >= int.MinValue and <= int.MaxValue ? (int)exact
            : type == typeof(long) && exact is >= long.MinValue and <= long.MaxValue ? (long)exact
            : type == typeof(uint) && exact is >= uint.MinValue and <= uint.MaxValue ? (uint)exact
            : type == typeof(ulong) && exact is >= ulong.MinValue and <= ulong.MaxValue ? (object)(ulong)exact
            : null;
    }

    /// <summary>The canonical text of a value; numbers read back to the same bits.</summary>
    public static ScalarNode Format(object? value) => value switch
    {
        null => new ScalarNode("", "null", true),
        string text => new ScalarNode("", text, PlainText().IsMatch(text) && !Reserved().IsMatch(text)),
        bool truth => new ScalarNode("", truth ? "true" : "false", true),
        Enum member => new ScalarNode("", RecipeTypes.EnumName(member), true),
        double number => new ScalarNode("", number.ToString("R", CultureInfo.InvariantCulture), true),
        float number => new ScalarNode("", number.ToString("R", CultureInfo.InvariantCulture), true),
        IFormattable number => new ScalarNode("", number.ToString(null, CultureInfo.InvariantCulture), true),
        _ => throw new ArgumentException($"{value.GetType()} is not a scalar."),
    };

    /// <summary>The scalar as YAML: plain where that reads back the same, else double-quoted on one line.</summary>
    public static string Quote(ScalarNode node)
    {
        if (node.IsPlain)
            return node.Text;
        var builder = new StringBuilder("\"");
        foreach (Rune rune in node.Text.EnumerateRunes())
        {
            builder.Append(rune.Value switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                >= 0x20 and < 0x7F => ((char)rune.Value).ToString(),
                > 0xFFFF => $"\\U{rune.Value:X8}",
                _ when Rune.IsLetterOrDigit(rune) => rune.ToString(),
                _ => $"\\u{rune.Value:X4}",
            });
        }

        return builder.Append('"').ToString();
    }

    [GeneratedRegex(@"^(?<digits>[+-]?(\d+(_\d+)*)?(\.\d+(_\d+)*|(?<=\d)\.)?)(?<=\d\.?)((?<exponent>[eE][+-]?\d{1,5})|\s?(?<suffix>[kKMGBT]))?$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Number();

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_./@-]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlainText();

    [GeneratedRegex(@"^(null|true|false|yes|no|on|off|y|n)\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Reserved();
}
