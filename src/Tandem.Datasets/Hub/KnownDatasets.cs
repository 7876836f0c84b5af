namespace Tandem.Datasets.Hub;

/// <summary>Short names of data sets that the recipes and the paper use, and where they are on the hub.</summary>
public static class KnownDatasets
{
    /// <summary>Repositories by short name.</summary>
    public static IReadOnlyDictionary<string, string> Repositories { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["boolq"] = "google/boolq",
        ["cosmosqa"] = "allenai/cosmos_qa",
        ["hh-rlhf"] = "Anthropic/hh-rlhf",
        ["rewardbench"] = "allenai/reward-bench",
        ["sciq"] = "allenai/sciq",
        ["truthfulqa"] = "truthfulqa/truthful_qa",
        ["ultrafeedback"] = "HuggingFaceH4/ultrafeedback_binarized",
    };

    /// <summary>The repository of a short name, or of the name of a repository.</summary>
    public static HubRepository Find(string nameOrRepository)
    {
        ArgumentNullException.ThrowIfNull(nameOrRepository);
        return HubRepository.Parse(RepositoryKind.Dataset, Repositories.GetValueOrDefault(nameOrRepository, nameOrRepository));
    }
}
