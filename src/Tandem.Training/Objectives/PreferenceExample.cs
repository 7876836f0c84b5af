using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>A prompt with two completions, of which one is preferred.</summary>
public sealed record PreferenceExample : ITokenExample
{
    /// <summary>Creates an example.</summary>
    /// <param name="promptTokens">One token or more.</param>
    /// <param name="chosenTokens">The preferred completion, one token or more, with its end token if it has one.</param>
    /// <param name="rejectedTokens">The other completion, likewise.</param>
    /// <param name="margin">By how much the first is better: m of Llama 2's reward loss (arXiv 2307.09288, section 3.2.2); 0 where nobody said.</param>
    /// <exception cref="UserFaultException">A part is empty, or the margin is not finite.</exception>
    public PreferenceExample(int[] promptTokens, int[] chosenTokens, int[] rejectedTokens, float margin = 0f)
    {
        ArgumentNullException.ThrowIfNull(promptTokens);
        ArgumentNullException.ThrowIfNull(chosenTokens);
        ArgumentNullException.ThrowIfNull(rejectedTokens);
        if (promptTokens.Length == 0 || chosenTokens.Length == 0 || rejectedTokens.Length == 0 || !float.IsFinite(margin))
        {
            throw new UserFaultException(
                $"A preference has a prompt of {promptTokens.Length} tokens, completions of {chosenTokens.Length} and {rejectedTokens.Length}, and the margin {margin}.",
                "Each needs one token or more, and the margin is finite; leave other pairs out.",
                FaultKind.Usage);
        }

        (PromptTokens, ChosenTokens, RejectedTokens, Margin) = (promptTokens, chosenTokens, rejectedTokens, margin);
        Completions = [chosenTokens, rejectedTokens];
        Foretelling = [chosenTokens.AsMemory(..^1), rejectedTokens.AsMemory(..^1)];
    }

    /// <summary>The common beginning.</summary>
    public int[] PromptTokens { get; }

    /// <summary>The preferred completion.</summary>
    public int[] ChosenTokens { get; }

    /// <summary>The other completion.</summary>
    public int[] RejectedTokens { get; }

    /// <summary>By how much the first is better; read by <see cref="RewardObjective"/> alone.</summary>
    public float Margin { get; }

    /// <summary>What the pair counts for in the mean over a batch; at least 0.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>The reference's log-probability of the preferred completion, if it was computed before: see <see cref="PreferenceReference.Precompute"/>.</summary>
    public float? ReferenceChosen { get; init; }

    /// <summary>The reference's log-probability of the other completion, if it was computed before.</summary>
    public float? ReferenceRejected { get; init; }

    /// <inheritdoc/>
    public int TokenCount => PromptTokens.Length + ChosenTokens.Length + RejectedTokens.Length;

    /// <summary>Both completions.</summary>
    internal ReadOnlyMemory<int>[] Completions { get; }

    /// <summary>Both completions without their last tokens, which foretell nothing.</summary>
    internal ReadOnlyMemory<int>[] Foretelling { get; }
}
