using System.Runtime.InteropServices;

namespace Tandem.Language;

/// <summary>
/// Sequences of tokens packed one after the other, never padded: row i of every activation belongs to token i.
/// Reused over steps, it allocates nothing once it has seen its largest batch.
/// </summary>
public sealed class TokenBatch
{
    private readonly List<int> _tokens = [];
    private readonly List<int> _positions = [];
    private readonly List<int> _offsets = [0];

    /// <summary>All tokens, sequence by sequence.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>
    /// The position of each token in its sequence, from 0. Where it is not the one after the position before, a branch begins: a
    /// token sees, of each position up to its own, the last token of its sequence that has it.
    /// </summary>
    public ReadOnlySpan<int> Positions => CollectionsMarshal.AsSpan(_positions);

    /// <summary>Where each sequence starts, and at the end the number of tokens: <see cref="Sequences"/> + 1 numbers.</summary>
    public ReadOnlySpan<int> Offsets => CollectionsMarshal.AsSpan(_offsets);

    /// <summary>The number of tokens, which is the number of rows.</summary>
    public int Count => _tokens.Count;

    /// <summary>The number of sequences.</summary>
    public int Sequences => _offsets.Count - 1;

    /// <summary>Removes all sequences.</summary>
    public void Clear()
    {
        _tokens.Clear();
        _positions.Clear();
        _offsets.Clear();
        _offsets.Add(0);
    }

    /// <summary>Adds a sequence.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public void Add(ReadOnlySpan<int> tokens)
    {
        if (tokens.IsEmpty)
            throw new ArgumentException("A sequence needs at least one token.", nameof(tokens));
        Append(tokens, 0);
        _offsets.Add(_tokens.Count);
    }

    /// <summary>
    /// Adds one sequence of a common beginning and several ends, one after the other. An end sees the beginning and itself,
    /// at the positions that it has right after the beginning: what it gets is, bit for bit, what the two get as a sequence of
    /// their own.
    /// </summary>
    /// <param name="beginning">One token or more.</param>
    /// <param name="ends">The ends; some may be empty.</param>
    /// <exception cref="ArgumentException">The beginning is empty.</exception>
    public void AddBranches(ReadOnlySpan<int> beginning, IReadOnlyList<ReadOnlyMemory<int>> ends)
    {
        ArgumentNullException.ThrowIfNull(ends);
        Add(beginning);

        // By index: an enumerator of an interface would be allocated in every training step.
        for (int i = 0; i < ends.Count; i++)
            AddBranch(beginning.Length, ends[i].Span);
    }

    /// <summary>
    /// Adds a branch to the last sequence. It follows the sequence's last token at the position before, sees it and what that
    /// token sees, and gets the bits of these and itself as a sequence of their own.
    /// </summary>
    /// <param name="position">The position of the branch's first token.</param>
    /// <param name="tokens">The branch; may be empty.</param>
    /// <exception cref="ArgumentOutOfRangeException">No token of the last sequence that a branch can follow is at the position before.</exception>
    public void AddBranch(int position, ReadOnlySpan<int> tokens)
    {
        if (Sequences == 0)
            throw new ArgumentOutOfRangeException(nameof(position), position, "There is no sequence yet that a branch could follow.");
        int most = _positions[^1] + 1;
        if (position < 1 || position > most)
        {
            throw new ArgumentOutOfRangeException(
                nameof(position), position, $"The last token is at position {most - 1} of its sequence: a branch can begin at 1 to {most}.");
        }

        Append(tokens, position);
        _offsets[^1] = _tokens.Count;
    }

    /// <summary>
    /// Packs a padded batch, padded on either side: the tokens whose mask is not 0, in order, the first of each
    /// sequence at position 0. Row i of the packed batch is the i-th unmasked place of the padded one.
    /// </summary>
    /// <param name="tokens">[batch, time], row by row.</param>
    /// <param name="attentionMask">[batch, time]: 1 for a token, 0 for padding.</param>
    /// <param name="batch">The number of sequences.</param>
    /// <param name="time">The padded length.</param>
    /// <exception cref="ArgumentException">The lengths do not fit, or a sequence is empty or has a hole.</exception>
    public static TokenBatch FromPadded(ReadOnlySpan<int> tokens, ReadOnlySpan<int> attentionMask, int batch, int time)
    {
        if (tokens.Length != batch * time || attentionMask.Length != tokens.Length)
            throw new ArgumentException($"Tokens ({tokens.Length}) and mask ({attentionMask.Length}) must both have {batch} × {time} elements.");
        var packed = new TokenBatch();
        for (int sequence = 0; sequence < batch; sequence++)
        {
            var mask = attentionMask.Slice(sequence * time, time);
            int first = mask.IndexOfAnyExcept(0);
            int last = mask.LastIndexOfAnyExcept(0);
            if (first < 0)
                throw new ArgumentException($"Sequence {sequence} has no token.", nameof(attentionMask));
            if (mask[first..(last + 1)].Contains(0))
                throw new ArgumentException($"Sequence {sequence} has padding between its tokens.", nameof(attentionMask));
            packed.Add(tokens.Slice((sequence * time) + first, last - first + 1));
        }

        return packed;
    }

    private void Append(ReadOnlySpan<int> tokens, int position)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            _tokens.Add(tokens[i]);
            _positions.Add(position + i);
        }
    }
}
