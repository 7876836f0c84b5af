using System.Text.Json;
using Tandem.Datasets;
using Tandem.Runs;
using Tandem.Tensors;

namespace Tandem.Tuning;

/// <summary>Soft labels of questions from a file, JSON Lines of <c>{"id": .., "probabilities": [..]}</c>.</summary>
internal static class WeakLabelFile
{
    /// <summary>The labels by the identifiers of records.</summary>
    /// <exception cref="UserFaultException">The file cannot be read, or a line is malformed.</exception>
    public static Dictionary<string, double[]> Read(string path)
    {
        var labels = new Dictionary<string, double[]>(StringComparer.Ordinal);
        int line = 0;
        try
        {
            foreach (string text in File.ReadLines(path))
            {
                line++;
                if (string.IsNullOrWhiteSpace(text))
                    continue;
                Row row = JsonSerializer.Deserialize<Row>(text, RunJson.Options) ?? throw new JsonException("it is null");
                if (row.Id is null || row.Probabilities is null || row.Probabilities.Any(p => !(p >= 0)) || Math.Abs(row.Probabilities.Sum() - 1) > 1e-3)
                    throw new JsonException("it needs an id, and probabilities that sum to 1");
                if (!labels.TryAdd(row.Id, row.Probabilities))
                    throw new JsonException($"the id {row.Id} stands there twice");
            }
        }
        catch (JsonException error)
        {
            throw new UserFaultException(
                $"{path}:{line}: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}.", "Write each line as {\"id\": \"…\", \"probabilities\": [0.7, 0.3]}.", FaultKind.Usage, error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException($"Cannot read {path}: {error.Message.ReplaceLineEndings(" ")}", "Name a readable labels_file.", FaultKind.Usage, error);
        }

        return labels;
    }

    /// <summary>The label of a record; null for none.</summary>
    /// <exception cref="UserFaultException">It has another number of options.</exception>
    public static double[]? Of(Dictionary<string, double[]> labels, ChoiceRecord record, string path)
    {
        if (!labels.TryGetValue(record.Id, out double[]? label))
            return null;
        return label.Length == record.Options.Count ? label : throw new UserFaultException(
            $"{path}: {record.Id} has {label.Length} probabilities, and the question of {record.Origin} {record.Options.Count} options.",
            "Give one probability for each option, in the data set's order.", FaultKind.Usage);
    }

    private sealed record Row(string? Id, double[]? Probabilities);
}
