using System.Security.Cryptography;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Datasets;

/// <summary>Computes a data card.</summary>
public static class DataCardBuilder
{
    private const string UnknownLicence = "not known: ask the publisher";

    /// <summary>The card of what was loaded.</summary>
    /// <param name="data">The data.</param>
    /// <param name="name">What to call it where it is no known data set.</param>
    /// <param name="split">The split to count records by; null for <see cref="ContentSplit.Usual"/>.</param>
    /// <param name="contamination">The comparison with other data, if it was made.</param>
    /// <exception cref="UserFaultException">A file has gone since it was read.</exception>
    public static DataCard Build(LoadedDataset data, string name, ContentSplit? split = null, ContaminationReport? contamination = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        ContentSplit splits = split ?? ContentSplit.Usual;
        IReadOnlyList<DataRecord> records = data.Records;
        return new DataCard
        {
            Name = data.Entry?.Name ?? name,
            Licence = data.Entry?.Licence ?? UnknownLicence,
            Format = data.Format.Name,
            RecordType = data.Format.RecordType.Name,
            Files = [.. data.Files.Select(Note)],
            Counts = data.Counts,
            Lengths = Lengths(records),
            Labels = Tally(records.Select(Label).OfType<string>()),
            Sections = Tally(records.Select(r => r.Section).Where(s => s.Length > 0)),
            Bias = Bias(records),
            Duplicates = records.Count - records.Select(WholeText).Distinct().LongCount(),
            Splits = splits.Names.ToDictionary(n => n, n => records.LongCount(r => splits.Of(r) == n)),
            Contamination = contamination,
        };
    }

    private static string WholeText(DataRecord record) =>
        ContentHash.Of("whole", RecordText.Input(record).Concat(RecordText.Output(record)).Concat(Speeches(record)).Select(RecordText.Normalised));

    // Two debates about one question are two records.
    private static IEnumerable<string> Speeches(DataRecord record) => record is DebateRecord debate ? debate.Speeches.Select(s => s.Text) : [];

    private static FileNote Note(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            return new FileNote(path, stream.Length, Convert.ToHexStringLower(SHA256.HashData(stream)));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException($"Cannot read {path}: {error.Message.ReplaceLineEndings(" ")}", "Check that the file is still there.", inner: error);
        }
    }

    private static Dictionary<string, LengthQuantiles> Lengths(IReadOnlyList<DataRecord> records)
    {
        var parts = new Dictionary<string, List<int>>();
        foreach (DataRecord record in records)
        {
            foreach ((string part, IEnumerable<string> texts) in Parts(record))
            {
                if (!parts.TryGetValue(part, out List<int>? lengths))
                    parts[part] = lengths = [];
                lengths.AddRange(texts.Select(Length));
            }
        }

        return parts.Where(p => p.Value.Count > 0).ToDictionary(p => p.Key, p => Quantiles(p.Value));
    }

    private static IEnumerable<(string Part, IEnumerable<string> Texts)> Parts(DataRecord record) => record switch
    {
        TextRecord r => [("text", [r.Text])],
        PromptCompletionRecord r => [("prompt", [Joined(r.Prompt)]), ("completion", [r.Completion])],
        PreferenceRecord r => [("prompt", [Joined(r.Prompt)]), ("chosen", [r.Chosen]), ("rejected", [r.Rejected])],
        ChoiceRecord r => [("context", r.Context.Length > 0 ? [r.Context] : []), ("question", [r.Question]), ("option", r.Options)],
        ConversationRecord r => [("turn", r.Turns.Select(t => t.Content))],
        PromptRecord r => [("prompt", [r.Prompt])],
        DebateRecord r => [("story", [r.Story]), ("question", [r.Question]), ("speech", r.Speeches.Select(s => s.Text))],
        _ => [],
    };

    private static string Joined(IReadOnlyList<ChatTurn> turns) => string.Join('\n', turns.Select(t => t.Content));

    private static int Length(string text) => RecordText.Words(text).Count();

    private static LengthQuantiles Quantiles(List<int> lengths)
    {
        lengths.Sort();
        int At(double share) => lengths[Math.Max(0, (int)Math.Ceiling(share * lengths.Count) - 1)];
        return new LengthQuantiles(lengths[0], At(0.25), At(0.5), At(0.75), At(0.95), lengths[^1]);
    }

    private static string? Label(DataRecord record) => record switch
    {
        ChoiceRecord { Answer: { } answer } => OptionName(answer),
        ChoiceRecord { Violation: { } violation } => $"violation {OptionName(violation)}",
        ChoiceRecord => "withheld",
        PromptRecord r => r.Expected == ExpectedBehaviour.Comply ? "comply" : "refuse",
        DebateRecord r => OptionName(r.Correct),
        _ => null,
    };

    private static string OptionName(int index) => index < 26 ? ((char)('A' + index)).ToString() : $"option {index + 1}";

    private static SortedDictionary<string, long> Tally(IEnumerable<string> names)
    {
        var tally = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (string name in names)
            tally[name] = tally.GetValueOrDefault(name) + 1;
        return tally;
    }

    private static AnswerBias? Bias(IReadOnlyList<DataRecord> records)
    {
        var places = new Dictionary<int, long>();
        long items = 0, choices = 0;
        double chance = 0, longest = 0, chanceOfLongest = 0;
        foreach (DataRecord record in records)
        {
            (IReadOnlyList<string> answers, HashSet<int> right) = record switch
            {
                ChoiceRecord { Answer: { } answer } r => (r.Options, r.Answers is null ? [answer] : [.. r.Answers]),
                DebateRecord r => (r.Answers, [r.Correct]),
                PreferenceRecord r => ((IReadOnlyList<string>)[r.Chosen, r.Rejected], new HashSet<int> { 0 }),
                _ => ([], []),
            };
            if (right.Count == 0)
                continue;
            items++;
            int[] lengths = [.. answers.Select(Length)];
            int[] most = [.. Enumerable.Range(0, lengths.Length).Where(i => lengths[i] == lengths.Max())];
            longest += (double)most.Count(right.Contains) / most.Length;
            chanceOfLongest += (double)right.Count / answers.Count;
            if (record is PreferenceRecord)
                continue;
            choices++;
            chance += 1.0 / answers.Count;
            int place = record is ChoiceRecord choice ? choice.Answer!.Value : right.First();
            places[place] = places.GetValueOrDefault(place) + 1;
        }

        return items == 0
            ? null
            : new AnswerBias(
                items, choices > 0 ? (double)places.Values.Max() / choices : null, choices > 0 ? chance / choices : null, longest / items, chanceOfLongest / items);
    }
}
