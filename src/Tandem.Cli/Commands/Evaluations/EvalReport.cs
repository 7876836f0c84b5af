using Tandem.Endpoints;
using Tandem.Evaluation;
using Tandem.Evaluation.Preferences;
using Tandem.Evaluation.Questions;

namespace Tandem.Cli.Commands.Evaluations;

/// <summary>What an evaluation found, as <c>--out</c> and <c>--json</c> write it.</summary>
internal sealed record EvalReport(string Model, EvalMethod By, string Data, string Format, IReadOnlyList<string> Files)
{
    /// <summary>The model that log-ratios are measured against; null for none.</summary>
    public string? Reference { get; init; }

    /// <summary>How the score was made, in words.</summary>
    public string Method { get; init; } = "";

    /// <summary>Whether the model saw the options side by side, so that their places could sway it.</summary>
    public bool ListsOptions { get; init; }

    public ulong Seed { get; init; }

    public int Items { get; init; }

    /// <summary>Records that were read and have nothing that this method could measure.</summary>
    public int LeftOut { get; init; }

    /// <summary>Prompts that lost their beginning.</summary>
    public int Truncated { get; init; }

    /// <summary>Unscored items by reason.</summary>
    public IReadOnlyDictionary<string, int> Unscored { get; init; } = new Dictionary<string, int>();

    /// <summary>The ends of what a chat model was asked: a comparison or a question each.</summary>
    public ReplyCounts? Replies { get; init; }

    /// <summary>Contradictory verdicts in the two orders, as a share of comparisons; null without a judge.</summary>
    public Estimate? Contradictions { get; init; }

    public PreferenceScore? Preferences { get; init; }

    public BenchmarkScore? Published { get; init; }

    public ChoiceScore? Choices { get; init; }

    public IReadOnlyList<ItemComparison>? Comparison { get; init; }
}
