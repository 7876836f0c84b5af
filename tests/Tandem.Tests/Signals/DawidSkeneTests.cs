using Tandem.Signals;
using Tandem.Tensors;

namespace Tandem.Tests.Signals;

public sealed class DawidSkeneTests
{
    // Dawid and Skene (1979), table 1: 45 patients, classes 1 to 4; observer 1 judged each three times, observers 2 to 5 once.
    private const string Anaesthetists =
        "1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212 "
        + "1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 "
        + "1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 "
        + "2322222 1211111 2222222";

    private static List<SourceVote> AnaesthetistVotes()
    {
        var votes = new List<SourceVote>();
        string[] patients = Anaesthetists.Split(' ');
        for (int item = 0; item < patients.Length; item++)
        {
            for (int reading = 0; reading < 7; reading++)
                votes.Add(new SourceVote(item, Math.Max(0, reading - 2), patients[item][reading] - '1'));
        }

        return votes;
    }

    [Fact]
    public void FitConfusion_AnaesthetistsData_GivesThePublishedEstimates()
    {
        var unpenalized = new DawidSkeneSettings { RightPseudoVotes = 0, WrongPseudoVotes = 0 };
        ConfusionFit fit = DawidSkene.FitConfusion(AnaesthetistVotes(), 45, 5, 4, unpenalized);
        Assert.True(fit.Converged);
        // Table 2: marginal probabilities of the classes, and observer 1's rows.
        double[] prevalence = [0.40, 0.42, 0.11, 0.07];
        double[][] observer1 = [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 0.56, 0.44]];
        for (int c = 0; c < 4; c++)
        {
            Assert.Equal(prevalence[c], fit.Prevalence[c], 2);
            for (int label = 0; label < 4; label++)
                Assert.Equal(observer1[c][label], fit.Confusion[0][c][label], 2);
        }
    }

    [Fact]
    public void FitOneCoin_SimulatedSources_RecoversTheirAccuracies()
    {
        double[] accuracy = [0.9, 0.7, 0.55, 0.4, 0.3];
        (List<SourceVote> votes, _, int[] options) = Simulate(3000, accuracy, 1);
        OneCoinFit fit = DawidSkene.FitOneCoin(votes, options, accuracy.Length);
        Assert.True(fit.Converged);
        for (int s = 0; s < accuracy.Length; s++)
            Assert.InRange(fit.Accuracy[s], accuracy[s] - 0.035, accuracy[s] + 0.035);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Combine_SourcesOfDifferentQuality_BeatsTheMajority(ulong seed)
    {
        double[] accuracy = [0.92, 0.45, 0.45, 0.4, 0.35];
        (List<SourceVote> votes, int[] truth, _) = Simulate(1500, accuracy, seed);
        SourceLabels[] sources = ToLabels(votes, 1500, accuracy.Length, 4);
        CombinedLabels majority = MajorityVote.Combine(sources), fitted = DawidSkeneVote.Combine(sources);
        double majorityAccuracy = Agreement(majority.Choices, truth), fittedAccuracy = Agreement(fitted.Choices, truth);
        Assert.True(fittedAccuracy > majorityAccuracy + 0.05, $"{fittedAccuracy} against {majorityAccuracy}");
        // One source carries nearly all the evidence, so its own accuracy is only loosely determined by the others.
        Assert.InRange(fitted.ExpectedErrorRate!.Value, 1 - fittedAccuracy - 0.06, 1 - fittedAccuracy + 0.06);
        Assert.InRange(fitted.Sources[0].Accuracy.Value, 0.85, 0.98);
    }

    [Fact]
    public void Combine_Abstentions_AreLeftOutAndCounted()
    {
        SourceLabels a = new("a", SupervisionQuestion.Choice, [[1, 0, 0], null, null]);
        SourceLabels b = new("b", SupervisionQuestion.Choice, [[0.8f, 0.1f, 0.1f], [0, 1, 0], null]);
        foreach (CombinedLabels combined in new[] { MajorityVote.Combine([a, b]), DawidSkeneVote.Combine([a, b]) })
        {
            Assert.Equal([0, 1, SourceLabels.Abstained], combined.Choices);
            Assert.Null(combined.Posteriors[2]);
            Assert.Equal(1, combined.Posteriors[0]!.Sum(), 9);
            Assert.Equal((2, 1), (combined.Sources[0].Abstained, combined.Sources[1].Abstained));
        }
    }

    [Fact]
    public void Combine_ShuffledOptions_KeepsEachItemsPosterior()
    {
        double[] accuracy = [0.8, 0.6, 0.5];
        (List<SourceVote> votes, _, int[] options) = Simulate(300, accuracy, 9);
        var random = new RandomStream(4);
        int[][] order = [.. options.Select(count => { int[] o = [.. Enumerable.Range(0, count)]; random.Shuffle<int>(o); return o; })];
        OneCoinFit straight = DawidSkene.FitOneCoin(votes, options, 3);
        OneCoinFit shuffled = DawidSkene.FitOneCoin([.. votes.Select(v => v with { Label = order[v.Item][v.Label] })], options, 3);
        for (int i = 0; i < options.Length; i++)
        {
            for (int k = 0; k < options[i]; k++)
                Assert.Equal(straight.Posteriors[i][k], shuffled.Posteriors[i][order[i][k]], 6);
        }
    }

    [Fact]
    public void Combine_ViolationJudgements_RecoversSensitivityAndSpecificity()
    {
        double[] sensitivity = [0.9, 0.6, 0.75], specificity = [0.8, 0.95, 0.7];
        var random = new RandomStream(3);
        const int Items = 1000, Options = 4;
        var rows = new float[3][][];
        for (int s = 0; s < 3; s++)
            rows[s] = new float[Items][];
        int errors = 0;
        bool[,] truth = new bool[Items, Options];
        for (int i = 0; i < Items; i++)
        {
            for (int s = 0; s < 3; s++)
                rows[s][i] = new float[Options];
            for (int k = 0; k < Options; k++)
            {
                truth[i, k] = random.NextBoolean(0.4);
                for (int s = 0; s < 3; s++)
                    rows[s][i][k] = random.NextBoolean(truth[i, k] ? sensitivity[s] : 1 - specificity[s]) ? 0.9f : 0.1f;
            }
        }

        CombinedLabels combined = DawidSkeneVote.Combine(
            [.. rows.Select((row, s) => new SourceLabels($"s{s}", SupervisionQuestion.Violation, row))]);
        for (int i = 0; i < Items; i++)
        {
            for (int k = 0; k < Options; k++)
                errors += combined.Posteriors[i]![k] > 0.5 != truth[i, k] ? 1 : 0;
        }

        Assert.True(combined.Converged);
        for (int s = 0; s < 3; s++)
        {
            Assert.InRange(combined.Sources[s].Sensitivity!.Value, sensitivity[s] - 0.06, sensitivity[s] + 0.06);
            Assert.InRange(combined.Sources[s].Specificity!.Value, specificity[s] - 0.06, specificity[s] + 0.06);
        }

        Assert.InRange(combined.ExpectedErrorRate!.Value, (errors / 4000.0) - 0.03, (errors / 4000.0) + 0.03);
    }

    [Fact]
    public void FitOneCoin_TwoCopiesOfASource_NeedEvidenceWeightToStayCalibrated()
    {
        // One source counted four times is four times too sure of itself.
        (List<SourceVote> votes, int[] truth, int[] options) = Simulate(2000, [0.6, 0.6], 5);
        List<SourceVote> copied = [.. votes, .. votes.Where(v => v.Source == 0).SelectMany(v => new[] { v with { Source = 2 }, v with { Source = 3 } })];
        OneCoinFit sure = DawidSkene.FitOneCoin(copied, options, 4);
        OneCoinFit calm = DawidSkene.FitOneCoin(copied, options, 4, new DawidSkeneSettings { EvidenceWeight = 0.5 });
        double right = truth.Select((t, i) => Array.IndexOf(sure.Posteriors[i], sure.Posteriors[i].Max()) == t ? 1.0 : 0).Average();
        double sureError = sure.Posteriors.Average(row => 1 - row.Max()), calmError = calm.Posteriors.Average(row => 1 - row.Max());
        Assert.True(sureError < 1 - right - 0.1, $"expected {sureError}, actual {1 - right}");
        Assert.True(calmError > sureError);
    }

    [Fact]
    public void FitConfusion_IterationsExhausted_SaysSo()
    {
        ConfusionFit fit = DawidSkene.FitConfusion(AnaesthetistVotes(), 45, 5, 4, new DawidSkeneSettings { MaximumIterations = 2 });
        Assert.False(fit.Converged);
        Assert.Equal(2, fit.Iterations);
    }

    [Fact]
    public void FitOneCoin_VoteOutOfRange_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => DawidSkene.FitOneCoin([new SourceVote(0, 0, 4)], [4], 1));

    internal static (List<SourceVote> Votes, int[] Truth, int[] Options) Simulate(int items, double[] accuracy, ulong seed)
    {
        var random = new RandomStream(seed);
        var votes = new List<SourceVote>();
        int[] truth = new int[items], options = new int[items];
        for (int i = 0; i < items; i++)
        {
            options[i] = 4;
            truth[i] = random.NextInt32(4);
            for (int s = 0; s < accuracy.Length; s++)
            {
                int wrong = (truth[i] + 1 + random.NextInt32(3)) % 4;
                votes.Add(new SourceVote(i, s, random.NextBoolean(accuracy[s]) ? truth[i] : wrong));
            }
        }

        return (votes, truth, options);
    }

    internal static SourceLabels[] ToLabels(List<SourceVote> votes, int items, int sources, int options)
    {
        var rows = new float[]?[sources][];
        for (int s = 0; s < sources; s++)
            rows[s] = new float[]?[items];
        foreach (SourceVote vote in votes)
        {
            float[] row = new float[options];
            row[vote.Label] = 1;
            rows[vote.Source][vote.Item] = row;
        }

        return [.. rows.Select((row, s) => new SourceLabels($"s{s}", SupervisionQuestion.Choice, row))];
    }

    private static double Agreement(IReadOnlyList<int> choices, int[] truth) =>
        choices.Select((choice, i) => choice == truth[i] ? 1.0 : 0).Average();
}
