using System.Runtime.InteropServices;
using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>
/// The targets of learning from a weak model's soft labels, of n questions with K answers each, row by row. Targets are fixed
/// numbers: no gradient flows through them.
/// </summary>
public static class WeakTargets
{
    /// <summary>Label smoothing: (1 - ε)·q + ε/K (arXiv 1512.00567).</summary>
    /// <param name="targets">[n, K]; changed in place.</param>
    /// <param name="answers">K.</param>
    /// <param name="smoothing">ε.</param>
    public static void Smooth(Span<float> targets, int answers, float smoothing)
    {
        foreach (ref float target in targets)
            target = ((1 - smoothing) * target) + (smoothing / answers);
    }

    /// <summary>
    /// Mixes targets with the strong model's own answers made certain: (1 - a)·q + a·onehot(answer), the auxiliary confidence loss
    /// (Burns et al., arXiv 2312.09390, section 4.3.2).
    /// </summary>
    /// <param name="targets">[n, K]; changed in place.</param>
    /// <param name="answers">K.</param>
    /// <param name="hardened">The strong model's answer to each question: see <see cref="HardenByProportions"/>.</param>
    /// <param name="share">a.</param>
    public static void MixHardened(Span<float> targets, int answers, ReadOnlySpan<int> hardened, float share)
    {
        for (int i = 0; i < hardened.Length; i++)
        {
            Span<float> row = targets.Slice(i * answers, answers);
            for (int k = 0; k < row.Length; k++)
                row[k] = (row[k] * (1 - share)) + (k == hardened[i] ? share : 0);
        }
    }

    /// <summary>
    /// The product of the weak label and the strong prediction: q^α·p^β, normalized (openai/weak-to-strong, product_loss). The
    /// weak label alone where the two exclude each other.
    /// </summary>
    /// <param name="targets">[n, K]: q; changed in place.</param>
    /// <param name="answers">K.</param>
    /// <param name="probabilities">[n, K]: p.</param>
    /// <param name="alpha">α, the weight of the weak label.</param>
    /// <param name="beta">β, the weight of the strong prediction.</param>
    public static void Multiply(Span<float> targets, int answers, ReadOnlySpan<float> probabilities, float alpha, float beta)
    {
        for (int start = 0; start < targets.Length; start += answers)
        {
            Span<float> row = targets.Slice(start, answers);
            ReadOnlySpan<float> own = probabilities.Slice(start, answers);
            double sum = 0;
            for (int k = 0; k < row.Length; k++)
                sum += Math.Pow(row[k], alpha) * Math.Pow(own[k], beta);
            if (!(sum > 0))
                continue;
            for (int k = 0; k < row.Length; k++)
                row[k] = (float)(Math.Pow(row[k], alpha) * Math.Pow(own[k], beta) / sum);
        }
    }

    /// <summary>
    /// Whether a question lies outside the confidence window: its surest prediction is a radius or more above chance (EleutherAI,
    /// "Experiments in Weak-to-Strong Generalization", 2024). Such questions are left out of <see cref="WeakLoss.Window"/>.
    /// </summary>
    /// <param name="own">[K]: the strong model's prediction.</param>
    /// <param name="radius">The radius.</param>
    public static bool IsOutsideWindow(ReadOnlySpan<float> own, float radius) =>
        own[Optimization.FlatVector.IndexOfMaximum(own)] >= (1f / own.Length) + radius;

    /// <summary>The share of the model's own answers when a share of the steps is done: it rises linearly to the coefficient.</summary>
    /// <param name="coefficient">The share after the warm-up.</param>
    /// <param name="warmupFraction">The share of the steps over which it rises.</param>
    /// <param name="progress">The share of the steps done, from 0 to 1.</param>
    public static float ConfidenceShare(float coefficient, double warmupFraction, double progress) =>
        progress >= warmupFraction ? coefficient : (float)(coefficient * progress / warmupFraction);

    /// <summary>softmax of each row.</summary>
    /// <param name="logits">[n, K].</param>
    /// <param name="answers">K.</param>
    /// <param name="probabilities">Receives [n, K].</param>
    public static void Softmax(ReadOnlySpan<float> logits, int answers, Span<float> probabilities)
    {
        for (int start = 0; start < logits.Length; start += answers)
        {
            ReadOnlySpan<float> row = logits.Slice(start, answers);
            double largest = double.NegativeInfinity, sum = 0;
            foreach (float logit in row)
                largest = Math.Max(largest, logit);
            foreach (float logit in row)
                sum += Math.Exp(logit - largest);
            for (int k = 0; k < row.Length; k++)
                probabilities[start + k] = (float)(Math.Exp(row[k] - largest) / sum);
        }
    }

    /// <summary>
    /// The strong model's answers such that each class is chosen as often as the weak labels say. For two classes the threshold is
    /// the quantile of p(0) at the weak labels' mean of class 1, interpolated (openai/weak-to-strong, logconf_loss). For more, the
    /// surest predictions are taken first, for as long as their class has places left; places are the means of the weak labels
    /// times n, rounded to whole numbers by largest remainders.
    /// </summary>
    /// <param name="probabilities">[n, K]: the strong model's predictions.</param>
    /// <param name="targets">[n, K]: the weak labels.</param>
    /// <param name="answers">K.</param>
    /// <param name="hardened">Receives n answers.</param>
    /// <param name="order">Memory for the order, kept by the caller.</param>
    public static void HardenByProportions(
        ReadOnlySpan<float> probabilities, ReadOnlySpan<float> targets, int answers, Span<int> hardened, List<ulong> order)
    {
        ArgumentNullException.ThrowIfNull(order);
        int n = hardened.Length;
        if (n == 0)
            return;
        if (answers == 2)
        {
            float threshold = Quantile(probabilities, targets, n, order);
            for (int i = 0; i < n; i++)
                hardened[i] = probabilities[2 * i] >= threshold ? 0 : 1;
            return;
        }

        // Keys are the probabilities' bits, which are ordered as they are, the largest first, and then the place.
        order.Clear();
        for (int i = 0; i < probabilities.Length; i++)
            order.Add(((ulong)~BitConverter.SingleToUInt32Bits(probabilities[i]) << 32) | (uint)i);
        CollectionsMarshal.AsSpan(order).Sort();
        Span<int> places = answers <= 64 ? stackalloc int[answers] : new int[answers];
        Places(targets, n, places);
        hardened.Fill(-1);
        foreach (ulong key in CollectionsMarshal.AsSpan(order))
        {
            int item = (int)(uint)key / answers, answer = (int)(uint)key % answers;
            if (hardened[item] >= 0 || places[answer] == 0)
                continue;
            hardened[item] = answer;
            places[answer]--;
        }
    }

    /// <summary>The strong model's most probable answers, the first of equals.</summary>
    /// <param name="probabilities">[n, K].</param>
    /// <param name="answers">K.</param>
    /// <param name="hardened">Receives n answers.</param>
    public static void HardenByMaximum(ReadOnlySpan<float> probabilities, int answers, Span<int> hardened)
    {
        for (int i = 0; i < hardened.Length; i++)
            hardened[i] = Optimization.FlatVector.IndexOfMaximum(probabilities.Slice(i * answers, answers));
    }

    /// <summary>
    /// The median over questions of how far the surest answer lies above chance, max q - 1/K: a radius for
    /// <see cref="WeakLoss.Window"/> that depends on the weak labels alone.
    /// </summary>
    /// <param name="labels">The label of each question: a distribution over its answers.</param>
    /// <exception cref="UserFaultException">There is no label.</exception>
    public static float MedianRadius(IEnumerable<float[]> labels)
    {
        float[] radii = [.. labels.Select(label => label.Max() - (1f / label.Length)).Order()];
        if (radii.Length == 0)
            throw new UserFaultException("There is no label to take a radius from.", "Give at least one.", FaultKind.Usage);
        return (radii[(radii.Length - 1) / 2] + radii[radii.Length / 2]) / 2;
    }

    private static float Quantile(ReadOnlySpan<float> probabilities, ReadOnlySpan<float> targets, int n, List<ulong> order)
    {
        double mean = 0;
        order.Clear();
        for (int i = 0; i < n; i++)
        {
            mean += targets[(2 * i) + 1];
            order.Add(BitConverter.SingleToUInt32Bits(probabilities[2 * i]));
        }

        Span<ulong> sorted = CollectionsMarshal.AsSpan(order);
        sorted.Sort();
        double place = Math.Clamp(mean / n, 0, 1) * (n - 1);
        int low = (int)Math.Floor(place);
        float below = BitConverter.UInt32BitsToSingle((uint)sorted[low]);
        float above = BitConverter.UInt32BitsToSingle((uint)sorted[Math.Min(low + 1, n - 1)]);
        return (float)(below + ((place - low) * ((double)above - below)));
    }

    // n times the mean of each class, rounded so that the sum is n.
    private static void Places(ReadOnlySpan<float> targets, int n, Span<int> places)
    {
        int answers = places.Length, left = n;
        Span<double> remainders = answers <= 64 ? stackalloc double[answers] : new double[answers];
        double all = 0;
        foreach (float target in targets)
            all += target;
        for (int k = 0; k < answers; k++)
        {
            double sum = 0;
            for (int i = 0; i < n; i++)
                sum += targets[(i * answers) + k];
            sum *= n / all;
            places[k] = Math.Min((int)sum, left);
            remainders[k] = sum - places[k];
            left -= places[k];
        }

        for (; left > 0; left--)
        {
            int best = 0;
            for (int k = 1; k < answers; k++)
                best = remainders[k] > remainders[best] ? k : best;
            places[best]++;
            remainders[best] -= 1;
        }
    }
}
