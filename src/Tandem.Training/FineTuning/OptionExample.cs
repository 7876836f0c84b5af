namespace Tandem.Training.FineTuning;

/// <summary>
/// A question whose K options stand in one token row, to be scored at K positions by the score heads of a transformer.
/// A head that has no target here (null) takes no loss from this example.
/// </summary>
/// <param name="Tokens">The whole row: the story and the options.</param>
/// <param name="ScorePositions">Where each option is scored: option k at token <c>ScorePositions[k]</c>, increasing.</param>
public sealed record OptionExample(int[] Tokens, int[] ScorePositions)
{
    /// <summary>Target of the choice head (row 0): a distribution over the K options; cross-entropy.</summary>
    public float[]? Choice { get; init; }

    /// <summary>Target of the competence head (row 1): which option reaches the goal best, a distribution over the K options; cross-entropy.</summary>
    public float[]? Competence { get; init; }

    /// <summary>Target of the violation head (row 2): for each option the probability that it breaks a value; binary cross-entropy with logits.</summary>
    public float[]? Violation { get; init; }

    /// <summary>How much the example counts beside the others of its batch.</summary>
    public float Weight { get; init; } = 1f;
}

/// <summary>The rows of <c>score.weight</c> by meaning.</summary>
public static class ScoreHead
{
    /// <summary>The policy: which option to take.</summary>
    public const int Choice = 0;

    /// <summary>Which option reaches the goal best.</summary>
    public const int Competence = 1;

    /// <summary>The logit that an option breaks a value.</summary>
    public const int Violation = 2;

    /// <summary>The number of heads.</summary>
    public const int Count = 3;
}
