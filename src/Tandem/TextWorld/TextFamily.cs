using System.Globalization;
using System.Text;
using Tandem.Datasets;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Worlds;

namespace Tandem.TextWorld;

/// <summary>
/// Questions of a data set as items: real text in place of a simulator. A passage is in one split only, an item has one good
/// option, which stands equally often at every place, and no request gives an item twice. docs/design/0019-text-items.md gives the
/// definitions with their reasons.
/// </summary>
internal sealed class TextFamily : IFactFamily
{
    public const string FamilyName = "text";
    public const string Repeated = "the same question with the same options stands earlier";
    public const string TooLong = "question and options are longer than maximum_tokens";

    private static readonly ContentSplit s_splits = new(
        (nameof(ItemSplit.Train), 0.5), (nameof(ItemSplit.Calibration), 0.25), (nameof(ItemSplit.Test), 0.25));

    private readonly ITokenizer _tokenizer;
    private readonly string _source;
    private readonly TextSentences _sentences;
    private readonly Dictionary<string, TextItem> _items = new(StringComparer.Ordinal);

    // By split: lists of items in which the good option stands once at each place, but for the last of a kind.
    private readonly Dictionary<ItemSplit, TextItem[][]> _blocks = [];
    private readonly SortedDictionary<string, long> _dropped = new(StringComparer.Ordinal);

    /// <param name="source">What faults call the data.</param>
    /// <param name="records">The data.</param>
    /// <param name="rejected">What the rejected reply of a pair is.</param>
    /// <param name="tokenizer">The models' tokenizer.</param>
    /// <param name="maximumTokens">The most tokens of an item.</param>
    /// <param name="seed">Decides the order of options.</param>
    /// <exception cref="UserFaultException">No record gives an item.</exception>
    public TextFamily(string source, IReadOnlyList<DataRecord> records, RejectedReply rejected, ITokenizer tokenizer, int maximumTokens, ulong seed)
    {
        (_source, _tokenizer, _sentences, ContextLength) = (source, tokenizer, new TextSentences(tokenizer), maximumTokens);
        ILookup<ItemSplit, TextQuestion> questions = Questions(records, rejected).ToLookup(q => Enum.Parse<ItemSplit>(s_splits.OfGroup(q.Passage)));
        var writer = new TextItemWriter(tokenizer, maximumTokens);
        foreach (ItemSplit split in Enum.GetValues<ItemSplit>())
            _blocks.Add(split, [.. questions[split].GroupBy(q => q.Places).OrderBy(g => g.Key).SelectMany(g => Deal(g, split, writer, new RandomStream(seed)))]);
        if (_items.Count == 0)
        {
            throw new UserFaultException(
                $"No record of {source} gives an item: {Losses()}.", "Raise world.maximum_tokens, or give other data.", FaultKind.Usage);
        }
    }

    public string Name => FamilyName;

    public string Description => $"Questions of {_source}, in their own words.";

    public int ContextLength { get; }

    /// <summary>What is known of the files; null where the records are from elsewhere.</summary>
    public DataCard? Data { get; init; }

    /// <summary>Items whose context lost its beginning.</summary>
    public int Truncated => _items.Values.Count(item => item.Cut > 0);

    /// <summary>Records that gave no item, by reason.</summary>
    public IReadOnlyDictionary<string, long> Dropped => _dropped;

    /// <summary>All items of a split.</summary>
    public IEnumerable<TextItem> Of(ItemSplit split) => _blocks[split].SelectMany(block => block);

    public bool Has(ItemVariant variant) => variant == ItemVariant.Balanced;

    public IReadOnlyList<ChoiceItem> Items(ItemRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        Check(request);
        HashSet<string> without = [.. request.Without.Select(item => item.Id)];
        RandomStream random = new RandomStream(request.Seed).Fork($"items/{request.Split}");
        TextItem[][] blocks = Sampling.Shuffled(_blocks[request.Split], random);
        return
        [
            .. blocks.SelectMany((block, b) => Sampling.Shuffled(block, random.Fork("block", (ulong)b)))
                .Select(item => item.Item).Where(item => !without.Contains(item.Id)).Take(request.Count),
        ];
    }

    public string Render(ChoiceItem item)
    {
        ArgumentNullException.ThrowIfNull(item);
        var text = new StringBuilder(_tokenizer.Decode(item.Story, skipSpecialTokens: true));
        for (int k = 0; k < item.Options.Count; k++)
        {
            ChoiceOption option = item.Options[k];
            int first = k == 0 ? item.StoryLength : item.ScorePositions[k - 1] + 1;
            text.Append(CultureInfo.InvariantCulture, $"  {_tokenizer.Decode(item.Tokens.AsSpan(first..(item.ScorePositions[k] + 1))).TrimEnd()}")
                .Append(CultureInfo.InvariantCulture, $" ({(option.Competent ? "competent" : "not competent")}, {(option.Conforming ? "conforming" : "violates")})\n");
        }

        return text.ToString();
    }

    public string Question(ChoiceItem item) => Find(item).Question.Question.Trim();

    public IReadOnlyList<StoryFact> Facts(ChoiceItem item) => _sentences.Of(Find(item));

    public string OptionText(ChoiceItem item, int option)
    {
        TextItem found = Find(item);
        return found.Question.Options[found.Order[option]].Text.Trim();
    }

    public IReadOnlyList<BaselineResult> Baselines(
        IReadOnlyList<ChoiceItem> items, IReadOnlyList<ChoiceItem> training, RandomStream random) =>
        new TextBaselines(Find, item => _tokenizer.Decode(item.Item.Tokens.AsSpan(item.Context))).Measure(items, training, random);

    private TextItem Find(ChoiceItem item) =>
        _items.TryGetValue(item.Id, out TextItem? found) ? found : throw new ArgumentException($"Item {item.Id} is not of {_source}.", nameof(item));

    private List<TextQuestion> Questions(IReadOnlyList<DataRecord> records, RejectedReply rejected)
    {
        var questions = new List<TextQuestion>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (DataRecord record in records)
        {
            (TextQuestion? question, string reason) = TextQuestion.Of(record, rejected);
            if (question is null)
                Drop(reason);
            else if (!seen.Add(question.Id))
                Drop(Repeated);
            else
                questions.Add(question);
        }

        return questions;
    }

    // The questions with K places, by turns with the good one at the first place, the second, …: blocks of K items.
    private IEnumerable<TextItem[]> Deal(IGrouping<int, TextQuestion> questions, ItemSplit split, TextItemWriter writer, RandomStream random)
    {
        int places = questions.Key;
        var dealt = new List<TextItem>();
        foreach (TextQuestion question in Sampling.Shuffled(questions.OrderBy(q => q.Id, StringComparer.Ordinal), random.Fork($"deal/{split}", (ulong)places)))
        {
            if (writer.Write(question, Order(question, dealt.Count % places, random.Fork(question.Id)), split) is not { } item)
                Drop(TooLong);
            else if (!_items.TryAdd(item.Item.Id, item))
                Drop(Repeated);
            else
                dealt.Add(item);
        }

        return dealt.Chunk(places);
    }

    // Of several good options one is drawn, so that the truth of an item is one option.
    private static int[] Order(TextQuestion question, int place, RandomStream random)
    {
        ILookup<bool, int> options = Enumerable.Range(0, question.Options.Count).ToLookup(k => question.Options[k].Good);
        int good = random.Choose([.. options[true]]);
        int[] others = [.. options[false]];
        random.Shuffle(others.AsSpan());
        return [.. others[..place], good, .. others[place..]];
    }

    private void Check(ItemRequest request)
    {
        if (request.Count < 0)
            throw new UserFaultException($"The number of items is {request.Count}.", "Ask for 0 or more.", FaultKind.Usage);
        if (!Has(request.Variant))
        {
            throw new UserFaultException(
                $"Items of text have no variant {request.Variant}; they have {ItemVariant.Balanced}.", "Ask for that, or choose an embedded task family.", FaultKind.Usage);
        }

        if (request.Levels?.Any(level => level != 1) == true)
        {
            throw new UserFaultException(
                $"Items of text have level 1 only; asked for: {string.Join(", ", request.Levels)}.", "Leave the levels out, or choose an embedded task family.", FaultKind.Usage);
        }

        int count = Of(request.Split).Select(item => item.Item.Id).Except(request.Without.Select(item => item.Id)).Count();
        if (request.Count > count)
        {
            string losses = _dropped.Count == 0 ? "" : $" ({Losses()})", besides = request.Without.Count == 0 ? "" : " beside those that serve otherwise";
            throw new UserFaultException(
                $"{_source} has {count} items in the split {request.Split}{besides}, and {request.Count} were asked for{losses}.",
                "Lower the recipe's numbers of items, or give more data (world.data).", FaultKind.Usage);
        }
    }

    private void Drop(string reason) => _dropped[reason] = _dropped.GetValueOrDefault(reason) + 1;

    private string Losses() => string.Join("; ", _dropped.Select(loss => $"{loss.Value} dropped: {loss.Key}"));
}
