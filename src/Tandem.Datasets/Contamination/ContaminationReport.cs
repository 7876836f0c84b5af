namespace Tandem.Datasets;

/// <summary>How much of a test set stands in a training set.</summary>
/// <param name="TestItems">The test items.</param>
/// <param name="TrainItems">The training records that were compared.</param>
/// <param name="Duplicates">Test items whose whole text, normalised, is that of a training record.</param>
/// <param name="Overlapping">Test items that share a run of words with the training set; a duplicate is among them if it is long enough.</param>
/// <param name="Affected">Test items that are duplicates or overlap.</param>
/// <param name="TooShort">Test items with too few words for a run: only duplicates of them are found.</param>
/// <param name="Examples">The first affected items, in the order of the test set.</param>
public sealed record ContaminationReport(
    int TestItems, long TrainItems, int Duplicates, int Overlapping, int Affected, int TooShort, IReadOnlyList<ContaminationExample> Examples)
{
    /// <summary>The share of test items affected; 0 without items.</summary>
    public double Share => TestItems == 0 ? 0 : (double)Affected / TestItems;
}

/// <summary>A test item that stands in the training set.</summary>
/// <param name="Test">Where the item is.</param>
/// <param name="Train">Where the first training record with it is.</param>
/// <param name="Duplicate">Whether the whole text is the same.</param>
/// <param name="Shared">The first words shared.</param>
/// <param name="Coverage">The share of the item's runs of words that the training set holds, from 0 to 1.</param>
public sealed record ContaminationExample(string Test, string Train, bool Duplicate, string Shared, double Coverage);
