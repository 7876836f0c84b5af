namespace Tandem.Tensors.Tests;

/// <summary>The operations in plain double precision, as their definitions read.</summary>
internal static class OperationReferences
{
    public static double[] Embedding(double[] table, int columns, int[] tokens) =>
        [.. tokens.SelectMany(t => table.Skip(t * columns).Take(columns))];

    public static double[] RmsNorm(double[] x, double[] weight, double epsilon)
    {
        int columns = weight.Length;
        var y = new double[x.Length];
        for (int start = 0; start < x.Length; start += columns)
        {
            double mean = x.Skip(start).Take(columns).Sum(v => v * v) / columns;
            for (int j = 0; j < columns; j++)
                y[start + j] = x[start + j] / Math.Sqrt(mean + epsilon) * weight[j];
        }

        return y;
    }

    public static double[] Dropout(double[] x, float probability, ulong key)
    {
        return [.. x.Select((v, i) => Kept(i) ? v / (1.0 - probability) : 0)];

        // SplitMix64 of a counter, 32 bits for each element.
        bool Kept(int i)
        {
            ulong z = key + ((ulong)(i / 2) * 0x9E3779B97F4A7C15UL);
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
            z ^= z >> 31;
            return (i % 2 == 0 ? z & 0xFFFFFFFF : z >> 32) / 4294967296.0 >= probability;
        }
    }

    public static double[] Linear(double[] x, double[] weight, double[]? bias, int inputs, int outputs)
    {
        int rows = x.Length / inputs;
        var y = new double[rows * outputs];
        for (int i = 0; i < rows; i++)
        {
            for (int o = 0; o < outputs; o++)
            {
                double sum = bias is null ? 0.0 : bias[o];
                for (int j = 0; j < inputs; j++)
                    sum += x[(i * inputs) + j] * weight[(o * inputs) + j];
                y[(i * outputs) + o] = sum;
            }
        }

        return y;
    }

    public static double[] Rotary(double[] x, int[] positions, int heads, int headSize, double rotaryBase)
    {
        int half = headSize / 2;
        var y = new double[x.Length];
        for (int i = 0; i < positions.Length; i++)
        {
            for (int head = 0; head < heads; head++)
            {
                int offset = ((i * heads) + head) * headSize;
                for (int d = 0; d < half; d++)
                {
                    double angle = positions[i] * Math.Pow(rotaryBase, -2.0 * d / headSize);
                    double a = x[offset + d], b = x[offset + half + d];
                    y[offset + d] = (a * Math.Cos(angle)) - (b * Math.Sin(angle));
                    y[offset + half + d] = (b * Math.Cos(angle)) + (a * Math.Sin(angle));
                }
            }
        }

        return y;
    }

    public static double[] Attention(
        double[] q, double[] k, double[] v, int[] offsets, int heads, int keyValueHeads, int headSize, int[]? positions = null)
    {
        var y = new double[q.Length];
        for (int s = 0; s + 1 < offsets.Length; s++)
        {
            for (int i = offsets[s]; i < offsets[s + 1]; i++)
            {
                for (int head = 0; head < heads; head++)
                {
                    int qAt = ((i * heads) + head) * headSize;
                    int[] seen = Seen(offsets[s], i, positions);
                    int Row(int j) => ((j * keyValueHeads) + (head / (heads / keyValueHeads))) * headSize;
                    double[] scores = [.. seen.Select(j =>
                        Enumerable.Range(0, headSize).Sum(d => q[qAt + d] * k[Row(j) + d]) / Math.Sqrt(headSize))];
                    double[] p = Softmax(scores);
                    for (int j = 0; j < p.Length; j++)
                    {
                        for (int d = 0; d < headSize; d++)
                            y[qAt + d] += p[j] * v[Row(seen[j]) + d];
                    }
                }
            }
        }

        return y;
    }

    /// <summary>The gradients of q, k and v, given that of the result.</summary>
    public static double[][] AttentionGradients(
        double[] q, double[] k, double[] v, double[] gradient, int[] offsets, int heads, int keyValueHeads, int headSize,
        int[]? positions)
    {
        double[] y = Attention(q, k, v, offsets, heads, keyValueHeads, headSize, positions);
        double[] dq = new double[q.Length], dk = new double[k.Length], dv = new double[v.Length];
        double scale = 1 / Math.Sqrt(headSize);
        for (int s = 0; s + 1 < offsets.Length; s++)
        {
            for (int i = offsets[s]; i < offsets[s + 1]; i++)
            {
                for (int head = 0; head < heads; head++)
                {
                    int qAt = ((i * heads) + head) * headSize;
                    int[] seen = Seen(offsets[s], i, positions);
                    int Row(int j) => ((j * keyValueHeads) + (head / (heads / keyValueHeads))) * headSize;
                    double Dot(double[] a, int aAt, double[] b, int bAt) => Enumerable.Range(0, headSize).Sum(d => a[aAt + d] * b[bAt + d]);
                    double[] p = Softmax([.. seen.Select(j => Dot(q, qAt, k, Row(j)) * scale)]);
                    double delta = Dot(y, qAt, gradient, qAt);
                    for (int j = 0; j < p.Length; j++)
                    {
                        int row = Row(seen[j]);
                        double score = p[j] * (Dot(gradient, qAt, v, row) - delta) * scale;
                        for (int d = 0; d < headSize; d++)
                        {
                            dq[qAt + d] += score * k[row + d];
                            dk[row + d] += score * q[qAt + d];
                            dv[row + d] += p[j] * gradient[qAt + d];
                        }
                    }
                }
            }
        }

        return [dq, dk, dv];
    }

    // Of each position up to the row's own the last row that has it.
    private static int[] Seen(int first, int row, int[]? positions) => positions is null
        ? [.. Enumerable.Range(first, row - first + 1)]
        : [.. Enumerable.Range(0, positions[row] + 1).Select(position => Array.LastIndexOf(positions, position, row, row - first + 1))];

    public static double[] FeedForward(
        double[] x, double[] norm, double epsilon, double[] gate, double[] up, double[] down, int columns, int inner)
    {
        double[] normed = RmsNorm(x, norm, epsilon);
        double[] g = Linear(normed, gate, null, columns, inner), u = Linear(normed, up, null, columns, inner);
        return [.. x.Zip(Linear(SwiGlu(g, u), down, null, inner, columns), (r, y) => r + y)];
    }

    public static double[] SwiGlu(double[] gate, double[] up) => [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)];

    public static double[] TokenCrossEntropy(
        double[] logits, int columns, int[] targets, float[] weights, double normalizer, double smoothing = 0)
    {
        double total = 0;
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] < 0 || weights[i] == 0)
                continue;
            double[] p = Softmax([.. logits.Skip(i * columns).Take(columns)]);
            total -= weights[i] * (1 - smoothing) * Math.Log(p[targets[i]]);
            if (smoothing > 0)
                total -= weights[i] * smoothing * p.Average(Math.Log);
        }

        return [total / normalizer];
    }

    public static double[] SequenceLogProbabilities(
        double[] logits, int columns, int[] targets, float[] weights, int[] sequences, int count)
    {
        var sums = new double[count];
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] >= 0 && weights[i] != 0)
                sums[sequences[i]] += weights[i] * Math.Log(Softmax([.. logits.Skip(i * columns).Take(columns)])[targets[i]]);
        }

        return sums;
    }

    public static double[] ElementLoss(double[] x, float[] targets, float[] weights, double normalizer, Func<double, double> loss) =>
        [x.Select((value, i) => weights[i] == 0 ? 0 : weights[i] * loss(value - targets[i])).Sum() / normalizer];

    public static double[] SoftCrossEntropy(double[] logits, int columns, float[] targets, float[] weights, double normalizer)
    {
        double total = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            double[] p = Softmax([.. logits.Skip(i * columns).Take(columns)]);
            for (int j = 0; j < columns && weights[i] != 0; j++)
                total -= targets[(i * columns) + j] == 0 ? 0 : weights[i] * targets[(i * columns) + j] * Math.Log(p[j]);
        }

        return [total / normalizer];
    }

    public static double[] BinaryCrossEntropy(double[] logits, float[] targets, float[] weights, double normalizer)
    {
        double total = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (weights[i] == 0)
                continue;
            double p = 1 / (1 + Math.Exp(-logits[i]));
            total -= weights[i] * ((targets[i] * Math.Log(p)) + ((1 - targets[i]) * Math.Log(1 - p)));
        }

        return [total / normalizer];
    }

    public static double[] Softmax(double[] scores)
    {
        double largest = scores.Max();
        double[] e = [.. scores.Select(s => Math.Exp(s - largest))];
        double sum = e.Sum();
        return [.. e.Select(x => x / sum)];
    }
}
