using System.CommandLine;
using Tandem.Cli.Commands.Data;

namespace Tandem.Cli.Commands;

/// <summary><c>tandem data</c>: what data sets there are, and what is in their files.</summary>
internal static class DataCommand
{
    public static Command Create() => new(
        "data",
        """
        Fetch and look at data sets: which are known, what their files hold, and whether test items stand in training data.

        Examples:
          tandem data list                                           the known sets, with licences and formats
          tandem data pull cosmosqa --rows --split validation        fetch one from the hub
          tandem data show cosmosqa --path valid.csv --limit 3       the first records
          tandem data card sciq --path test.jsonl                    counts, lengths, labels, biases, duplicates, splits
          tandem data check --train train.jsonl --test test.jsonl    overlap of test items with training data
        """)
    {
        DataListCommand.Create(),
        DataPullCommand.Create(),
        DataShowCommand.Create(),
        DataCardCommand.Create(),
        DataCheckCommand.Create(),
    };
}
