namespace Tandem.Tensors.Tests;

/// <summary>A step over all operations with sizes that take many chunks and several blocks of attention.</summary>
internal sealed class LargeStep(int threads)
{
    private const int Width = 48, Heads = 4, KeyValueHeads = 2, HeadSize = 12, Inner = 72, Vocabulary = 203;
    private static readonly int[] s_offsets = [0, 131, 131, 132, 200, 711];
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 711).Select(i => i * i % 101 * 2)];
    private static readonly int[] s_targets = [.. Enumerable.Range(0, 711).Select(i => i % 9 == 0 ? Tape.IgnoredTarget : i * 17 % Vocabulary)];
    private static readonly int[] s_positions = [.. s_offsets.Skip(1).Zip(s_offsets, (end, start) => Enumerable.Range(0, end - start)).SelectMany(r => r)];
    private static readonly int[] s_rows = [0, 130, 711 - 1, 130];
    private static readonly float[] s_soft = [0.1f, 0.2f, 0.3f, 0.4f];
    private static readonly RotaryTable s_table = RotaryTable.Llama3(HeadSize, 512, 500f, 8f, 1f, 4f, 128);

    /// <summary>Loss, then all parameter gradients.</summary>
    public float[][] Run()
    {
        using var pool = new WorkerPool(threads);
        using var tape = new Tape(pool);
        using ParameterSet parameters = NewParameters();
        Tensor loss = Step(tape, parameters);
        return [loss.Values.ToArray(), .. parameters.All.Select(p => p.Tensor.Gradients.ToArray())];
    }

    public static ParameterSet NewParameters()
    {
        var set = new ParameterSet(
        [
            new("embedding", Vocabulary, Width), new("norm", 1, Width, true), new("q", Heads * HeadSize, Width),
            new("q.bias", 1, Heads * HeadSize, true), new("k", KeyValueHeads * HeadSize, Width),
            new("v", KeyValueHeads * HeadSize, Width), new("o", Width, Heads * HeadSize), new("gate", Inner, Width),
            new("up", Inner, Width), new("down", Width, Inner), new("square", Width, Width), new("score", 2, Width),
        ]);
        var random = new RandomStream(3);
        foreach (Parameter parameter in set.All)
        {
            foreach (ref float value in parameter.Tensor.Values)
                value = (float)random.NextGaussian() * 0.3f;
        }

        return set;
    }

    public static Tensor Step(Tape tape, ParameterSet p, bool recording = true)
    {
        tape.Begin(recording);
        p.ZeroGradients();
        Tensor x = tape.Embedding(s_tokens, p["embedding"]);
        var (q, k, v) = tape.QueryKeyValue(x, p["norm"], 1e-6f, p["q"], p["q.bias"], p["k"], null, p["v"], null);
        Tensor attended = tape.Attention(q, k, v, s_offsets, Heads, KeyValueHeads, s_table, s_positions);
        x = tape.AddLinear(x, attended, p["o"]);
        x = tape.FeedForward(x, p["norm"], 1e-6f, p["gate"], p["up"], p["down"]);
        x = tape.Add(x, tape.Linear(tape.RmsNorm(x, p["norm"], 1e-6f), p["square"]));
        Tensor tokenLoss = tape.TokenCrossEntropy(tape.Linear(x, p["embedding"]), s_targets, [], s_tokens.Length);
        Tensor scores = tape.Linear(tape.GatherRows(x, s_rows), p["score"]);
        Tensor choice = tape.SoftCrossEntropy(tape.Reshape(tape.Column(scores, 0), 1, 4), s_soft, [], 1f);
        Tensor violation = tape.BinaryCrossEntropy(tape.Column(scores, 1), s_soft, [], 4f);
        Tensor loss = tape.Add(tokenLoss, tape.Scale(tape.Add(choice, violation), 0.1f));
        if (recording)
            tape.Backward(loss);
        return loss;
    }
}
