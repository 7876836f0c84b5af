namespace Tandem.Datasets;

/// <summary>
/// Looks for test items in training data: texts that are equal but for case, spacing and punctuation, and runs of 13 words
/// in common, as for GPT-3 (arXiv 2005.14165, appendix C). An item with fewer words is looked for whole, as one run of all
/// its words, down to <see cref="ShortestRun"/>; below that only as a duplicate.
/// </summary>
/// <remarks>The runs of the test set are kept in memory, 64 bits each; the training set is read once as a stream.</remarks>
public static class ContaminationCheck
{
    /// <summary>The words in a run.</summary>
    public const int RunLength = 13;

    /// <summary>The fewest words of an item that is looked for as a run: below this, common phrases would match.</summary>
    public const int ShortestRun = 8;

    private const int MostExamples = 10;

    /// <summary>Compares.</summary>
    /// <param name="train">The training records, read once.</param>
    /// <param name="test">The test items.</param>
    /// <param name="cancellation">Stops between training records.</param>
    public static ContaminationReport Run(IEnumerable<DataRecord> train, IReadOnlyList<DataRecord> test, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        Item[] items = [.. test.Select(r => new Item(r))];
        var whole = new Dictionary<string, List<Item>>();
        var runs = new Dictionary<ulong, List<Item>>();
        foreach (Item item in items)
        {
            Add(whole, item.Whole, item);
            foreach (ulong run in item.Runs)
                Add(runs, run, item);
        }

        // One pass over a training text for each length of run that some item has.
        int[] lengths = [.. items.Select(i => i.Length).Where(n => n > 0).Distinct()];
        long trainItems = 0;
        foreach (DataRecord record in train)
        {
            cancellation.ThrowIfCancellationRequested();
            trainItems++;
            string[] words = [.. AllWords(record)];
            if (whole.TryGetValue(WholeHash(words), out List<Item>? same))
                same.ForEach(i => i.MarkDuplicate(record.Origin));
            ulong[] hashes = [.. words.Select(WordHashes.OfWord)];
            foreach (int length in lengths)
            {
                WordHashes.Runs(hashes, length, (start, run) =>
                {
                    if (!runs.TryGetValue(run, out List<Item>? with))
                        return;
                    foreach (Item item in with)
                        item.MarkRun(run, record.Origin, () => string.Join(' ', words.AsSpan(start, length).ToArray()));
                });
            }
        }

        Item[] affected = [.. items.Where(i => i.Duplicate || i.Found > 0)];
        return new ContaminationReport(
            items.Length, trainItems, items.Count(i => i.Duplicate), items.Count(i => i.Found > 0), affected.Length, items.Count(i => i.Length == 0),
            [.. affected.Take(MostExamples).Select(i => i.Example())]);
    }

    private static IEnumerable<string> AllWords(DataRecord record) =>
        RecordText.Input(record).Concat(RecordText.Output(record)).SelectMany(RecordText.Words);

    private static string WholeHash(IEnumerable<string> words) => ContentHash.Of("whole", words);

    private static void Add<TKey>(Dictionary<TKey, List<Item>> table, TKey key, Item item)
        where TKey : notnull
    {
        if (!table.TryGetValue(key, out List<Item>? list))
            table[key] = list = [];
        list.Add(item);
    }

    private sealed class Item
    {
        private const int ShownWords = 20;

        private readonly string _origin;
        private readonly string _beginning;
        private readonly HashSet<ulong> _found = [];
        private string? _train;
        private string? _shared;

        public Item(DataRecord record)
        {
            _origin = record.Origin.Length > 0 ? record.Origin : record.Id;
            string[] words = [.. AllWords(record)];
            _beginning = string.Join(' ', words.Take(ShownWords));
            Whole = WholeHash(words);
            Length = words.Length >= RunLength ? RunLength : words.Length >= ShortestRun ? words.Length : 0;
            if (Length > 0)
                WordHashes.Runs([.. words.Select(WordHashes.OfWord)], Length, (_, run) => Runs.Add(run));
        }

        public string Whole { get; }

        /// <summary>The words in this item's runs; 0 if it has too few.</summary>
        public int Length { get; }

        public HashSet<ulong> Runs { get; } = [];

        public bool Duplicate { get; private set; }

        public int Found => _found.Count;

        public void MarkDuplicate(string train)
        {
            Duplicate = true;
            _train ??= train;
            _shared ??= _beginning;
        }

        public void MarkRun(ulong run, string train, Func<string> words)
        {
            if (!_found.Add(run))
                return;
            _train ??= train;
            _shared ??= words();
        }

        public ContaminationExample Example() =>
            new(_origin, _train!, Duplicate, _shared!, Runs.Count == 0 ? 1 : (double)_found.Count / Runs.Count);
    }
}
