using Tandem.Tensors;

namespace Tandem.Datasets;

/// <summary>
/// Splits by the hash of the content, without a seed: the same record is in the same split in every run and file, whatever
/// stands beside it. Records of one group, such as questions on one passage, are always in the same split.
/// </summary>
public sealed class ContentSplit
{
    private const double SumTolerance = 1e-9;
    private readonly (string Name, double Share)[] _shares;

    /// <summary>Creates a split.</summary>
    /// <param name="shares">The names and their shares of the groups, which sum to 1. The order is part of the split.</param>
    /// <exception cref="UserFaultException">A share is not positive, a name repeats, or the sum is not 1.</exception>
    public ContentSplit(params (string Name, double Share)[] shares)
    {
        ArgumentNullException.ThrowIfNull(shares);
        if (shares.Length == 0 || shares.Any(s => !(s.Share > 0)) || Math.Abs(shares.Sum(s => s.Share) - 1) > SumTolerance
            || shares.DistinctBy(s => s.Name).Count() != shares.Length)
        {
            throw new UserFaultException(
                $"The shares of the splits are {string.Join(", ", shares.Select(s => FormattableString.Invariant($"{s.Name} {s.Share}")))}.",
                "Give each split a name of its own and a positive share; the shares sum to 1.", FaultKind.Usage);
        }

        _shares = shares;
    }

    /// <summary>80% train, 10% validation, 10% test.</summary>
    public static ContentSplit Usual { get; } = new(("train", 0.8), ("validation", 0.1), ("test", 0.1));

    /// <summary>The names in order.</summary>
    public IReadOnlyList<string> Names => [.. _shares.Select(s => s.Name)];

    /// <summary>The split of a record, by its group (<see cref="RecordText.Group"/>).</summary>
    public string Of(DataRecord record) => OfGroup(RecordText.Group(record));

    /// <summary>The split of a group. Case, spacing and punctuation do not count.</summary>
    public string OfGroup(string group)
    {
        double place = (ContentHash.Number("split", [RecordText.Normalised(group)]) >> 11) * (1.0 / (1UL << 53));
        double end = 0;
        foreach ((string name, double share) in _shares)
        {
            end += share;
            if (place < end)
                return name;
        }

        return _shares[^1].Name;
    }

    /// <summary>The records of one split, in their order.</summary>
    public IEnumerable<DataRecord> Part(IEnumerable<DataRecord> records, string name) =>
        Names.Contains(name)
            ? records.Where(r => Of(r) == name)
            : throw new UserFaultException($"There is no split '{name}'.", $"The splits are {string.Join(", ", Names)}.", FaultKind.Usage);
}
