using Tandem.Signals;
using Tandem.Tensors;

namespace Tandem.Tests.Signals;

public sealed class StackedLabelsTests
{
    private const int Items = 1200;
    private const int Options = 4;
    private const int Referenced = 400;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Combine_SourcesThatGuessOnHardItems_AreTrustedWhereTheyAreSure(ulong seed)
    {
        (SourceLabels[] sources, SourceLabels reference, int[] truth) = Simulate(seed);
        CombinedLabels stacked = StackedLabels.Combine(sources, reference);
        CombinedLabels voted = DawidSkeneVote.Combine([.. sources, reference]);
        Assert.True(stacked.Converged);
        Assert.True(LogLoss(stacked, truth) < LogLoss(voted, truth) - 0.3, $"{LogLoss(stacked, truth)} against {LogLoss(voted, truth)}");
        // Even items are easy, odd ones are guesses.
        double Sureness(int parity) => Enumerable.Range(Referenced, Items - Referenced)
            .Where(i => i % 2 == parity).Average(i => stacked.Posteriors[i]!.Max());
        Assert.InRange(Sureness(0), 0.8, 1);
        Assert.InRange(Sureness(1), 0.25, 0.5);
        Assert.InRange(stacked.ExpectedErrorRate!.Value, ErrorRate(stacked, truth) - 0.06, ErrorRate(stacked, truth) + 0.06);
    }

    [Fact]
    public void Combine_ASourceGivenTwice_ChangesLittle()
    {
        (SourceLabels[] once, SourceLabels reference, int[] truth) = Simulate(4);
        CombinedLabels single = StackedLabels.Combine(once, reference);
        CombinedLabels repeated = StackedLabels.Combine([.. once, new SourceLabels("again", once[0].Question, once[0].Rows)], reference);
        for (int i = Referenced; i < Items; i++)
        {
            for (int k = 0; k < Options; k++)
                Assert.Equal(single.Posteriors[i]![k], repeated.Posteriors[i]![k], 0.05);
        }

        Assert.Equal(LogLoss(single, truth), LogLoss(repeated, truth), 0.01);
    }

    [Fact]
    public void Combine_ReferencedAndAbstainedItems_KeepTheReferenceAndSayNothing()
    {
        SourceLabels source = new("model", SupervisionQuestion.Competence, [[0.9f, 0.1f], null, null]);
        SourceLabels reference = new("human", SupervisionQuestion.Competence, [[0, 1], [1, 0], null]);
        CombinedLabels combined = StackedLabels.Combine([source], reference);
        Assert.Equal([0, 1], combined.Posteriors[0]!);
        Assert.Equal([1, 0, SourceLabels.Abstained], combined.Choices);
        Assert.Null(combined.Posteriors[2]);
        Assert.Null(combined.WithoutReference[1]);
        Assert.True(combined.WithoutReference[0]![0] < 0.5, "the source was wrong where it was seen");
        Assert.Equal((1, 2), (combined.Sources[0].Accuracy.Count, combined.Sources[0].Abstained));
        Assert.Equal(0, combined.Sources[0].Accuracy.Value);
    }

    [Fact]
    public void Combine_JudgeThatCriesWolf_IsSetRight()
    {
        // It gives a conforming option 0.6 and a violation 0.8: always a violation by its own word.
        var random = new RandomStream(5);
        bool[][] truth = [.. Enumerable.Range(0, Items).Select(_ => Enumerable.Range(0, Options).Select(_ => random.NextBoolean(0.3)).ToArray())];
        SourceLabels judge = new("judge", SupervisionQuestion.Violation,
            [.. truth.Select(row => row.Select(v => (v ? 0.8f : 0.6f) + (0.05f * (float)random.NextGaussian())).Select(p => Math.Clamp(p, 0, 1)).ToArray())]);
        SourceLabels reference = new("human", SupervisionQuestion.Violation,
            [.. truth.Select((row, i) => i < Referenced ? row.Select(v => v ? 1f : 0f).ToArray() : null)]);
        CombinedLabels combined = StackedLabels.Combine([judge], reference);
        int right = 0;
        for (int i = Referenced; i < Items; i++)
            right += Enumerable.Range(0, Options).Count(k => combined.Posteriors[i]![k] > 0.5 == truth[i][k]);
        Assert.InRange(right / (double)((Items - Referenced) * Options), 0.9, 1);
        Assert.Empty(combined.Choices);
    }

    // Two sources: right and sure of even items, a coin's opinion on odd ones. The reference knows the first items.
    private static (SourceLabels[] Sources, SourceLabels Reference, int[] Truth) Simulate(ulong seed)
    {
        var random = new RandomStream(seed);
        int[] truth = [.. Enumerable.Range(0, Items).Select(_ => random.NextInt32(Options))];
        float[] Row(int i)
        {
            bool easy = i % 2 == 0;
            int vote = easy && random.NextBoolean(0.9) ? truth[i] : random.NextInt32(Options);
            return [.. Enumerable.Range(0, Options).Select(k => k == vote ? (easy ? 0.85f : 0.34f) : easy ? 0.05f : 0.22f)];
        }

        SourceLabels[] sources = [.. Enumerable.Range(0, 2).Select(s =>
            new SourceLabels($"s{s}", SupervisionQuestion.Competence, [.. Enumerable.Range(0, Items).Select(Row)]))];
        SourceLabels reference = new("human", SupervisionQuestion.Competence,
            [.. truth.Select((t, i) => i < Referenced ? Targets.OneHot(t, Options) : null)]);
        return (sources, reference, truth);
    }

    private static double LogLoss(CombinedLabels labels, int[] truth) =>
        Enumerable.Range(Referenced, Items - Referenced).Average(i => -Math.Log(Math.Max(1e-9, labels.Posteriors[i]![truth[i]])));

    private static double ErrorRate(CombinedLabels labels, int[] truth) =>
        Enumerable.Range(Referenced, Items - Referenced).Average(i => labels.Choices[i] == truth[i] ? 0.0 : 1.0);
}
