using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// Extends sequences token by token without computing earlier tokens again. All but attention are the operations of
/// <see cref="Transformer.Hidden"/> itself, and attention sums in the same order, so the logits are those of the full
/// forward pass. A steady step allocates nothing.
/// </summary>
/// <remarks>
/// Keeps a copy of the weights, in the order in which they are read, from the first call with an empty cache on: after they
/// change, truncate all sequences to 0.
/// </remarks>
public sealed unsafe class CachedDecoder : IDisposable
{
    // Tokens are taken in blocks, which bounds the memory of a forward pass.
    private const int BlockRows = 1024;

    private readonly Transformer _transformer;
    private readonly WorkerPool _pool;
    private readonly PackedWeights _weights = new();
    private readonly Tape _tape;
    private readonly TokenBatch _batch = new();
    private readonly Arena _memory;
    private readonly float* _lastRows; // [sequences, C]: the rows that logits are computed of

    // Of the rows of a block: the cache's sequence and the position in it, and which rows end a sequence.
    private readonly int[] _sequences = new int[BlockRows];
    private readonly int[] _positions = new int[BlockRows];
    private readonly int[] _ends = new int[BlockRows];

    // The keys in the cache that a row attends to; 0 for rows of a prompt that begins in the block, whose keys are all in it.
    private readonly int[] _visible = new int[BlockRows];
    private readonly int[] _runs = new int[BlockRows + 1]; // where prompts begin, and every row of anything else
    private int _runCount; // 0 where no prompt begins in the block

    /// <summary>Creates a decoder with an empty cache.</summary>
    /// <param name="transformer">The model; it needs a language head.</param>
    /// <param name="pool">The threads to run on.</param>
    /// <param name="sequences">The number of sequences held at once.</param>
    /// <param name="capacity">The longest sequence in tokens; the model's MaximumPositions by default.</param>
    public CachedDecoder(Transformer transformer, WorkerPool pool, int sequences = 1, int? capacity = null)
    {
        (_transformer, _pool, _tape) = (transformer, pool, new Tape(pool) { PackedWeights = _weights });
        Cache = new KeyValueCache(
            transformer.Configuration, sequences, capacity ?? transformer.Configuration.MaximumPositions);
        long floats = (long)sequences * transformer.Configuration.HiddenSize;
        _memory = new Arena(floats * sizeof(float));
        _lastRows = _memory.Floats(floats);
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
        _batch.Clear();
        _batch.Add(tokens);
        return Append([sequence], _batch);
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
        if (sequences.Length != tokens.Length)
            throw new ArgumentException($"{sequences.Length} sequences with {tokens.Length} tokens; needed: one token each.", nameof(tokens));
        _batch.Clear();
        for (int i = 0; i < tokens.Length; i++)
            _batch.Add(tokens.Slice(i, 1));
        return Append(sequences, _batch);
    }

    /// <summary>Appends tokens to several sequences, whole prompts to some and single tokens to others.</summary>
    /// <param name="sequences">Which of the cache's sequences, all different.</param>
    /// <param name="tokens">What is appended to each, packed in this order, without branches.</param>
    /// <returns>
    /// The logits [sequences.Length, VocabularySize] of the token after each one's last, valid until the next call. They do
    /// not depend on which sequences are appended to together.
    /// </returns>
    /// <exception cref="ArgumentException">Not one packed sequence for each, or none, or branches.</exception>
    /// <exception cref="InvalidOperationException">A sequence is full. No sequence has changed.</exception>
    public Tensor Append(ReadOnlySpan<int> sequences, TokenBatch tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        Require(sequences, tokens);
        if (Cache.IsEmpty)
            _weights.Forget();
        int sequence = 0;
        for (int start = 0; start < tokens.Count; start += BlockRows)
        {
            int rows = Math.Min(BlockRows, tokens.Count - start), first = sequence, ends = 0;
            for (int row = 0; row < rows; row++)
            {
                _sequences[row] = sequences[sequence];
                _positions[row] = Cache.Length(sequences[sequence]) + tokens.Positions[start + row];
                if (start + row + 1 == tokens.Offsets[sequence + 1])
                {
                    _ends[ends++] = row;
                    sequence++;
                }
            }

            FindPrompts(rows);
            Tensor last = Hidden(tokens.Tokens.Slice(start, rows), _ends.AsSpan(0, ends)); // [ends, C]
            if (ends > 0)
                last.Values.CopyTo(new Span<float>(_lastRows + ((long)first * last.Columns), last.Length));
        }

        for (int i = 0; i < sequences.Length; i++)
            Cache.Extend(sequences[i], tokens.Offsets[i + 1] - tokens.Offsets[i]);
        return _transformer.Logits(_tape, new Tensor(_lastRows, null, sequences.Length, _transformer.Configuration.HiddenSize));
    }

    /// <summary>Frees the cache and the working memory.</summary>
    public void Dispose()
    {
        Cache.Dispose();
        _weights.Dispose();
        _tape.Dispose();
        _memory.Dispose();
    }

    private void Require(ReadOnlySpan<int> sequences, TokenBatch tokens)
    {
        if (sequences.IsEmpty || sequences.Length != tokens.Sequences)
            throw new ArgumentException($"{sequences.Length} sequences with tokens for {tokens.Sequences}; needed: one or more, with tokens for each.", nameof(tokens));
        for (int i = 0; i < sequences.Length; i++)
        {
            if (sequences[..i].Contains(sequences[i]))
                throw new ArgumentException($"Sequence {sequences[i]} is given twice.", nameof(sequences));
            int end = tokens.Offsets[i + 1], length = end - tokens.Offsets[i];
            if (tokens.Positions[end - 1] != length - 1)
                throw new ArgumentException("A cached sequence has no branches.", nameof(tokens));
            Cache.RequireRoom(sequences[i], length);
        }
    }

    // Prompts attend to themselves in blocks of rows, as in the full forward pass; other rows to the cache, one by one.
    private void FindPrompts(int rows)
    {
        int runs = 0;
        bool any = false;
        for (int row = 0; row < rows; _runs[runs] = row)
        {
            int end = row + 1;
            while (_positions[row] == 0 && end < rows && _sequences[end] == _sequences[row])
                end++;
            bool prompt = end > row + 1;
            any |= prompt;
            for (; row < end; row++)
                _visible[row] = prompt ? 0 : _positions[row] + 1;
            runs++;
        }

        _runCount = any ? runs : 0;
    }

    /// <summary>
    /// The forward pass for the rows of <see cref="_sequences"/> and <see cref="_positions"/>; the final hidden states of some
    /// of them, in ascending order. Of the others the last layer computes nothing but keys and values.
    /// </summary>
    private Tensor Hidden(ReadOnlySpan<int> tokens, ReadOnlySpan<int> wanted)
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
            Cache.Store(i, _sequences, positions, k, v, _pool);
            if (i == configuration.Layers - 1 && wanted.Length < tokens.Length)
            {
                if (wanted.IsEmpty)
                    return default;
                (x, q) = (_tape.GatherRows(x, wanted), _tape.GatherRows(q, wanted));                        // [R, C], [R, H·D]
                for (int row = 0; row < wanted.Length; row++)
                    (_sequences[row], _visible[row]) = (_sequences[wanted[row]], _positions[wanted[row]] + 1);
                _runCount = 0;
            }

            Tensor mixed = Attention(i, q, k, v);                                                           // [N, H·D]
            x = layer.AddOutput(_tape, x, mixed);                                                           // [N, C]
            x = layer.FeedForward(_tape, x, epsilon);                                                       // [N, C]
        }

        return _tape.RmsNorm(x, _transformer.FinalNorm, epsilon);                                           // [R, C]
    }

    private Tensor Attention(int layer, Tensor q, Tensor k, Tensor v)
    {
        var configuration = _transformer.Configuration;
        Tensor result = _runCount > 0
            ? _tape.Attention(q, k, v, _runs.AsSpan(0, _runCount + 1), configuration.Heads, configuration.KeyValueHeads)
            : new Tensor(_tape.Arena.Floats(q.Length), null, q.Rows, q.Columns);
        float** keys = stackalloc float*[q.Rows];
        float** values = stackalloc float*[q.Rows];
        for (int row = 0; row < q.Rows; row++)
        {
            keys[row] = Cache.Keys(layer, _sequences[row]);
            values[row] = Cache.Values(layer, _sequences[row]);
        }

        fixed (int* visible = _visible)
        {
            CachedAttention.Attend(
                q, keys, values, visible, Cache.RowCapacity, configuration.Heads, configuration.KeyValueHeads, result, _pool);
        }

        return result;
    }
}
