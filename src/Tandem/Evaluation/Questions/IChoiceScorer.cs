using Tandem.Tuning;

namespace Tandem.Evaluation.Questions;

/// <summary>How probable a model finds the options of questions.</summary>
public interface IChoiceScorer
{
    /// <summary>How many prompts have lost their beginning so far, since they were too long.</summary>
    int Truncated { get; }

    /// <summary>Scores questions.</summary>
    /// <param name="prompts">The questions.</param>
    /// <param name="cancellation">Ends the work.</param>
    Task<IReadOnlyList<ScoredChoice>> ScoreAsync(IReadOnlyList<ChoicePrompt> prompts, CancellationToken cancellation = default);
}

/// <summary>The scores of a question.</summary>
/// <param name="LogProbabilities">One for each place, in nats; -∞ is allowed, but not at every place. Null if it was not scored.</param>
/// <param name="Unscored">Why it was not; null if it was.</param>
public sealed record ScoredChoice(IReadOnlyList<double>? LogProbabilities, UnscoredReason? Unscored = null);
