using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// Extends sequences token by token without computing earlier tokens again. All but attention are the operations of
/// <see cref="Transformer.Hidden"/> itself, and attention sums in the same order, so the logits are those of the full
/// forward pass. A steady step allocates nothing.
/// </summary>
/// <remarks>Reads the transformer's parameters on every call; after they change, truncate the cache to 0.</remarks>
public sealed unsafe class CachedDecoder : IDisposable
{
    // Longer prompts are taken in blocks, which bounds the memory of the attention scores.
    private const int BlockRows = 64;

    private readonly Transformer _transformer;
    private readonly WorkerPool _pool;
    private readonly Tape _tape;
    private readonly int[] _sequences = new int[BlockRows];
    private readonly int[] _positions = new int[BlockRows];

    /// <summary>Creates a decoder with an empty cache.</summary>
    /// <param name="transformer">The model; it needs a language head.</param>
    /// <param name="pool">The threads to run on.</param>
    /// <param name="sequences">The number of sequences held at once.</param>
    /// <param name="capacity">The longest sequence in tokens; the model's MaximumPositions by default.</param>
    public CachedDecoder(Transformer transformer, WorkerPool pool, int sequences = 1, int? capacity = null)
    {
        (_transformer, _pool, _tape) = (transformer, pool, new Tape(pool));
        Cache = new KeyValueCache(
            transformer.Configuration, sequences, capacity ?? transformer.Configuration.MaximumPositions);
    }

    /// <summary>What has been decoded so far.</summary>
    public KeyValueCache Cache { get; }

    /// <summary>Appends tokens to one sequence.</summary>
    /// <param name="sequence">Which of the cache's sequences.</param>
    /// <param name="tokens">At least one.</param>
    /// <returns>The logits [1, VocabularySize] of the token after the last, valid until the next call.</returns>
    /// <exception cref="InvalidOperationException">The sequence is full.</exception>
    public Tensor Append(int sequence, ReadOnlySpan<int> tokens)
    {
        if (tokens.IsEmpty)
            throw new ArgumentException("At least one token is needed.", nameof(tokens));
        for (; tokens.Length > BlockRows; tokens = tokens[BlockRows..])
            Hidden(tokens[..BlockRows], sequence);
        Tensor hidden = Hidden(tokens, sequence);
        var last = new Tensor(hidden.Data + ((long)(hidden.Rows - 1) * hidden.Columns), null, 1, hidden.Columns);
        return _transformer.Logits(_tape, last);
    }

    /// <summary>Appends one token to each of several sequences.</summary>
    /// <param name="sequences">Which of the cache's sequences, all different.</param>
    /// <param name="tokens">One for each.</param>
    /// <returns>
    /// The logits [sequences.Length, VocabularySize], valid until the next call. They do not depend on which sequences
    /// are appended to together.
    /// </returns>
    /// <exception cref="InvalidOperationException">A sequence is full.</exception>
    public Tensor Append(ReadOnlySpan<int> sequences, ReadOnlySpan<int> tokens)
    {
        if (sequences.Length != tokens.Length || tokens.IsEmpty || tokens.Length > BlockRows)
            throw new ArgumentException($"{sequences.Length} sequences with {tokens.Length} tokens; needed: 1 to {BlockRows}, one token each.", nameof(tokens));
        for (int i = 0; i < sequences.Length; i++)
        {
            if (sequences[..i].Contains(sequences[i]))
                throw new ArgumentException($"Sequence {sequences[i]} is given twice.", nameof(sequences));
            _sequences[i] = sequences[i];
            _positions[i] = Cache.Extend(sequences[i]);
        }

        return _transformer.Logits(_tape, Hidden(tokens));
    }

    /// <summary>Frees the cache and the working memory.</summary>
    public void Dispose()
    {
        Cache.Dispose();
        _tape.Dispose();
    }

    private Tensor Hidden(ReadOnlySpan<int> tokens, int sequence)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            _sequences[i] = sequence;
            _positions[i] = Cache.Extend(sequence);
        }

        return Hidden(tokens);
    }

    /// <summary>The forward pass for the rows of <see cref="_sequences"/> and <see cref="_positions"/>.</summary>
    private Tensor Hidden(ReadOnlySpan<int> tokens)
    {
        var configuration = _transformer.Configuration;
        float epsilon = configuration.RmsNormEpsilon;
        var positions = _positions.AsSpan(0, tokens.Length);
        _tape.Begin(recording: false);
        Tensor x = _tape.Embedding(tokens, _transformer.EmbeddingTable);                                    // [N, C]
        for (int i = 0; i < configuration.Layers; i++)
        {
            var layer = _transformer.DecoderLayers[i];
            (Tensor q, Tensor k, Tensor v) = layer.Project(_tape, x, epsilon);                              // [N, H·D], [N, G·D], [N, G·D]
            _transformer.Rotation.Turn(q, positions);
            _transformer.Rotation.Turn(k, positions);
            Tensor mixed = Attention(i, q, k, v);                                                           // [N, H·D]
            x = layer.AddOutput(_tape, x, mixed);                                                           // [N, C]
            x = layer.FeedForward(_tape, x, epsilon);                                                       // [N, C]
        }

        return _tape.RmsNorm(x, _transformer.FinalNorm, epsilon);                                           // [N, C]
    }

    private Tensor Attention(int layer, Tensor q, Tensor k, Tensor v)
    {
        float** keys = stackalloc float*[q.Rows];
        float** values = stackalloc float*[q.Rows];
        int* visible = stackalloc int[q.Rows];
        for (int row = 0; row < q.Rows; row++)
        {
            Cache.Store(
                layer, _sequences[row], _positions[row], k.Data + ((long)row * k.Columns), v.Data + ((long)row * v.Columns));
            keys[row] = Cache.Keys(layer, _sequences[row]);
            values[row] = Cache.Values(layer, _sequences[row]);
            visible[row] = _positions[row] + 1;
        }

        var result = new Tensor(_tape.Arena.Floats(q.Length), null, q.Rows, q.Columns);
        CachedAttention.Attend(
            q, keys, values, visible, Cache.RowCapacity, _transformer.Configuration.Heads,
            _transformer.Configuration.KeyValueHeads, result, _pool);
        return result;
    }
}
