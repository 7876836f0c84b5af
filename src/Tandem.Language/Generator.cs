using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Continues prompts with a <see cref="CachedDecoder"/>, several at a time.</summary>
public sealed class Generator : IDisposable
{
    private readonly CachedDecoder _decoder;
    private readonly int _slots;

    /// <summary>Creates a generator.</summary>
    /// <param name="transformer">The model; it needs a language head.</param>
    /// <param name="pool">The threads to run on.</param>
    /// <param name="slots">How many prompts are continued at once, up to 64.</param>
    /// <param name="capacity">The longest sequence, prompt included, in tokens; the model's MaximumPositions by default.</param>
    public Generator(Transformer transformer, WorkerPool pool, int slots = 1, int? capacity = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(slots, 64);
        _decoder = new CachedDecoder(transformer, pool, slots, capacity);
        _slots = slots;
    }

    /// <summary>Continues one prompt.</summary>
    /// <returns>The new tokens; see <see cref="GenerateEach"/>.</returns>
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
        ArgumentOutOfRangeException.ThrowIfNegative(maximumNewTokens);
        var cache = _decoder.Cache;
        for (int i = 0; i < prompts.Count; i++)
        {
            if (prompts[i].Length == 0 || prompts[i].Length >= cache.Capacity)
            {
                throw new UserFaultException(
                    $"Prompt {i} has {prompts[i].Length} tokens; allowed: 1 to {cache.Capacity - 1}.", "Shorten the prompt or choose a model with a longer context.");
            }
        }

        var results = prompts.Select(_ => new List<int>()).ToArray();
        var streams = prompts.Select((_, i) => random.Fork("sequence", (ulong)i)).ToArray();
        var active = new List<(int Slot, int Prompt)>();
        var free = new Stack<int>(Enumerable.Range(0, _slots).Reverse());
        int next = 0;
        while (maximumNewTokens > 0 && (active.Count > 0 || next < prompts.Count))
        {
            while (free.Count > 0 && next < prompts.Count)
            {
                int slot = free.Pop();
                cache.Truncate(slot, 0);
                if (Accept(next, slot, _decoder.Append(slot, prompts[next]).Row(0)))
                    active.Add((slot, next));
                else
                    free.Push(slot);
                next++;
            }

            if (active.Count == 0)
                continue;
            var logits = _decoder.Append(
                [.. active.Select(a => a.Slot)], [.. active.Select(a => results[a.Prompt][^1])]);
            for (int row = active.Count - 1; row >= 0; row--)
            {
                var (slot, prompt) = active[row];
                if (Accept(prompt, slot, logits.Row(row)))
                    continue;
                active.RemoveAt(row);
                free.Push(slot);
            }
        }

        return [.. results.Select(r => r.ToArray())];

        // Adds the next token; false when the sequence is done.
        bool Accept(int prompt, int slot, ReadOnlySpan<float> logits)
        {
            int token = sampler.Next(logits, streams[prompt]);
            results[prompt].Add(token);
            return results[prompt].Count < maximumNewTokens
                && cache.Length(slot) < cache.Capacity
                && stopTokens?.Contains(token) != true;
        }
    }

    /// <summary>Frees the cache.</summary>
    public void Dispose() => _decoder.Dispose();
}
