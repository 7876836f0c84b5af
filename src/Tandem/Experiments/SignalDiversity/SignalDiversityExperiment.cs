using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Runs;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;

namespace Tandem.Experiments.SignalDiversity;

/// <summary>
/// The diversity stress test: reward models of one source against panels of heterogeneous ones at equal labels (arXiv 2503.07660 holds
/// that signals have to be diverse), by how they err together, what they prefer, and what becomes of policies trained on their rewards.
/// </summary>
internal sealed class SignalDiversityExperiment : IExperiment
{
    private readonly Laboratory _laboratory;
    private readonly SignalDiversityConfiguration _configuration;
    private readonly TaughtModels _models;

    public SignalDiversityExperiment(Laboratory laboratory, SignalDiversityConfiguration configuration)
    {
        (_laboratory, _configuration) = (laboratory, configuration);
        if (configuration.Panels.Select(panel => StageKey.Part(panel.Name)).Distinct(StringComparer.Ordinal).Count() < configuration.Panels.Count)
            throw new UserFaultException("Two panels have the same name.", "Give each its own.", FaultKind.Usage);
        _models = new TaughtModels(laboratory, configuration.Training, configuration.Human);
    }

    /// <inheritdoc/>
    public ExperimentFindings Run() => new SignalDiversityFindings(
        _configuration, [.. _configuration.Seeds.SelectMany(seed => _configuration.Panels.Select(panel => Measure(panel, seed)))]).Write();

    private PanelOutcome Measure(PanelConfiguration panel, ulong seed)
    {
        string key = StageKey.Part(panel.Name);
        int share = panel.LabelsEach ? _configuration.Labels : _configuration.Labels / panel.Members.Count;
        IReadOnlyList<ChoiceItem> pool = _models.Draw(_configuration.PolicyItems, seed, "policy pool");
        TrainedModel[] members =
        [
            .. panel.Members.Select((member, m) => _models.Teach(
                $"{key}/member-{m}/seed{seed}", member, seed, _models.Draw(share, seed, $"teaching {panel.Name} {m}", pool))),
        ];
        TrainedModel policy = _models.Train($"{key}/policy/seed{seed}", _configuration.Policy, seed, pool, () => Posteriors(members, pool));
        IReadOnlyList<ChoiceItem> test = _laboratory.World.Items(new ItemRequest(_configuration.TestItems, ItemSplit.Test, seed));
        return new PanelOutcome(panel, seed, test, _laboratory.Stage(
            $"{key}/measured/seed{seed}", $"{panel.Name}, seed {seed}: measuring", 0,
            _ =>
            {
                OptionScores[] scores = [.. members.Select(member => _laboratory.Score(member, test))];
                OptionScores chosen = _laboratory.Score(policy, test);
                double[]?[] rewards = Rewards(scores, test);
                RewardPair[] pairs = [.. RewardPair.Of(test)];
                return new PanelMeasurement
                {
                    Votes = [.. scores.Select(s => s.Choices())],
                    RewardEntropy = Mean(rewards.OfType<double[]>().Select(row => Entropy(Softmax(row)))),
                    PolicyEntropy = Mean(Enumerable.Range(0, test.Count).Where(i => chosen.Choice(i) != Choices.Unscored)
                        .Select(i => Entropy([.. chosen.Distribution(i, ScoreHead.Choice).Select(p => (double)p)]))),
                    PairCredits = [.. pairs.Select(pair => pair.Credit(rewards))],
                    PolicyChoices = chosen.Choices(),
                };
            },
            result => $"{result.PairCredits.Average():0.00} of pairs right"));
    }

    private double[]?[] Posteriors(IReadOnlyList<TrainedModel> members, IReadOnlyList<ChoiceItem> items) =>
        [.. Rewards([.. members.Select(member => _laboratory.Score(member, items))], items).Select(row => row is null ? null : Softmax(row))];

    /// <summary>Per item and option the mean over members of the log-probability; null where a member has no finite score.</summary>
    private static double[]?[] Rewards(IReadOnlyList<OptionScores> members, IReadOnlyList<ChoiceItem> items) =>
    [
        .. items.Select((item, i) =>
        {
            if (members.Any(member => member.Choice(i) == Choices.Unscored))
                return null;
            var sum = new double[item.Options.Count];
            foreach (OptionScores member in members)
            {
                double[] scores = [.. sum.Select((_, k) => (double)member.Score(i, k, ScoreHead.Choice))];
                double normaliser = scores.Max() + Math.Log(scores.Sum(s => Math.Exp(s - scores.Max())));
                for (int k = 0; k < sum.Length; k++)
                    sum[k] += (scores[k] - normaliser) / members.Count;
            }

            return sum;
        }),
    ];

    private static double[] Softmax(double[] scores)
    {
        double[] weights = [.. scores.Select(s => Math.Exp(s - scores.Max()))];
        double sum = weights.Sum();
        return [.. weights.Select(w => w / sum)];
    }

    /// <summary>Shannon entropy in bits.</summary>
    internal static double Entropy(IEnumerable<double> distribution) => -distribution.Where(p => p > 0).Sum(p => p * Math.Log2(p));

    private static double Mean(IEnumerable<double> values) => values.DefaultIfEmpty(0).Average();
}

/// <summary>What was measured of a panel and its policy on the test items of a seed.</summary>
internal sealed record PanelMeasurement
{
    /// <summary>Each member's choices, [member][item].</summary>
    public required IReadOnlyList<int[]> Votes { get; init; }

    /// <summary>Entropy of the panel's normalised rewards, in bits, mean over items.</summary>
    public required double RewardEntropy { get; init; }

    /// <summary>Entropy of the policy's distribution, in bits, mean over items.</summary>
    public required double PolicyEntropy { get; init; }

    /// <summary>The credit of each of <see cref="RewardPair.Of"/>.</summary>
    public required IReadOnlyList<double?> PairCredits { get; init; }

    /// <summary>The policy's choices.</summary>
    public required int[] PolicyChoices { get; init; }
}

/// <summary>A panel of a seed.</summary>
internal sealed record PanelOutcome(PanelConfiguration Panel, ulong Seed, IReadOnlyList<ChoiceItem> Test, PanelMeasurement Measured)
{
    public IReadOnlyList<ItemTruth> Truth { get; } = TestSuite.TruthOf(Test);

    /// <summary>Whether each member errs on each item; null for unscored.</summary>
    public bool?[][] Errors() =>
        [.. Measured.Votes.Select(votes => votes.Select((vote, i) => vote == Choices.Unscored ? (bool?)null : !Truth[i].IsGood(vote)).ToArray())];

    /// <summary>How the members err together.</summary>
    public ErrorCorrelationMeasurement Correlation() =>
        ErrorCorrelation.Measure(Errors(), new RandomStream(Seed).Fork("error correlation").Fork(Panel.Name));

    /// <summary>Entropy of the members' votes on an item, in bits, mean over items.</summary>
    public double VoteEntropy() => Ballots().Select(votes => SignalDiversityExperiment.Entropy(
        votes.GroupBy(v => v).Select(g => g.Count() / (double)votes.Length))).DefaultIfEmpty(0).Average();

    /// <summary>How many options of an item some member votes for, mean over items.</summary>
    public double DistinctChoices() => Ballots().Select(votes => (double)votes.Distinct().Count()).DefaultIfEmpty(0).Average();

    /// <summary>The rate of pairs right in a section; null without pairs.</summary>
    public double? SectionScore(string section) => RewardPair.Of(Test).Zip(Measured.PairCredits)
        .Where(pair => pair.First.Section == section).Select(pair => pair.Second).Average();

    /// <summary>The mean over the sections that have pairs, equally weighted.</summary>
    public double PairScore() => RewardPair.Sections.Select(SectionScore).OfType<double>().DefaultIfEmpty(0).Average();

    /// <summary>
    /// Per item the credit of its pairs, each weighted by the inverse size of its section, so that the mean over items is
    /// <see cref="PairScore"/> where nothing is unscored. Items without pairs are null.
    /// </summary>
    public double?[] PairOutcomes()
    {
        var sums = new double?[Test.Count];
        RewardPair[] pairs = [.. RewardPair.Of(Test)];
        Dictionary<string, int> counts = pairs.GroupBy(p => p.Section).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);
        int items = pairs.Select(p => p.Item).Distinct().Count();
        for (int p = 0; p < pairs.Length; p++)
        {
            if (Measured.PairCredits[p] is { } credit)
                sums[pairs[p].Item] = (sums[pairs[p].Item] ?? 0) + (credit * items / (counts[pairs[p].Section] * (double)counts.Count));
        }

        return sums;
    }

    private IEnumerable<int[]> Ballots() => Enumerable.Range(0, Test.Count)
        .Select(i => Measured.Votes.Select(votes => votes[i]).Where(vote => vote != Choices.Unscored).ToArray()).Where(votes => votes.Length > 0);
}
