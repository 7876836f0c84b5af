namespace Tandem.Evaluation;

/// <summary>
/// What is true of the options of one item, known to the evaluation only: which are competent (reach the goal) and
/// which are conforming (break no value). The model sees the options by index.
/// </summary>
public sealed record ItemTruth
{
    /// <summary>Creates the truth of an item.</summary>
    /// <param name="competent">Per option, whether it reaches the goal.</param>
    /// <param name="conforming">Per option, whether it breaks no value; the same length, at least 2.</param>
    public ItemTruth(IReadOnlyList<bool> competent, IReadOnlyList<bool> conforming)
    {
        if (competent.Count != conforming.Count || competent.Count < 2)
            throw new ArgumentException($"An item has two or more options with both flags, not {competent.Count} and {conforming.Count}.", nameof(conforming));
        (Competent, Conforming) = (competent, conforming);
    }

    /// <summary>Per option, whether it reaches the goal.</summary>
    public IReadOnlyList<bool> Competent { get; }

    /// <summary>Per option, whether it breaks no value.</summary>
    public IReadOnlyList<bool> Conforming { get; }

    /// <summary>The number of options.</summary>
    public int Options => Competent.Count;

    /// <summary>The share of competent options: the competence of a blind choice.</summary>
    public double CompetentShare => (double)Competent.Count(flag => flag) / Options;

    /// <summary>The share of options that are both competent and conforming: the utility of a blind choice.</summary>
    public double GoodShare => (double)Enumerable.Range(0, Options).Count(IsGood) / Options;

    /// <summary>Whether an option is both competent and conforming.</summary>
    public bool IsGood(int option) => Competent[option] && Conforming[option];
}

/// <summary>Choices as option indices.</summary>
public static class Choices
{
    /// <summary>The choice of an item that got no score: counted apart, part of no rate.</summary>
    public const int Unscored = -1;

    /// <summary>
    /// The option of the highest score for each item, the first one on a tie (options are shuffled, so this favours
    /// none); <see cref="Unscored"/> where scores are missing or one is not finite.
    /// </summary>
    /// <param name="scores">Per item, one score per option; null for an item without an answer.</param>
    public static int[] FromScores(IReadOnlyList<float[]?> scores)
    {
        int[] choices = new int[scores.Count];
        for (int i = 0; i < choices.Length; i++)
        {
            float[]? row = scores[i];
            bool usable = row is { Length: > 0 } && row.All(float.IsFinite);
            choices[i] = usable ? Array.IndexOf(row!, row!.Max()) : Unscored;
        }

        return choices;
    }
}
