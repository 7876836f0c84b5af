using System.Globalization;
using Tandem.Tensors;

namespace Tandem.Runs;

/// <summary>A value given on the command line; it is applied after the file, and errors name its flag.</summary>
/// <param name="Path">The key's path: <c>training.steps</c>, with an index into a list as <c>arms.0.name</c>.</param>
/// <param name="Value">The value, in YAML: <c>3e-4</c>, <c>[1, 2]</c>.</param>
/// <param name="Flag">The flag as typed, for messages: <c>--seed 3</c>.</param>
public sealed record RecipeOverride(string Path, string Value, string Flag)
{
    /// <summary>Reads the argument of <c>--set key.path=value</c>.</summary>
    /// <exception cref="UserFaultException">There is no path or no <c>=</c>.</exception>
    public static RecipeOverride Parse(string argument)
    {
        int equals = argument.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
        {
            throw new UserFaultException(
                $"--set {argument}: expected key.path=value.", "Write for example --set training.steps=200.", FaultKind.Usage);
        }

        return new RecipeOverride(argument[..equals].Trim(), argument[(equals + 1)..], $"--set {argument}");
    }

    /// <summary>Places the value into the tree, making the sections on its way.</summary>
    internal void Apply(MappingNode root)
    {
        RecipeNode value = RecipeParser.ParseFlag(Value, Flag);
        string[] segments = Path.Replace('-', '_').Split('.');
        RecipeNode node = root;
        for (int i = 0; i < segments.Length; i++)
        {
            string segment = segments[i];
            bool last = i == segments.Length - 1;
            if (segment.Length == 0)
                throw Fault($"the path '{Path}' has an empty part.", "Write key.path=value.");
            switch (node)
            {
                case MappingNode mapping:
                    RecipeNode? next = mapping.Find(segment)?.Value;
                    if (last)
                        next = value;
                    else if (next is null or ScalarNode { IsNull: true })
                        next = new MappingNode(Flag);
                    else
                    {
                        node = next;
                        continue;
                    }

                    mapping.Set(new MappingEntry(segment, Flag, next));
                    node = next;
                    break;
                case SequenceNode sequence:
                    if (!int.TryParse(segment, NumberStyles.None, CultureInfo.InvariantCulture, out int index) || index >= sequence.Items.Count)
                    {
                        string where = string.Join('.', segments[..i]);
                        throw Fault(
                            $"'{segment}' is not an index into the list '{where}', which has {sequence.Items.Count} items.",
                            "Use an index from 0, or set the whole list.");
                    }

                    if (last)
                        sequence.Items[index] = value;
                    node = sequence.Items[index];
                    break;
                default:
                    throw Fault($"'{string.Join('.', segments[..i])}' is a value, not a section.", "Shorten the path.");
            }
        }
    }

    private UserFaultException Fault(string message, string remedy) => new($"{Flag}: {message}", remedy, FaultKind.Usage);
}
