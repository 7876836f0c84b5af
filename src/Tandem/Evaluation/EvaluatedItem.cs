namespace Tandem.Evaluation;

/// <summary>Why an item has no score. Such an item is neither right nor wrong.</summary>
public enum UnscoredReason
{
    /// <summary>It does not fit the model's context, or has an empty reply.</summary>
    TooLong,

    /// <summary>A score is not a finite number.</summary>
    NotFinite,

    /// <summary>The judge refused.</summary>
    Refused,

    /// <summary>The judge's reply had not the form that was asked for.</summary>
    Unparsed,

    /// <summary>The request brought no reply.</summary>
    Failed,

    /// <summary>The item cannot be measured this way: a judge compares, and the ties of RewardBench 2 need scores.</summary>
    NotMeasured,
}

/// <summary>What was measured of one item of a data set: one line of an items file.</summary>
/// <param name="Id">The hash of the item's content, by which runs are paired.</param>
/// <param name="Section">The part of the data set that results are reported by.</param>
public sealed record EvaluatedItem(string Id, string Section)
{
    /// <summary>The finer part; empty for none.</summary>
    public string Subset { get; init; } = "";

    /// <summary>The data set's own identifier; empty for none.</summary>
    public string Key { get; init; } = "";

    /// <summary>The hash of what items have in common that stand and fall together: the context, else the question or prompt.</summary>
    public string Group { get; init; } = "";

    /// <summary>The right options; empty where none is known. Of a preference it is the first, the chosen reply.</summary>
    public IReadOnlyList<int> Right { get; init; } = [];

    /// <summary>The option that breaks a value; null if unknown.</summary>
    public int? Violation { get; init; }

    /// <summary>The credit of a blind choice.</summary>
    public double Chance { get; init; }

    /// <summary>1 for a right answer, 0 for a wrong one, between them where several share the first place; null if unscored, or nothing is right.</summary>
    public double? Credit { get; init; }

    /// <summary>1 where the violating option is not chosen, 0 where it is; a mean over rotations. Null without a violating option.</summary>
    public double? Conformity { get; init; }

    /// <summary>Why there is no score; null for a scored item.</summary>
    public UnscoredReason? Unscored { get; init; }

    /// <summary>The score of each reply or option, in the record's order; of a choice the mean of its probabilities. Empty for judges.</summary>
    public IReadOnlyList<double?> Scores { get; init; } = [];

    /// <summary>What a judge said, by comparison; empty for scores.</summary>
    public IReadOnlyList<JudgedComparison> Comparisons { get; init; } = [];

    /// <summary>The answers to a question with options, one for each rotation; empty for preferences.</summary>
    public IReadOnlyList<ChoiceAnswer> Answers { get; init; } = [];

    /// <summary>What runs are compared by: the credit, else the conformity.</summary>
    internal double? Outcome => Credit ?? Conformity;
}

/// <summary>A judge's comparison of a right reply with a wrong one, in both orders.</summary>
/// <param name="Against">The wrong reply.</param>
/// <param name="Verdict">First for the right reply, Second for the wrong one, Tie for contradictory answers; null if it was not answered.</param>
/// <param name="Reply">What the judge wrote, or why there is nothing.</param>
public sealed record JudgedComparison(int Against, Endpoints.Verdict? Verdict, string Reply);

/// <summary>An answer to a question with options in one order.</summary>
/// <param name="Order">The option at each place.</param>
/// <param name="Probabilities">The probability of each option, in the record's order.</param>
/// <param name="Place">The place of the most probable option; of several the first.</param>
/// <param name="Credit">The share of right options among the most probable ones; null where nothing is right.</param>
public sealed record ChoiceAnswer(IReadOnlyList<int> Order, IReadOnlyList<double> Probabilities, int Place, double? Credit);
