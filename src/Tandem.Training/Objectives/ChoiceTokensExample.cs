using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>A question with a target for each of K answers: options written out in tokens, or classes that have no tokens.</summary>
public sealed record ChoiceTokensExample : ITokenExample
{
    /// <summary>Creates an example.</summary>
    /// <param name="promptTokens">One token or more.</param>
    /// <param name="options">The K options, each one token or more, which follow the prompt; empty where the answers are classes.</param>
    /// <param name="target">The probability of each of the K answers, as a weak model's soft label; hard labels are 0 and 1.</param>
    /// <exception cref="UserFaultException">A part is empty, the numbers differ, or the target is not a distribution.</exception>
    public ChoiceTokensExample(int[] promptTokens, int[][] options, float[] target)
    {
        ArgumentNullException.ThrowIfNull(promptTokens);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(target);
        bool sound = promptTokens.Length > 0 && target.Length >= 2 && (options.Length == 0 || options.Length == target.Length)
            && options.All(option => option.Length > 0) && target.All(p => p >= 0 && float.IsFinite(p)) && Math.Abs(target.Sum() - 1) < 1e-3;
        if (!sound)
        {
            throw new UserFaultException(
                $"A question has a prompt of {promptTokens.Length} tokens, options of [{string.Join(", ", options.Select(o => o.Length))}] tokens and the target [{string.Join(", ", target)}].",
                "It needs a prompt, two answers or more, a token in each option, and one probability for each answer, which sum to 1.",
                FaultKind.Usage);
        }

        (PromptTokens, Options, Target) = (promptTokens, options, target);
        Completions = [.. options.Select(option => (ReadOnlyMemory<int>)option)];
        Foretelling = [.. options.Select(option => (ReadOnlyMemory<int>)option.AsMemory(..^1))];
        TokenCount = promptTokens.Length + options.Sum(option => option.Length);
    }

    /// <summary>The common beginning.</summary>
    public int[] PromptTokens { get; }

    /// <summary>The options; empty where the answers are classes.</summary>
    public int[][] Options { get; }

    /// <summary>The probability of each of the K answers.</summary>
    public float[] Target { get; }

    /// <summary>What the question counts for in the mean over a batch; at least 0.</summary>
    public double Weight { get; init; } = 1;

    /// <inheritdoc/>
    public int TokenCount { get; }

    /// <summary>All options.</summary>
    internal ReadOnlyMemory<int>[] Completions { get; }

    /// <summary>All options without their last tokens, which foretell nothing.</summary>
    internal ReadOnlyMemory<int>[] Foretelling { get; }
}
