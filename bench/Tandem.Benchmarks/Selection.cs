namespace Tandem.Benchmarks;

/// <summary>What a command measures of all that it could, as its options say.</summary>
/// <param name="Only">The models, with commas between them; null for all.</param>
/// <param name="Most">The most items of each model.</param>
internal sealed record Selection(string? Only, int Most)
{
    /// <summary>Whether a model is to be measured.</summary>
    public bool Includes(string model) => Only is null || Only.Split(',').Contains(model);

    /// <summary>The options, which stand behind the command over its table.</summary>
    public override string ToString() => (Only is null ? "" : $" --only {Only}") + (Most == int.MaxValue ? "" : $" --most {Most}");
}
