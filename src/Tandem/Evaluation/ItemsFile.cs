using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tandem.Datasets;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Evaluation;

/// <summary>Evaluated items as JSON Lines, so that runs can be compared item by item.</summary>
public static class ItemsFile
{
    private const int GroupLength = 16;

    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>Writes items, one a line, atomically.</summary>
    /// <param name="path">The file.</param>
    /// <param name="items">The items.</param>
    /// <exception cref="UserFaultException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<EvaluatedItem> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        var text = new StringBuilder();
        foreach (EvaluatedItem item in items)
            text.Append(JsonSerializer.Serialize(item, s_options)).Append('\n');
        AtomicFile.WriteText(path, text.ToString());
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="UserFaultException">It is absent or a line is malformed.</exception>
    public static IReadOnlyList<EvaluatedItem> Read(string path)
    {
        var items = new List<EvaluatedItem>();
        try
        {
            foreach (string line in File.ReadLines(path))
            {
                EvaluatedItem? item = JsonSerializer.Deserialize<EvaluatedItem>(line, s_options);
                if (item?.Id is null || item.Section is null)
                    throw new JsonException("the item has no id or no section");
                items.Add(item);
            }

            return items;
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            string place = error is JsonException ? $"{path}:{items.Count + 1}" : path;
            throw new UserFaultException(
                $"{place}: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}.", "Name a file that 'tandem eval --items FILE' wrote.", FaultKind.Usage, error);
        }
    }

    /// <summary>What every item says of its record.</summary>
    internal static EvaluatedItem Of(DataRecord record)
    {
        byte[] group = SHA256.HashData(Encoding.UTF8.GetBytes(RecordText.Normalised(RecordText.Group(record))));
        return new EvaluatedItem(record.Id, record.Section)
        {
            Subset = record.Subset,
            Key = record.Key,
            Group = Convert.ToHexStringLower(group)[..GroupLength],
        };
    }
}
