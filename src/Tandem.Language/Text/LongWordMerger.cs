using System.Buffers;

namespace Tandem.Language;

/// <summary>
/// Merges the symbols of a long word in O(n log n): a linked list of symbols and a heap of pairs by rank, then place.
/// Pairs that have changed since are recognized when they are taken out.
/// </summary>
internal static class LongWordMerger
{
    /// <summary>Merges symbols in place.</summary>
    /// <returns>How many are left.</returns>
    public static int Merge(MergeTable merges, Span<int> tokens, Span<int> sizes, int count)
    {
        int[] nextOf = ArrayPool<int>.Shared.Rent(count + 1);
        int[] beforeOf = ArrayPool<int>.Shared.Rent(count + 1);
        var heap = new PairHeap(count);
        for (int i = 0; i < count; i++)
        {
            nextOf[i] = i + 1;
            beforeOf[i] = i - 1;
            if (i + 1 < count && merges.Find(tokens[i], tokens[i + 1], out _) is not MergeTable.NoRank and int rank)
                heap.Push(rank, i);
        }

        while (heap.TryPop(out int rank, out int at))
        {
            int next = nextOf[at];
            if (tokens[at] < 0 || next >= count || merges.Find(tokens[at], tokens[next], out int merged) != rank)
                continue;
            tokens[at] = merged;
            sizes[at] += sizes[next];
            tokens[next] = -1;
            int after = nextOf[next];
            nextOf[at] = after;
            if (after < count)
            {
                beforeOf[after] = at;
                if (merges.Find(merged, tokens[after], out _) is not MergeTable.NoRank and int following)
                    heap.Push(following, at);
            }

            int before = beforeOf[at];
            if (before >= 0 && merges.Find(tokens[before], merged, out _) is not MergeTable.NoRank and int preceding)
                heap.Push(preceding, before);
        }

        int kept = 0;
        for (int i = 0; i < count; i = nextOf[i])
            (tokens[kept], sizes[kept++]) = (tokens[i], sizes[i]);
        heap.Dispose();
        ArrayPool<int>.Shared.Return(nextOf);
        ArrayPool<int>.Shared.Return(beforeOf);
        return kept;
    }

    private sealed class PairHeap(int expected) : IDisposable
    {
        private ulong[] _items = ArrayPool<ulong>.Shared.Rent(Math.Max(16, expected));
        private int _count;

        public void Push(int rank, int place)
        {
            if (_count == _items.Length)
            {
                ulong[] larger = ArrayPool<ulong>.Shared.Rent(2 * _count);
                _items.AsSpan(0, _count).CopyTo(larger);
                ArrayPool<ulong>.Shared.Return(_items);
                _items = larger;
            }

            ulong item = ((ulong)(uint)rank << 32) | (uint)place;
            int at = _count++;
            while (at > 0 && _items[(at - 1) / 2] > item)
            {
                _items[at] = _items[(at - 1) / 2];
                at = (at - 1) / 2;
            }

            _items[at] = item;
        }

        public bool TryPop(out int rank, out int place)
        {
            if (_count == 0)
            {
                (rank, place) = (0, 0);
                return false;
            }

            ulong top = _items[0], last = _items[--_count];
            int at = 0;
            while (true)
            {
                int child = (2 * at) + 1;
                if (child >= _count)
                    break;
                if (child + 1 < _count && _items[child + 1] < _items[child])
                    child++;
                if (_items[child] >= last)
                    break;
                _items[at] = _items[child];
                at = child;
            }

            _items[at] = last;
            (rank, place) = ((int)(top >> 32), (int)(uint)top);
            return true;
        }

        public void Dispose() => ArrayPool<ulong>.Shared.Return(_items);
    }
}
