using System.Text.RegularExpressions;
using Microsoft.VisualBasic.FileIO;

namespace Tandem.Benchmarks;

/// <summary>
/// A question of CosmosQA. A word or a punctuation mark is a token; which one does not matter to the time.
/// </summary>
internal sealed partial record CosmosQuestion(int[] Context, int[] Question, int[][] Answers, int Correct)
{
    /// <summary>What stands before an answer.</summary>
    public int[] Prompt => [.. Context, .. Question];

    /// <summary>The questions of one of CosmosQA's .csv files, one after the other.</summary>
    public static IEnumerable<CosmosQuestion> Read(string file, int vocabulary)
    {
        using var parser = new TextFieldParser(file);
        parser.SetDelimiters(",");
        string[] header = parser.ReadFields() ?? throw new InvalidDataException($"{file} is empty.");
        int context = Column("context"), question = Column("question"), answer = Column("answer0"), label = Column("label");
        while (parser.ReadFields() is { } fields)
        {
            yield return new CosmosQuestion(
                Tokens(fields[context], vocabulary), Tokens(fields[question], vocabulary),
                [.. Enumerable.Range(answer, 4).Select(i => Tokens(fields[i], vocabulary))], fields[label][0] - '0');
        }

        int Column(string name) => Array.IndexOf(header, name) is >= 0 and int at ? at : throw new InvalidDataException($"{file} has no column '{name}'.");
    }

    private static int[] Tokens(string text, int vocabulary) => [.. Words().Matches(text).Select(word => (int)(Hash(word.Value) % vocabulary))];

    private static uint Hash(string word) => word.Aggregate(2166136261u, (hash, c) => (hash ^ c) * 16777619u);

    [GeneratedRegex(@"\w+|[^\w\s]")]
    private static partial Regex Words();
}
