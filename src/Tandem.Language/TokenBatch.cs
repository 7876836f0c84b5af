using System.Runtime.InteropServices;
using Tandem.Tensors;

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
    private readonly List<HiddenKeys> _hidden = [];
    private bool _branches;

    /// <summary>All tokens, sequence by sequence.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>The position of each token in its sequence, from 0.</summary>
    public ReadOnlySpan<int> Positions => CollectionsMarshal.AsSpan(_positions);

    /// <summary>Where each sequence starts, and at the end the number of tokens: <see cref="Sequences"/> + 1 numbers.</summary>
    public ReadOnlySpan<int> Offsets => CollectionsMarshal.AsSpan(_offsets);

    /// <summary>For each token the tokens of other branches before it, counted from its sequence's start; empty without branches.</summary>
    public ReadOnlySpan<HiddenKeys> Hidden => _branches ? CollectionsMarshal.AsSpan(_hidden) : default;

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
        _hidden.Clear();
        _branches = false;
    }

    /// <summary>Adds a sequence.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public void Add(ReadOnlySpan<int> tokens)
    {
        if (tokens.IsEmpty)
            throw new ArgumentException("A sequence needs at least one token.", nameof(tokens));
        Append(tokens, 0, default);
        _offsets.Add(_tokens.Count);
    }

    /// <summary>
    /// Adds one sequence of a common beginning and several ends, one after the other. An end sees the beginning and itself,
    /// at the positions that it has right after the beginning: what it gets is what the two get as a sequence of their own.
    /// </summary>
    /// <param name="beginning">One token or more.</param>
    /// <param name="ends">The ends; some may be empty.</param>
    /// <exception cref="ArgumentException">The beginning is empty.</exception>
    public void AddBranches(ReadOnlySpan<int> beginning, IReadOnlyList<ReadOnlyMemory<int>> ends)
    {
        ArgumentNullException.ThrowIfNull(ends);
        Add(beginning);
        int first = _offsets[^2];

        // By index: an enumerator of an interface would be allocated in every training step.
        for (int i = 0; i < ends.Count; i++)
            Append(ends[i].Span, beginning.Length, new HiddenKeys(beginning.Length, _tokens.Count - first));
        _offsets[^1] = _tokens.Count;
        _branches |= ends.Count > 1;
    }

    /// <summary>
    /// Adds to the last sequence a branch that follows its first tokens, and ends of the branch. The branch sees these tokens
    /// and itself; an end sees the branch's tokens and itself too. All get the bits that <see cref="AddBranches"/> gives for the
    /// tokens before, the branch and its ends in a sequence of their own: up to 15 tokens that nobody reads or sees are put
    /// before a branch, so that its keys are summed in the lanes that they have there.
    /// </summary>
    /// <param name="beginning">How many of the sequence's first tokens the branch follows, none of them in a branch.</param>
    /// <param name="branch">The branch; may be empty.</param>
    /// <param name="ends">The ends; some may be empty.</param>
    /// <returns>The row of the branch's first token, or of the first end's where the branch is empty.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The last sequence does not begin with so many tokens.</exception>
    public int AddBranch(int beginning, ReadOnlySpan<int> branch, IReadOnlyList<ReadOnlyMemory<int>> ends)
    {
        ArgumentNullException.ThrowIfNull(ends);
        int first = Sequences == 0 ? 0 : _offsets[^2], length = _tokens.Count - first;
        if (beginning < 1 || beginning > length || _positions[first + beginning - 1] != beginning - 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(beginning), beginning, $"The last sequence has {length} tokens: a branch can follow 1 to {length} of them, before its first branch.");
        }

        while ((_tokens.Count - first - beginning) % VectorMath.Lanes != 0)
            Append([0], 0, default);
        int row = _tokens.Count, before = row - first;
        Append(branch, beginning, new HiddenKeys(beginning, before));
        for (int i = 0; i < ends.Count; i++)
        {
            var hidden = new HiddenKeys(beginning, before, before + branch.Length, _tokens.Count - first);
            Append(ends[i].Span, beginning + branch.Length, hidden);
        }

        _offsets[^1] = _tokens.Count;
        _branches = true;
        return row;
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

    private void Append(ReadOnlySpan<int> tokens, int position, HiddenKeys hidden)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            _tokens.Add(tokens[i]);
            _positions.Add(position + i);
            _hidden.Add(hidden);
        }
    }
}
