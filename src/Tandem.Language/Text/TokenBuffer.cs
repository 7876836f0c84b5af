using System.Buffers;

namespace Tandem.Language;

/// <summary>Tokens as they are found, with the places in the text that they come from where these are asked for.</summary>
internal sealed class TokenBuffer(bool tracked) : IDisposable
{
    private int[] _tokens = ArrayPool<int>.Shared.Rent(256);

    public int Count { get; private set; }

    /// <summary>For each token the places in the text of its first and its last character; null where nobody asks.</summary>
    public List<(int First, int Last)>? Places { get; } = tracked ? [] : null;

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count);

    public void Add(int token)
    {
        if (Count == _tokens.Length)
            Reserve(1);
        _tokens[Count++] = token;
    }

    public void Add(ReadOnlySpan<int> tokens)
    {
        if (Count + tokens.Length > _tokens.Length)
            Reserve(tokens.Length);
        if (tokens.Length == 1)
            _tokens[Count] = tokens[0];
        else
            tokens.CopyTo(_tokens.AsSpan(Count));
        Count += tokens.Length;
    }

    public void Dispose() => ArrayPool<int>.Shared.Return(_tokens);

    private void Reserve(int more)
    {
        int[] larger = ArrayPool<int>.Shared.Rent(Math.Max(2 * _tokens.Length, Count + more));
        _tokens.AsSpan(0, Count).CopyTo(larger);
        ArrayPool<int>.Shared.Return(_tokens);
        _tokens = larger;
    }
}
