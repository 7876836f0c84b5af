using System.Globalization;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.GapAnnealing;
using Tandem.Tensors;
using Tandem.Worlds.Ladder;

namespace Tandem.Experiments.NoiseSensitivity;

/// <summary>Condenses the runs of <see cref="NoiseSensitivityExperiment"/> into findings.</summary>
internal sealed class NoiseFindings(
    NoiseSensitivityConfiguration configuration, IReadOnlyList<LadderRung> rungs, IReadOnlyList<NoiseRun> runs, ScoredItems test,
    IReadOnlyList<double> weakErrors)
{
    // Rates at which most labels are right: above them, what is learned is the noise.
    private const double Majority = 0.5;
    private const double NegligibleThreshold = 0.05;
    private const string Paper = "arXiv 2503.07660 (open question)";

    private double[] ModerateRates => [.. configuration.Rates.Where(rate => rate is > 0 and <= Majority)];

    private bool OneSize => rungs[0].ParameterCount == rungs[^1].ParameterCount;

    /// <summary>All findings.</summary>
    public ExperimentFindings Write()
    {
        var tolerances = configuration.Noises.ToDictionary(noise => noise, Thresholds);
        return new ExperimentFindings
        {
            Title = "Noise sensitivity",
            Question = "How much label noise does a model tolerate before it memorises the noise instead of generalising, and does that depend on its size?",
            Method = string.Create(
                CultureInfo.InvariantCulture,
                $"Rungs {Names()} fine-tuned for {configuration.Training.Epochs} epochs on {configuration.TrainingItems} items of which a share has a wrong label; {configuration.InspectedItems} of them and {test.Items.Count} test items answered after each epoch; {configuration.Seeds.Count} seeds. ")
                + "A wrong label is always an option that is not good. Uniform noise: random items, each such option equally likely. "
                + Systematic()
                + " Intervals cover seeds (t) and items; those of claims, which compare on the same items, seeds alone; those of thresholds are of a bootstrap over seeds and test items.",
            Claims = [MemorisesMore(), TolerancesDiffer(tolerances), SystematicHurtsMore(), LateEpochsFall()],
            Tables = [NoiseToleranceTable.Write(Tolerances(tolerances), configuration.Margin), ByRate()],
            Charts = [.. Charts()],
            Grids = [.. configuration.Noises.SelectMany(Grids)],
            Limits =
            [
                "The order of the training items differs from one noise rate to the next, and adds to the spread over seeds.",
                "A threshold says how much noise is tolerated with this many items and epochs; both move it.",
                "A memorised flip is counted by the answer alone: under systematic noise a model may also generalise to the weaker model's rule.",
            ],
            Outcomes = [.. Outcomes()],
        };
    }

    private string Names() => string.Join(", ", rungs.Select(rung => rung.Name));

    private string Systematic() => weakErrors.Count == 0 ? "" : string.Create(
        CultureInfo.InvariantCulture,
        $"Systematic noise: items that {configuration.WeakRung}, fine-tuned on truth, answers wrongly get its answer, by decreasing confidence; it errs on {weakErrors.Average():0.00} of them; beyond that, items that it answers rightly get its most probable wrong option.");

    private IEnumerable<NoiseRun> Of(LadderRung rung, string noise) => runs.Where(run => run.Rung.Name == rung.Name && run.Noise == noise);

    private NoiseRun[] At(LadderRung rung, string noise, double rate) => [.. Of(rung, noise).Where(run => run.Rate == rate)];

    // For each seed, the mean over the moderate rates of what a run says.
    private double?[] BySeed(LadderRung rung, string noise, Func<NoiseRun, double?> value) =>
    [
        .. configuration.Seeds.Select(seed => Of(rung, noise).Where(run => run.Seed == seed && ModerateRates.Contains(run.Rate)).Select(value).Average()),
    ];

    private (IReadOnlyList<Estimate> Thresholds, Estimate Difference) Thresholds(string noise)
    {
        int[] scored = [.. Enumerable.Range(0, test.Items.Count).Where(i => runs.All(run => run.Answers[i] != Choices.Unscored))];
        double chance = scored.Length == 0 ? 0 : scored.Average(i => test.Truth[i].GoodShare);
        double[] Credits(NoiseRun run) =>
            [.. scored.Select(i => ((test.Truth[i].IsGood(run.Answers[i]) ? 1 : 0) - test.Truth[i].GoodShare) / (1 - chance))];
        return ToleranceThreshold.Measure(
            configuration.Rates,
            [.. rungs.Select(rung => (double[][][])[.. configuration.Rates.Select(rate => (double[][])[.. At(rung, noise, rate).Select(Credits)])])],
            configuration.Margin, new RandomStream(0).Fork("tolerance " + noise));
    }

    private List<NoiseTolerance> Tolerances(IReadOnlyDictionary<string, (IReadOnlyList<Estimate> Thresholds, Estimate Difference)> measured) =>
    [
        .. from noise in configuration.Noises
           from i in Enumerable.Range(0, rungs.Count)
           select new NoiseTolerance(rungs[i].Name, rungs[i].ParameterCount, noise, measured[noise].Thresholds[i]),
    ];

    private ExperimentClaim MemorisesMore()
    {
        Estimate?[] effects = [.. configuration.Noises.Select(noise => AcrossSeeds.Mean(
            BySeed(rungs[^1], noise, run => run.Memorised?.Value).Zip(BySeed(rungs[0], noise, run => run.Memorised?.Value), (large, small) => large - small)))];
        return new ExperimentClaim(
            "Larger models memorise more wrong labels", "arXiv 2202.07646 (of text); ours",
            $"Memorised flips less those that the clean-trained model gives by itself, mean over rates up to {Percent(Majority)}, {rungs[^1].Name} − {rungs[0].Name}: {ByNoise(effects)}.",
            OneSize ? ClaimVerdict.Undecided : ClaimRule.Positive(effects));
    }

    private ExperimentClaim TolerancesDiffer(Dictionary<string, (IReadOnlyList<Estimate> Thresholds, Estimate Difference)> tolerances)
    {
        Estimate[] differences = [.. configuration.Noises.Select(noise => tolerances[noise].Difference)];
        int apart = differences.Count(difference => !difference.Contains(0));
        bool enough = !OneSize && configuration.Seeds.Count > 1;
        ClaimVerdict verdict = !enough ? ClaimVerdict.Undecided
            : apart == differences.Length ? ClaimVerdict.Reproduced
            : apart > 0 ? ClaimVerdict.Partly
            : differences.All(d => Math.Max(d.Upper, -d.Lower) <= NegligibleThreshold) ? ClaimVerdict.NotReproduced
            : ClaimVerdict.Undecided;
        return new ExperimentClaim(
            "The noise that a model tolerates depends on its size", Paper,
            $"Threshold at a margin of {configuration.Margin.ToString("0.00", CultureInfo.InvariantCulture)} in utility, {rungs[^1].Name} − {rungs[0].Name}: {ByNoise(differences)}.",
            verdict);
    }

    private ExperimentClaim SystematicHurtsMore()
    {
        const string Expected = "Systematic noise hurts more than uniform noise of the same rate";
        const string Source = "ours, after the synthetic errors of arXiv 2312.09390";
        if (configuration.Noises.Distinct().Count() < 2)
            return new ExperimentClaim(Expected, Source, "Only one kind of noise was run.", ClaimVerdict.Undecided);
        Estimate?[] effects = [.. rungs.Select(rung => AcrossSeeds.Mean(
            BySeed(rung, NoiseSensitivityConfiguration.UniformNoise, Utility).Zip(BySeed(rung, NoiseSensitivityConfiguration.SystematicNoise, Utility), (u, s) => u - s)))];
        return new ExperimentClaim(
            Expected, Source,
            $"Test utility under uniform less under systematic noise, mean over rates up to {Percent(Majority)}: {ByRung(effects)}.",
            ClaimRule.Positive(effects));
    }

    private ExperimentClaim LateEpochsFall()
    {
        Estimate? Fall(LadderRung rung, IEnumerable<double> rates, IEnumerable<string> noises)
        {
            double[][] falls =
            [
                .. from noise in noises
                   from rate in rates
                   select (double[])[.. AcrossSeeds.FallsFromPeak([.. At(rung, noise, rate).Select(run => (double[])[.. run.TestUtility.Select(u => u.Value)])])],
            ];
            return falls.Length == 0 || falls[0].Length == 0
                ? null
                : SeedMean.Of([.. Enumerable.Range(0, falls[0].Length).Select(seed => falls.Average(condition => condition[seed]))]);
        }

        Estimate?[] effects = [.. rungs.Select(rung => Fall(rung, ModerateRates, configuration.Noises))];
        Estimate?[] clean = [.. rungs.Select(rung => Fall(rung, [0], configuration.Noises.Take(1)))];
        return new ExperimentClaim(
            "Under noise, test accuracy peaks in an early epoch and falls in late ones", "arXiv 2007.00151",
            $"Utility at the peak less at the end (a seed's peak is that of the other seeds), mean over rates up to {Percent(Majority)}: {ByRung(effects)}; with clean labels {ByRung(clean)}.",
            ClaimRule.Positive(effects));
    }

    private ResultTable ByRate() => new(
        "After the last epoch", ["Rung", "Noise", "Wrong labels", "Test utility", "Training labels given", "Memorised flips", "Clean model gives them", "Excess"],
        [
            .. from rung in rungs
               from noise in configuration.Noises
               from rate in configuration.Rates
               where rate > 0 || noise == configuration.Noises[0]
               let cell = At(rung, noise, rate)
               select (IReadOnlyList<ResultCell>)
               [
                   rung.Name, rate == 0 ? "none" : noise, Percent(rate), Mean(cell, run => run.TestUtility[^1]), Mean(cell, run => run.TrainingAccuracy[^1]),
                   Flips(cell, run => run.MemorisedFlips[^1]), Flips(cell, run => run.CleanRepeats), Mean(cell, run => run.Memorised),
               ],
        ],
        "Memorised flips: how often the answer to a flipped training item is its wrong label; beside it, how often the model trained on clean labels answers so.");

    private IEnumerable<ResultChart> Charts()
    {
        yield return Chart("Test utility against noise", "share of wrong labels", "utility", OverRates(cell => Mean(cell, run => run.TestUtility[^1])));
        yield return Chart("Memorised flips against noise", "share of wrong labels", "P(answer = wrong label)", OverRates(cell => Flips(cell, run => run.MemorisedFlips[^1])));
        foreach (string noise in configuration.Noises)
        {
            yield return Chart($"Test utility by epoch, {noise} noise", "epoch", "utility", OverEpochs(noise, run => run.TestUtility));
            yield return Chart($"Training labels given by epoch, {noise} noise", "epoch", "P(answer = label given)", OverEpochs(noise, run => run.TrainingAccuracy));
        }
    }

    private IEnumerable<ResultSeries> OverRates(Func<NoiseRun[], Estimate?> value) =>
        from rung in rungs
        from noise in configuration.Noises
        select new ResultSeries(
            $"{rung.Name}, {noise}",
            [.. configuration.Rates.Select(rate => (rate, y: value(At(rung, noise, rate)))).Where(p => p.y is not null).Select(p => new ResultPoint(p.rate, p.y!))]);

    // Every other rate: more curves cannot be told apart.
    private IEnumerable<ResultSeries> OverEpochs(string noise, Func<NoiseRun, IReadOnlyList<Estimate>> value) =>
        from rung in rungs
        from rate in configuration.Rates.Where((rate, i) => i % 2 == 0 && rate < 1)
        let cell = At(rung, noise, rate)
        select new ResultSeries(
            $"{rung.Name}, {Percent(rate)}",
            [.. Enumerable.Range(0, configuration.Training.Epochs).Select(epoch => new ResultPoint(epoch + 1, Mean(cell, run => value(run)[epoch])!))]);

    private IEnumerable<ResultGrid> Grids(string noise)
    {
        yield return Grid("Test utility", noise, cell => Mean(cell, run => run.TestUtility[^1])?.Value);
        yield return Grid("Memorised flips", noise, cell => Flips(cell, run => run.MemorisedFlips[^1])?.Value);
    }

    private ResultGrid Grid(string what, string noise, Func<NoiseRun[], double?> value) => new(
        $"{what}, {noise} noise", "rung", [.. rungs.Select(rung => rung.Name)], "share of wrong labels", [.. configuration.Rates.Select(Percent)],
        [.. rungs.Select(rung => (IReadOnlyList<double?>)[.. configuration.Rates.Select(rate => value(At(rung, noise, rate)))])]);

    // Clean labels and the largest moderate rate; all of them would be a large file.
    private IEnumerable<OutcomeSeries> Outcomes()
    {
        string[] items = [.. test.Items.Select(item => item.Id)];
        double[] rates = [0, .. ModerateRates.TakeLast(1)];
        return from run in runs
               where rates.Contains(run.Rate) && (run.Rate > 0 || run.Noise == configuration.Noises[0])
               select new OutcomeSeries(
                   run.Rate == 0 ? $"{run.Rung.Name}, clean" : $"{run.Rung.Name}, {Percent(run.Rate)} {run.Noise}", "utility", run.Seed, items,
                   [.. run.Answers.Select((answer, i) => answer == Choices.Unscored ? (double?)null : test.Truth[i].IsGood(answer) ? 1 : 0)]);
    }

    private static ResultChart Chart(string title, string across, string up, IEnumerable<ResultSeries> series) => new(title, across, up, [.. series]);

    private static double? Utility(NoiseRun run) => run.TestUtility[^1].Value;

    private static Estimate? Mean(NoiseRun[] cell, Func<NoiseRun, Estimate?> value) => AcrossSeeds.Mean([.. cell.Select(value).OfType<Estimate>()]);

    private static Estimate? Flips(NoiseRun[] cell, Func<NoiseRun, Estimate> value) => Mean(cell, run => value(run) is { Count: > 0 } flips ? flips : null);

    private static string Percent(double rate) => rate.ToString("0.#%", CultureInfo.InvariantCulture);

    private string ByNoise(IReadOnlyList<Estimate?> effects) => string.Join("; ", configuration.Noises.Zip(effects, (noise, effect) => $"{noise} {AcrossSeeds.Text(effect)}"));

    private string ByRung(IReadOnlyList<Estimate?> effects) => string.Join("; ", rungs.Zip(effects, (rung, effect) => $"{rung.Name} {AcrossSeeds.Text(effect)}"));
}
