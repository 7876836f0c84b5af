using System.Runtime.InteropServices;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Optimization;

namespace Tandem.Training.FineTuning;

/// <summary>Reads the score heads of a model at the options of questions.</summary>
public static class OptionScorer
{
    /// <summary>The scores of every option: <c>result[item][option][head]</c>, logits.</summary>
    /// <param name="model">A model with score heads.</param>
    /// <param name="examples">The questions; their targets are not read.</param>
    /// <param name="pool">The threads; their number does not change the result.</param>
    /// <param name="batchItems">Questions of a forward pass; does not change the result.</param>
    public static float[][][] Score(Transformer model, IReadOnlyList<OptionExample> examples, WorkerPool pool, int batchItems = 64)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(examples);
        var result = new float[examples.Count][][];
        OptionInference.Run(model, examples, pool, batchItems, (tape, group, hidden, first) =>
        {
            Tensor scores = model.Scores(tape, hidden); // [n·K, heads]
            for (int i = 0; i < group.Count; i++)
            {
                var item = new float[group.Options][];
                for (int k = 0; k < item.Length; k++)
                    item[k] = scores.Row((i * group.Options) + k).ToArray();
                result[first + group.Items[i]] = item;
            }
        });
        return result;
    }

    /// <summary>The option with the highest score of one head in each question, the first of equals.</summary>
    /// <param name="scores">As <see cref="Score"/> returns them.</param>
    /// <param name="head">The head: see <see cref="ScoreHead"/>.</param>
    public static int[] Best(float[][][] scores, int head = ScoreHead.Choice)
    {
        ArgumentNullException.ThrowIfNull(scores);
        return [.. scores.Select(item => FlatVector.IndexOfMaximum([.. item.Select(option => option[head])]))];
    }
}

/// <summary>
/// Reads the language head at the options of questions: what a pre-trained model says next about each option, before
/// any fine-tuning.
/// </summary>
public static class LanguageModelScorer
{
    /// <summary>
    /// The log-probability, in nats, of each of a few next tokens after each option's score position:
    /// <c>result[item][option][token]</c>.
    /// </summary>
    /// <param name="model">A model with a language head.</param>
    /// <param name="examples">The questions; their targets are not read.</param>
    /// <param name="nextTokens">The tokens to read.</param>
    /// <param name="pool">The threads; their number does not change the result.</param>
    /// <param name="batchItems">Questions of a forward pass; does not change the result.</param>
    public static float[][][] Score(
        Transformer model, IReadOnlyList<OptionExample> examples, int[] nextTokens, WorkerPool pool, int batchItems = 64)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentNullException.ThrowIfNull(nextTokens);
        var result = new float[examples.Count][][];
        OptionInference.Run(model, examples, pool, batchItems, (tape, group, hidden, first) =>
        {
            Tensor logits = model.Logits(tape, hidden); // [n·K, V]
            for (int i = 0; i < group.Count; i++)
            {
                var item = new float[group.Options][];
                for (int k = 0; k < item.Length; k++)
                    item[k] = LogProbabilities(logits.Row((i * group.Options) + k), nextTokens);
                result[first + group.Items[i]] = item;
            }
        });
        return result;
    }

    private static float[] LogProbabilities(ReadOnlySpan<float> logits, int[] tokens)
    {
        double maximum = logits[FlatVector.IndexOfMaximum(logits)];
        double sum = 0;
        foreach (float logit in logits)
            sum += Math.Exp(logit - maximum);
        double normalizer = maximum + Math.Log(sum);
        var result = new float[tokens.Length];
        for (int i = 0; i < tokens.Length; i++)
            result[i] = (float)(logits[tokens[i]] - normalizer);
        return result;
    }
}

/// <summary>Forward passes over questions, with the hidden rows of their options gathered.</summary>
internal static class OptionInference
{
    /// <summary>Receives the hidden rows [n·K, C] of a group whose batch starts at a question.</summary>
    public delegate void Reader(Tape tape, OptionGroup group, Tensor hidden, int first);

    /// <param name="model">The model.</param>
    /// <param name="examples">The questions.</param>
    /// <param name="pool">The threads.</param>
    /// <param name="batchItems">Questions of a forward pass.</param>
    /// <param name="read">Receives the rows.</param>
    /// <param name="layer">Whose rows: see <see cref="Transformer.HiddenAt"/>; null for the last.</param>
    public static void Run(
        Transformer model, IReadOnlyList<OptionExample> examples, WorkerPool pool, int batchItems, Reader read, int? layer = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchItems, 1);
        using var tape = new Tape(pool);
        var batch = new OptionBatch();
        var rows = new List<int>();
        for (int first = 0; first < examples.Count; first += batchItems)
        {
            batch.Clear();
            for (int i = first; i < Math.Min(first + batchItems, examples.Count); i++)
            {
                OptionBatch.Check(examples[i], i);
                batch.Add(examples[i]);
            }

            tape.Begin(recording: false);
            rows.Clear();
            foreach (OptionGroup group in batch.Groups)
                rows.AddRange(group.Rows);
            Tensor hidden = model.HiddenAt(
                tape, batch.Tokens, layer ?? model.Configuration.Layers, CollectionsMarshal.AsSpan(rows)); // [rows, C]
            int from = 0;
            foreach (OptionGroup group in batch.Groups.Where(group => group.Count > 0))
            {
                int count = group.Rows.Length;
                read(tape, group, tape.GatherRows(hidden, [.. Enumerable.Range(from, count)]), first);
                from += count;
            }
        }
    }
}
