namespace Tandem.Training.Objectives;

/// <summary>A training example that consists of tokens.</summary>
public interface ITokenExample
{
    /// <summary>At most how many tokens of it go through the model: micro-batches are filled by it.</summary>
    int TokenCount { get; }

    /// <summary>What it counts for in the mean over a batch: the number that the batch's sum of losses is divided by is the sum of these.</summary>
    double Weight { get; }
}
