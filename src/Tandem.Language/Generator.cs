using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Continues prompts with a <see cref="CachedDecoder"/>, several at a time.</summary>
public sealed class Generator : IDisposable
{
    private readonly CachedDecoder _decoder;
    private readonly TokenBatch _batch = new();
    private readonly int[] _prompts; // of each slot, -1 for none
    private readonly int[] _slots; // of each packed sequence

    /// <summary>Creates a generator.</summary>
    /// <param name="transformer">The model; it needs a language head.</param>
    /// <param name="pool">The threads to run on.</param>
    /// <param name="slots">How many prompts are continued at once.</param>
    /// <param name="capacity">The longest sequence, prompt included, in tokens; the model's MaximumPositions by default.</param>
    public Generator(Transformer transformer, WorkerPool pool, int slots = 1, int? capacity = null)
    {
        _decoder = new CachedDecoder(transformer, pool, slots, capacity);
        _prompts = new int[slots];
        _slots = new int[slots];
    }

    /// <summary>Continues one prompt.</summary>
    /// <returns>The new tokens; see <see cref="GenerateEach(IReadOnlyList{int[]}, int, Sampler, RandomStream, IReadOnlyCollection{int})"/>.</returns>
    public int[] Generate(
        int[] prompt, int maximumNewTokens, Sampler sampler, RandomStream random, IReadOnlyCollection<int>? stopTokens = null) =>
        GenerateEach([prompt], maximumNewTokens, sampler, random, stopTokens)[0];

    /// <summary>Continues prompts. When one is done, the next takes its place.</summary>
    /// <param name="prompts">Each at least one token and shorter than the capacity.</param>
    /// <param name="maximumNewTokens">The most tokens to add to each; fewer where the capacity is reached.</param>
    /// <param name="sampler">How tokens are chosen.</param>
    /// <param name="random">
    /// Prompt i draws from the stream forked as ("sequence", i): its continuation does not depend on the other prompts.
    /// </param>
    /// <param name="stopTokens">A sequence ends after one of these, which is part of the result.</param>
    /// <returns>The new tokens of each prompt, in the order of the prompts.</returns>
    /// <exception cref="UserFaultException">A prompt is empty or as long as the capacity, or the logits are not finite.</exception>
    public int[][] GenerateEach(
        IReadOnlyList<int[]> prompts,
        int maximumNewTokens,
        Sampler sampler,
        RandomStream random,
        IReadOnlyCollection<int>? stopTokens = null)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        int[] limits = new int[prompts.Count];
        Array.Fill(limits, maximumNewTokens);
        return GenerateEach(prompts, limits, sampler, random, stopTokens);
    }

    /// <summary>Continues prompts, each up to a number of tokens of its own. When one is done, the next takes its place.</summary>
    /// <param name="prompts">Each at least one token and shorter than the capacity.</param>
    /// <param name="maximumNewTokens">For each prompt the most tokens to add; fewer where the capacity is reached.</param>
    /// <param name="sampler">How tokens are chosen.</param>
    /// <param name="random">
    /// Prompt i draws from the stream forked as ("sequence", i): its continuation does not depend on the other prompts.
    /// </param>
    /// <param name="stopTokens">A sequence ends after one of these, which is part of the result.</param>
    /// <returns>The new tokens of each prompt, in the order of the prompts.</returns>
    /// <exception cref="ArgumentException">Not one number for each prompt.</exception>
    /// <exception cref="UserFaultException">A prompt is empty or as long as the capacity, or the logits are not finite.</exception>
    public int[][] GenerateEach(
        IReadOnlyList<int[]> prompts,
        IReadOnlyList<int> maximumNewTokens,
        Sampler sampler,
        RandomStream random,
        IReadOnlyCollection<int>? stopTokens = null)
    {
        Require(prompts, maximumNewTokens);
        KeyValueCache cache = _decoder.Cache;
        int[][] results = new int[prompts.Count][];
        int[] counts = new int[prompts.Count];
        var streams = new RandomStream[prompts.Count];
        int[] stops = [.. stopTokens ?? []];
        Array.Fill(_prompts, -1);
        for (int slot = 0; slot < _prompts.Length; slot++)
            cache.Truncate(slot, 0);
        for (int next = 0; ;)
        {
            // The prompts of free slots and the last tokens of the others go through the model together.
            _batch.Clear();
            for (int slot = 0; slot < _prompts.Length; slot++)
            {
                if (_prompts[slot] < 0)
                    Start(slot, ref next);
                if (_prompts[slot] is not (>= 0 and int prompt))
                    continue;
                _slots[_batch.Sequences] = slot;
                _batch.Add(counts[prompt] == 0 ? prompts[prompt] : results[prompt].AsSpan(counts[prompt] - 1, 1));
            }

            if (_batch.Sequences == 0)
                return results;
            Tensor logits = _decoder.Append(_slots.AsSpan(0, _batch.Sequences), _batch); // [sequences, V]
            for (int row = 0; row < logits.Rows; row++)
                Accept(_slots[row], logits.Row(row));
        }

        // Gives a free slot the next prompt that wants tokens, if there is one.
        void Start(int slot, ref int next)
        {
            for (; next < prompts.Count && _prompts[slot] < 0; next++)
            {
                // The last token that is chosen is not appended.
                int most = Math.Min(maximumNewTokens[next], cache.Capacity - prompts[next].Length + 1);
                results[next] = most == 0 ? [] : new int[most];
                if (most == 0)
                    continue;
                streams[next] = random.Fork("sequence", (ulong)next);
                cache.Truncate(slot, 0);
                _prompts[slot] = next;
            }
        }

        // Adds the next token; frees the slot when the sequence is done.
        void Accept(int slot, Span<float> logits)
        {
            int prompt = _prompts[slot];
            sampler.Penalize(logits, prompts[prompt], results[prompt].AsSpan(0, counts[prompt]));
            int token = sampler.Next(logits, streams[prompt]);
            results[prompt][counts[prompt]++] = token;
            if (counts[prompt] < results[prompt].Length && !stops.AsSpan().Contains(token))
                return;
            Array.Resize(ref results[prompt], counts[prompt]);
            _prompts[slot] = -1;
        }
    }

    /// <summary>Frees the cache.</summary>
    public void Dispose() => _decoder.Dispose();

    private void Require(IReadOnlyList<int[]> prompts, IReadOnlyList<int> maximumNewTokens)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(maximumNewTokens);
        if (maximumNewTokens.Count != prompts.Count)
            throw new ArgumentException($"{maximumNewTokens.Count} numbers of tokens for {prompts.Count} prompts.", nameof(maximumNewTokens));
        int capacity = _decoder.Cache.Capacity;
        for (int i = 0; i < prompts.Count; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(maximumNewTokens[i], nameof(maximumNewTokens));
            if (prompts[i].Length == 0 || prompts[i].Length >= capacity)
            {
                throw new UserFaultException(
                    $"Prompt {i} has {prompts[i].Length} tokens; allowed: 1 to {capacity - 1}.", "Shorten the prompt or choose a model with a longer context.");
            }
        }
    }
}
