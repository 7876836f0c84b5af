using Tandem.Tensors;

namespace Tandem.Training.FineTuning;

/// <summary>The order of examples, shuffled anew for each epoch: it depends on the seed and the epoch only, and allocates nothing.</summary>
/// <param name="examples">The number of examples.</param>
/// <param name="seed">The seed.</param>
internal sealed class EpochOrder(int examples, ulong seed)
{
    private readonly RandomStream _random = new(seed);
    private readonly RandomStream _epochRandom = new(seed);
    private readonly int[] _order = new int[examples];
    private long _shuffled = -1;

    /// <summary>The example at a place of the order.</summary>
    public int this[int place] => _order[place];

    /// <summary>Takes the order of an epoch.</summary>
    public void Begin(long epoch)
    {
        if (epoch == _shuffled)
            return;
        for (int i = 0; i < _order.Length; i++)
            _order[i] = i;
        _epochRandom.BecomeFork(_random, "epoch", (ulong)epoch);
        _epochRandom.Shuffle<int>(_order);
        _shuffled = epoch;
    }
}
