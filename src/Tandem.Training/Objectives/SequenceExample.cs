using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>A sequence of tokens of which some are learned: a prompt with its answer, or a whole conversation.</summary>
public sealed class SequenceExample : ITokenExample
{
    /// <summary>Creates an example.</summary>
    /// <param name="tokens">Two tokens or more.</param>
    /// <param name="lossMask">
    /// For each token the weight of its loss, 0 for tokens that are only read, as those of a prompt. The first token is
    /// foretold by nothing: its weight is not used.
    /// </param>
    /// <exception cref="UserFaultException">The lengths differ, a weight is negative or not finite, or no token is learned.</exception>
    public SequenceExample(int[] tokens, float[] lossMask)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(lossMask);
        if (tokens.Length != lossMask.Length)
        {
            throw new UserFaultException(
                $"A training sequence has {tokens.Length} tokens and {lossMask.Length} loss weights.", "Give each token one weight.", FaultKind.Usage);
        }

        double weight = 0;
        int count = 0;
        for (int i = 1; i < tokens.Length; i++)
        {
            if (lossMask[i] < 0 || !float.IsFinite(lossMask[i]))
            {
                throw new UserFaultException(
                    $"Token {i} of a training sequence has the loss weight {lossMask[i]}.", "Loss weights are finite and at least 0.", FaultKind.Usage);
            }

            weight += lossMask[i];
            count = lossMask[i] > 0 ? i : count;
        }

        if (count == 0)
        {
            throw new UserFaultException(
                $"A training sequence of {tokens.Length} tokens has none that is learned.",
                "Give it an answer after its prompt, or leave it out. Was the answer cut off?",
                FaultKind.Usage);
        }

        (Tokens, LossMask, Weight, TokenCount) = (tokens, lossMask, weight, count);
    }

    /// <summary>The tokens.</summary>
    public int[] Tokens { get; }

    /// <summary>The weight of each token's loss.</summary>
    public float[] LossMask { get; }

    /// <inheritdoc/>
    public int TokenCount { get; }

    /// <summary>The sum of the loss weights: the batch's loss is a mean per token.</summary>
    public double Weight { get; }

    /// <summary>An example in which every token of the completion is learned, and none of the prompt.</summary>
    /// <param name="prompt">The tokens before; without any, the first token of the completion is not learned.</param>
    /// <param name="completion">The tokens to learn.</param>
    public static SequenceExample Completion(ReadOnlySpan<int> prompt, ReadOnlySpan<int> completion)
    {
        float[] mask = new float[prompt.Length + completion.Length];
        mask.AsSpan(prompt.Length).Fill(1f);
        return new SequenceExample([.. prompt, .. completion], mask);
    }
}
