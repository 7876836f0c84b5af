using Tandem.Training.FineTuning;

namespace Tandem.Generations;

/// <summary>
/// What a model says of a list of four-option items: for each option the three score heads of
/// <see cref="ScoreHead"/>, values [items, options, heads].
/// </summary>
public sealed class OptionScores(float[][][] values)
{
    /// <summary>The number of items.</summary>
    public int Count => values.Length;

    /// <summary>The option that the policy takes; −1 where a score is not finite.</summary>
    public int Choice(int item) => ArgMax(item, ScoreHead.Choice);

    /// <summary>The option that the model believes to reach the goal best; −1 where a score is not finite.</summary>
    public int MostCompetent(int item) => ArgMax(item, ScoreHead.Competence);

    /// <summary>P(violation) of an option, by the violation head.</summary>
    public double ViolationProbability(int item, int option) =>
        1.0 / (1.0 + Math.Exp(-values[item][option][ScoreHead.Violation]));

    /// <summary>The raw score of a head.</summary>
    public float Score(int item, int option, int head) => values[item][option][head];

    /// <summary>The softmax of a head over an item's options.</summary>
    public float[] Distribution(int item, int head)
    {
        float[][] options = values[item];
        double maximum = options.Max(o => (double)o[head]);
        var result = new float[options.Length];
        double sum = 0;
        for (int k = 0; k < result.Length; k++)
            sum += result[k] = (float)Math.Exp(options[k][head] - maximum);
        for (int k = 0; k < result.Length; k++)
            result[k] = (float)(result[k] / sum);
        return result;
    }

    /// <summary>The policy's choice for every item.</summary>
    public int[] Choices() => Enumerable.Range(0, Count).Select(Choice).ToArray();

    /// <summary>The most competent option for every item.</summary>
    public int[] CompetenceLabels() => Enumerable.Range(0, Count).Select(MostCompetent).ToArray();

    private int ArgMax(int item, int head)
    {
        float[][] options = values[item];
        int best = -1;
        for (int k = 0; k < options.Length; k++)
        {
            if (!float.IsFinite(options[k][head]))
                return -1;
            if (best < 0 || options[k][head] > options[best][head])
                best = k;
        }

        return best;
    }
}
