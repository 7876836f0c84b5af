namespace Tandem.Worlds;

/// <summary>
/// A question with options in one row of tokens: a story, then one clause for each option, which is scored at the clause's
/// last token: <c>ScorePositions[k]</c>. In the embedded families there are four options, and a clause reads "now VERB OBJECT".
/// </summary>
public sealed record ChoiceItem
{
    /// <summary>The row: the begin token, the story, the clauses; at most the family's context length.</summary>
    public required int[] Tokens { get; init; }

    /// <summary>The indices into <see cref="Tokens"/> at which the options are scored; [K].</summary>
    public required int[] ScorePositions { get; init; }

    /// <summary>The options in the order of their clauses; [K].</summary>
    public required IReadOnlyList<ChoiceOption> Options { get; init; }

    /// <summary>The depth of the chains: containers between an item and the outside. 1 where a family has no levels.</summary>
    public required int Level { get; init; }

    /// <summary>The variant from which the item is drawn.</summary>
    public required ItemVariant Variant { get; init; }

    /// <summary>The split, which the hash of the story decides.</summary>
    public required ItemSplit Split { get; init; }

    /// <summary>The hash of all tokens: 16 hexadecimal digits. The same content has the same identifier in every run.</summary>
    public required string Id { get; init; }

    /// <summary>The number of tokens before the first clause, the begin token included.</summary>
    public required int StoryLength { get; init; }

    /// <summary>The tokens before the first clause, the begin token included.</summary>
    public ReadOnlySpan<int> Story => Tokens.AsSpan(0, StoryLength);

    /// <summary>Makes an item of a story and its options; split and identifier follow from the content.</summary>
    /// <param name="story">The tokens before the first clause, the begin token included.</param>
    /// <param name="clauseOpening">The token that opens every clause ("now").</param>
    /// <param name="options">The options in the order of their clauses.</param>
    /// <param name="level">The depth of the chains.</param>
    /// <param name="variant">The variant.</param>
    public static ChoiceItem Create(
        ReadOnlySpan<int> story, int clauseOpening, IReadOnlyList<ChoiceOption> options, int level, ItemVariant variant)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Create(
            story, [.. options.Select(o => new[] { clauseOpening, o.Action, o.Object })], options, level, variant, ContentHash.SplitOf(story));
    }

    /// <summary>Makes an item of any clauses, in a split that is decided elsewhere; the identifier follows from the content.</summary>
    /// <param name="story">The tokens before the first clause, the begin token included.</param>
    /// <param name="clauses">The tokens of each clause, one or more.</param>
    /// <param name="options">The options in the order of their clauses.</param>
    /// <param name="level">The level.</param>
    /// <param name="variant">The variant.</param>
    /// <param name="split">The split.</param>
    public static ChoiceItem Create(
        ReadOnlySpan<int> story, IReadOnlyList<int[]> clauses, IReadOnlyList<ChoiceOption> options, int level, ItemVariant variant, ItemSplit split)
    {
        ArgumentNullException.ThrowIfNull(clauses);
        int[] tokens = [.. story, .. clauses.SelectMany(clause => clause)];
        int[] positions = new int[clauses.Count];
        int last = story.Length - 1;
        for (int k = 0; k < positions.Length; k++)
            positions[k] = last += clauses[k].Length;
        return new ChoiceItem
        {
            Tokens = tokens,
            ScorePositions = positions,
            Options = options,
            Level = level,
            Variant = variant,
            Split = split,
            StoryLength = story.Length,
            Id = ContentHash.Of(tokens).ToString("x16", System.Globalization.CultureInfo.InvariantCulture),
        };
    }
}

/// <summary>One option of a <see cref="ChoiceItem"/> with its exact consequences.</summary>
/// <param name="Action">The token of the verb: take, give, report, look, ask or cover. In a family of text the clause's first token.</param>
/// <param name="Object">The token of what is acted on. In a family of text the clause's last token.</param>
/// <param name="Payoff">0, 1 or 2.</param>
/// <param name="Channels">The values that the option breaks; a persona that is blind to a rule masks its channel.</param>
public sealed record ChoiceOption(int Action, int Object, int Payoff, ViolationChannels Channels)
{
    /// <summary>Whether the option reaches the goal: it pays something.</summary>
    public bool Competent => Payoff > 0;

    /// <summary>Whether the option breaks a value.</summary>
    public bool Violates => Channels != ViolationChannels.None;

    /// <summary>Whether the option breaks no value.</summary>
    public bool Conforming => !Violates;

    /// <summary>Whether the option is both competent and conforming.</summary>
    public bool Good => Competent && Conforming;
}

/// <summary>
/// Disjoint sets of stories. The hash of the story assigns it to a split, so that no seed can bring a story of one split
/// into another.
/// </summary>
public enum ItemSplit
{
    /// <summary>For training: half of all stories.</summary>
    Train,

    /// <summary>For measuring supervisors, ceilings and thresholds: a quarter of all stories.</summary>
    Calibration,

    /// <summary>For the reported measurements: a quarter of all stories.</summary>
    Test,
}

/// <summary>What is drawn. Those after <see cref="Balanced"/> and <see cref="Episode"/> serve as held-out variants.</summary>
public enum ItemVariant
{
    /// <summary>The paying options pay (1, 2) or (2, 1) equally often, so that the payoff does not give the violation away.</summary>
    Balanced,

    /// <summary>A decision point of an episode, with other actions than taking.</summary>
    Episode,

    /// <summary>The violation always pays more.</summary>
    Tempting,

    /// <summary>Twice as many overwritten events.</summary>
    MoreMoves,

    /// <summary>Every norm is the owner's word.</summary>
    OwnerChannelOnly,

    /// <summary>Every norm is the state of the outermost container.</summary>
    ContainerChannelOnly,

    /// <summary>Every norm is a mark on the item.</summary>
    ItemChannelOnly,

    /// <summary>Chains of level 4, deeper than any in pre-training.</summary>
    DeeperChain,
}

/// <summary>Asks a family for items.</summary>
/// <param name="Count">How many; item i is the same whatever the count.</param>
/// <param name="Split">The split.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Variant">The variant.</param>
/// <param name="Levels">The levels, taken in turn; null for the family's own: 1, 2, 3, or 4 for <see cref="ItemVariant.DeeperChain"/>.</param>
public sealed record ItemRequest(
    int Count, ItemSplit Split, ulong Seed, ItemVariant Variant = ItemVariant.Balanced, IReadOnlyList<int>? Levels = null)
{
    /// <summary>
    /// Items that serve another purpose already. A family of finitely many items leaves them out; a simulator, which hardly
    /// draws an item twice, draws as if there were none.
    /// </summary>
    public IReadOnlyList<ChoiceItem> Without { get; init; } = [];
}

/// <summary>Hashes of token sequences, stable over runs and machines (FNV-1a, then the finalizer of MurmurHash3).</summary>
internal static class ContentHash
{
    public static ulong Of(ReadOnlySpan<int> tokens)
    {
        ulong hash = 14695981039346656037UL;
        foreach (int token in tokens)
            hash = (hash ^ (uint)token) * 1099511628211UL;
        hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCDUL;
        hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53UL;
        return hash ^ (hash >> 33);
    }

    public static ItemSplit SplitOf(ReadOnlySpan<int> story) => (Of(story) & 3) switch
    {
        0 or 1 => ItemSplit.Train,
        2 => ItemSplit.Calibration,
        _ => ItemSplit.Test,
    };
}
