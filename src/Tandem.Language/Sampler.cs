using System.Numerics;
using System.Runtime.Intrinsics;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// Chooses the next token from logits: the likeliest, or a draw at a temperature, from the <c>TopK</c> likeliest, from
/// the nucleus (arXiv 1904.09751), or both, in this order, as in Hugging Face's generation.
/// Holds working memory: one thread at a time.
/// </summary>
public sealed class Sampler
{
    private ulong[] _order = [];
    private double[] _weights = [];
    private int[] _seen = []; // of each token the last call of Penalize that met it
    private int _call;

    /// <summary>Creates a sampler.</summary>
    /// <param name="temperature">What the logits are divided by; 0 takes the likeliest token.</param>
    /// <param name="topK">How many of the likeliest tokens are drawn from; 0 for all.</param>
    /// <param name="topP">The smallest set of the likeliest tokens that holds this probability is drawn from; 1 for all.</param>
    /// <param name="repetitionPenalty">What tokens that occurred are penalized with: see <see cref="RepetitionPenalty"/>.</param>
    /// <exception cref="UserFaultException">A value is out of its range.</exception>
    public Sampler(double temperature = 0, int topK = 0, double topP = 1, double repetitionPenalty = 1)
    {
        if (!(temperature >= 0 && double.IsFinite(temperature)))
            throw Fault("temperature", $"{temperature}", "at least 0");
        if (topK < 0)
            throw Fault("top_k", $"{topK}", "at least 0");
        if (!(topP > 0 && topP <= 1))
            throw Fault("top_p", $"{topP}", "above 0, up to 1");
        if (!(repetitionPenalty > 0 && double.IsFinite(repetitionPenalty)))
            throw Fault("repetition_penalty", $"{repetitionPenalty}", "above 0");
        (Temperature, TopK, TopP, RepetitionPenalty) = (temperature, topK, topP, repetitionPenalty);
    }

    /// <summary>Always the likeliest token; of equals, the first.</summary>
    public static Sampler Greedy => new();

    /// <summary>What the logits are divided by; 0 takes the likeliest token.</summary>
    public double Temperature { get; }

    /// <summary>How many of the likeliest tokens are drawn from; 0 for all.</summary>
    public int TopK { get; }

    /// <summary>The probability that the tokens drawn from hold together; 1 for all.</summary>
    public double TopP { get; }

    /// <summary>What tokens that occurred are penalized with; 1 for not at all.</summary>
    public double RepetitionPenalty { get; }

    /// <summary>
    /// Divides the logits above 0 of tokens that occurred by <see cref="RepetitionPenalty"/> and multiplies those below 0 by it
    /// (CTRL, arXiv 1909.05858), each token once.
    /// </summary>
    /// <param name="logits">One per token; changed.</param>
    /// <param name="prompt">Tokens that occurred.</param>
    /// <param name="continuation">More of them.</param>
    public void Penalize(Span<float> logits, ReadOnlySpan<int> prompt, ReadOnlySpan<int> continuation = default)
    {
        if (RepetitionPenalty == 1)
            return;
        if (_seen.Length < logits.Length)
            (_seen, _call) = (new int[logits.Length], 0);
        if (++_call == int.MaxValue)
        {
            Array.Clear(_seen);
            _call = 1;
        }

        PenalizeEach(logits, prompt);
        PenalizeEach(logits, continuation);
    }

    /// <summary>Chooses a token.</summary>
    /// <param name="logits">One per token.</param>
    /// <param name="random">Gives one number per call, none when greedy.</param>
    /// <exception cref="UserFaultException">The logits are not finite.</exception>
    public int Next(ReadOnlySpan<float> logits, RandomStream random)
    {
        int best = Likeliest(logits);
        if (Temperature == 0)
            return best;

        int count = logits.Length;
        if (_weights.Length < count)
            (_order, _weights) = (new ulong[count], new double[count]);
        bool sorted = (TopK > 0 && TopK < count) || TopP < 1;
        for (int i = 0; i < count; i++)
            _order[i] = sorted ? DescendingKey(logits[i], i) : (ulong)i;
        if (sorted)
            Array.Sort(_order, 0, count);
        if (TopK > 0)
            count = Math.Min(count, TopK);

        double total = 0;
        for (int i = 0; i < count; i++)
            total += _weights[i] = Math.Exp((logits[(int)(uint)_order[i]] - logits[best]) / Temperature);
        if (TopP < 1)
        {
            double wanted = TopP * total;
            total = 0;
            int kept = 0;
            while (kept < count && total < wanted)
                total += _weights[kept++];
            count = kept;
        }

        double draw = random.NextDouble() * total;
        for (int i = 0; i < count; i++)
        {
            draw -= _weights[i];
            if (draw < 0)
                return (int)(uint)_order[i];
        }

        // Rounding left nothing to draw from: the last token that has any probability.
        for (int i = count - 1; i > 0; i--)
        {
            if (_weights[i] > 0)
                return (int)(uint)_order[i];
        }

        return (int)(uint)_order[0];
    }

    private void PenalizeEach(Span<float> logits, ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
        {
            if (_seen[token] == _call)
                continue;
            _seen[token] = _call;
            double logit = logits[token];
            logits[token] = (float)(logit > 0 ? logit / RepetitionPenalty : logit * RepetitionPenalty);
        }
    }

    private static unsafe int Likeliest(ReadOnlySpan<float> logits)
    {
        fixed (float* values = logits)
        {
            float largest = VectorMath.Max(values, logits.Length);
            if (!float.IsFinite(largest)) // -∞ rules a token out; NaN and ∞ are passed on by the maximum
                throw new UserFaultException("The model's logits are not finite numbers.", "Use an earlier checkpoint: this one has diverged.");
            Vector256<float> wanted = Vector256.Create(largest);
            int i = 0;
            for (; i + 8 <= logits.Length; i += 8)
            {
                uint equal = Vector256.Equals(Vector256.Load(values + i), wanted).ExtractMostSignificantBits();
                if (equal != 0)
                    return i + BitOperations.TrailingZeroCount(equal);
            }

            while (values[i] != largest)
                i++;
            return i;
        }
    }

    /// <summary>A key whose ascending order is that of descending logits, equals in the order of their index.</summary>
    private static ulong DescendingKey(float logit, int index)
    {
        uint bits = BitConverter.SingleToUInt32Bits(logit + 0f);
        uint ascending = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
        return ((ulong)~ascending << 32) | (uint)index;
    }

    private static UserFaultException Fault(string name, string value, string allowed) =>
        new($"{name} is {value}; allowed: {allowed}.", $"Correct {name}.", FaultKind.Usage);
}
