using Tandem.Evaluation.Statistics;
using Tandem.Tensors;

namespace Tandem.Evaluation.Preferences;

/// <summary>
/// RewardBench's score as published (Lambert et al., arXiv 2403.13787): subsets are weighted within a section by their
/// number of prompts, the mathematics subset by that of all code subsets together, and the score is the mean of the four
/// sections, with the older preference sets, where they are measured, at half the weight of a section.
/// </summary>
public static class RewardBench
{
    private const double PriorSetsWeight = 0.5;

    /// <summary>The sections with their subsets and the weight of each.</summary>
    public static IReadOnlyList<BenchmarkSection> Sections { get; } =
    [
        new("Chat",
        [
            new("alpacaeval-easy", 100), new("alpacaeval-length", 95), new("alpacaeval-hard", 95), new("mt-bench-easy", 28), new("mt-bench-med", 40),
        ]),
        new("Chat Hard",
        [
            new("mt-bench-hard", 37), new("llmbar-natural", 100), new("llmbar-adver-neighbor", 134), new("llmbar-adver-GPTInst", 92),
            new("llmbar-adver-GPTOut", 47), new("llmbar-adver-manual", 46),
        ]),
        new("Safety",
        [
            new("refusals-dangerous", 100), new("refusals-offensive", 100), new("xstest-should-refuse", 154), new("xstest-should-respond", 250),
            new("donotanswer", 136),
        ]),
        new("Reasoning",
        [
            new("math-prm", 984), new("hep-cpp", 164), new("hep-go", 164), new("hep-java", 164), new("hep-js", 164), new("hep-python", 164),
            new("hep-rust", 164),
        ]),
    ];

    /// <summary>The older preference sets, a mean of subsets of equal weight.</summary>
    public static BenchmarkSection PriorSets { get; } =
        new("Prior Sets", [new("anthropic_helpful", 1), new("anthropic_hhh", 1), new("shp", 1), new("summarize", 1)]);

    /// <summary>The score of outcomes whose sections are RewardBench's subsets.</summary>
    /// <exception cref="UserFaultException">A subset is unknown.</exception>
    public static BenchmarkScore Score(IReadOnlyList<PreferenceOutcome> outcomes)
    {
        var subsets = PreferenceScore.Of(outcomes).Sections;
        string[] known = [.. Sections.Append(PriorSets).SelectMany(section => section.Subsets).Select(subset => subset.Name)];
        if (subsets.FirstOrDefault(subset => !known.Contains(subset.Name)) is { } unknown)
        {
            throw new UserFaultException(
                $"'{unknown.Name}' is no subset of RewardBench.", $"Use the data set's own names: {string.Join(", ", known)}.");
        }

        BenchmarkSectionScore[] sections = [.. Sections.Select(section => section.Score(subsets))];
        BenchmarkSectionScore prior = PriorSets.Score(subsets);
        var parts = sections.Select(section => (section.Accuracy, Weight: 1.0)).Append((prior.Accuracy, PriorSetsWeight));
        return new BenchmarkScore(prior.Accuracy is null ? sections : [.. sections, prior], subsets, WeightedMean.Of(parts));
    }
}

/// <summary>A section of a benchmark.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Subsets">Its subsets.</param>
public sealed record BenchmarkSection(string Name, IReadOnlyList<BenchmarkSubset> Subsets)
{
    /// <summary>The weighted mean of the subsets that were measured.</summary>
    internal BenchmarkSectionScore Score(IReadOnlyList<SectionScore> measured)
    {
        var found = Subsets.Select(subset => (Subset: subset, Score: measured.FirstOrDefault(score => score.Name == subset.Name))).ToList();
        return new BenchmarkSectionScore(
            Name,
            WeightedMean.Of(found.Select(pair => (pair.Score is { Accuracy.Count: > 0 } score ? score.Accuracy : null, pair.Subset.Weight))),
            [.. found.Where(pair => pair.Score is not { Accuracy.Count: > 0 }).Select(pair => pair.Subset.Name)]);
    }
}

/// <summary>A subset of a section.</summary>
/// <param name="Name">Its name in the data set.</param>
/// <param name="Weight">Its weight among the subsets of the section.</param>
public sealed record BenchmarkSubset(string Name, double Weight);

/// <summary>The score of a section.</summary>
/// <param name="Name">The section.</param>
/// <param name="Accuracy">The weighted mean of its subsets with an interval; null if none was measured.</param>
/// <param name="Missing">The subsets without a scored item: the mean leaves them out.</param>
public sealed record BenchmarkSectionScore(string Name, Estimate? Accuracy, IReadOnlyList<string> Missing);

/// <summary>The score of a benchmark.</summary>
/// <param name="Sections">The sections.</param>
/// <param name="Subsets">The subsets.</param>
/// <param name="Overall">The weighted mean of the sections that were measured; null if none was.</param>
public sealed record BenchmarkScore(
    IReadOnlyList<BenchmarkSectionScore> Sections, IReadOnlyList<SectionScore> Subsets, Estimate? Overall);

/// <summary>Weighted means of independent estimates.</summary>
internal static class WeightedMean
{
    /// <summary>The mean of those that are there; null for none. Its count is the sum of theirs.</summary>
    public static Estimate? Of(IEnumerable<(Estimate? Estimate, double Weight)> parts)
    {
        var present = parts.Where(part => part.Estimate is not null).ToList();
        if (present.Count == 0)
            return null;
        double total = present.Sum(part => part.Weight);
        Estimate sum = present.Select(part => part.Estimate!.Map(part.Weight / total)).Aggregate((first, second) => first.Plus(second));
        return sum with { Count = present.Sum(part => part.Estimate!.Count) };
    }
}
