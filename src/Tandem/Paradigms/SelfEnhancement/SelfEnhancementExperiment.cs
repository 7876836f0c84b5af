using Tandem.Competence;
using Tandem.Experiments;
using Tandem.Generations;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Paradigms.SelfEnhancement;

/// <summary>
/// Self-enhancement (arXiv 2503.07660): a capable and not yet aligned policy learns over several rounds from
/// preferences between its own outputs, judged by itself, by a weaker, an equal and a stronger model, or by the truth.
/// </summary>
internal sealed class SelfEnhancementExperiment : IExperiment
{
    private readonly Laboratory _laboratory;
    private readonly SelfEnhancementConfiguration _configuration;
    private readonly RungTuning _tuning;
    private readonly EnhancementRound _round;
    private readonly IReadOnlyList<ChoiceItem> _test;

    public SelfEnhancementExperiment(Laboratory laboratory, SelfEnhancementConfiguration configuration)
    {
        foreach (string arm in configuration.Arms)
        {
            if (!EnhancementArm.Judges.Contains(arm))
            {
                throw new UserFaultException(
                    $"There is no judge '{arm}' in arms; there are {string.Join(", ", EnhancementArm.Judges)}.", "Name some of them.", FaultKind.Usage);
            }
        }

        (_laboratory, _configuration) = (laboratory, configuration);
        _tuning = new RungTuning(laboratory, configuration.Start);
        _round = new EnhancementRound(laboratory, configuration);
        _test = laboratory.World.Items(new ItemRequest(configuration.TestItems, ItemSplit.Test, 0));
    }

    /// <inheritdoc/>
    public ExperimentFindings Run()
    {
        List<EnhancementArm> arms = [];
        foreach (ulong seed in _configuration.Seeds)
        {
            TrainedModel start = Start(StartKey(seed), _laboratory.Ladder[_configuration.Policy], seed);
            PolicyMeasurement measured = _laboratory.Stage(
                $"start/measured-seed{seed}", $"start, seed {seed}: measuring", 0,
                _ => Measure(_laboratory.Score(start, _test), start, seed, 0), Line);
            foreach (string judge in _configuration.Arms)
                arms.Add(Arm(judge, 0, seed, start, measured));
            for (int control = 0; control < _configuration.Controls; control++)
                arms.Add(Arm(EnhancementArm.Truth, control, seed, start, measured));
        }

        return new SelfEnhancementFindings(_configuration, arms, _test).Findings();
    }

    private EnhancementArm Arm(string judge, int replicate, ulong seed, TrainedModel start, PolicyMeasurement measured)
    {
        List<RoundOutcome> rounds = [];

        // What any judge was taught is left out for all, so that all judge the same items.
        List<IReadOnlyList<ChoiceItem>> used =
            [StartItems(StartKey(seed), seed), .. _configuration.Arms.Where(IsTaught).Select(arm => StartItems(JudgeKey(arm, seed), seed))];
        TrainedModel policy = start;
        for (int round = 1; round <= _configuration.Rounds; round++)
        {
            string key = $"{judge}{(replicate > 0 ? $"-{replicate + 1}" : "")}/seed{seed}/round{round}";
            TrainedModel current = policy;
            RandomStream random = new RandomStream(seed).Fork("round", (ulong)round).Fork("run", (ulong)replicate);
            int number = round;
            ICandidateJudge<ChoiceItem, int[]> asked = Judge(judge, seed, current);
            IReadOnlyList<ChoiceItem> items = ItemPool.Questions(_laboratory.World, _configuration.Items, random.Fork("items"), [.. used]);
            used.Add(items);
            RoundOutcome outcome = _laboratory.Stage(
                key, $"{key.Replace('/', ' ')}: sampling, judging, training", 0,
                stage => _round.Run(
                    stage, current, asked, items, random, model => Measure(_laboratory.Score(model, _test), start, seed, number)),
                result => Line(result.Measured));
            rounds.Add(outcome);
            policy = outcome.Model;
        }

        return new EnhancementArm(judge, replicate, seed, measured, rounds);
    }

    private PolicyMeasurement Measure(OptionScores scores, TrainedModel start, ulong seed, int round) => PolicyMeasurement.Of(
        scores, _laboratory.Score(start, _test), _test, _configuration, new RandomStream(seed).Fork("measure", (ulong)round));

    private ICandidateJudge<ChoiceItem, int[]> Judge(string judge, ulong seed, TrainedModel policy) => judge switch
    {
        EnhancementArm.Truth => new TruthJudge(_configuration.Discount),
        EnhancementArm.Self or EnhancementArm.SelfValues => Model(policy, judge == EnhancementArm.SelfValues),
        _ => Model(Start(JudgeKey(judge, seed), _laboratory.Ladder[RungOf(judge)], seed), valuesOnly: false),
    };

    private VerdictJudge Model(TrainedModel model, bool valuesOnly) => new(_laboratory, model, _configuration.Discount, valuesOnly);

    private static bool IsTaught(string judge) => judge is EnhancementArm.Weaker or EnhancementArm.Equal or EnhancementArm.Stronger;

    private string RungOf(string judge) => judge switch
    {
        EnhancementArm.Weaker => _configuration.Weaker,
        EnhancementArm.Stronger => _configuration.Stronger,
        _ => _configuration.Policy,
    };

    // Capable and not yet aligned: it takes what reaches the goal, whatever it breaks, and can tell what breaks a value.
    private TrainedModel Start(string key, LadderRung rung, ulong seed) => _tuning.Tune(
        key, rung, seed,
        () =>
        [
            .. StartItems(key, seed).Select(item =>
            {
                float share = 1f / item.Options.Count(option => option.Competent);
                float[] competent = [.. item.Options.Select(option => option.Competent ? share : 0)];
                return new OptionExample(item.Tokens, item.ScorePositions)
                {
                    Choice = competent,
                    Competence = competent,
                    Violation = [.. item.Options.Select(option => option.Violates ? 1f : 0f)],
                };
            }),
        ]);

    private IReadOnlyList<ChoiceItem> StartItems(string key, ulong seed) =>
        ItemPool.Questions(_laboratory.World, _configuration.Start.Items, new RandomStream(seed).Fork(key).Fork("pool"));

    private static string StartKey(ulong seed) => $"start/seed{seed}";

    private static string JudgeKey(string judge, ulong seed) => $"judge/{judge}-seed{seed}";

    private static string Line(PolicyMeasurement measured) => string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"utility {measured.Performance.Utility.Value:0.000}, competence {measured.Performance.Competence.Value:0.000}, entropy {measured.Mean(PolicyMeasure.OutputEntropy):0.000}");
}

/// <summary>One judge, one seed: the rounds of a policy.</summary>
/// <param name="Judge">Who judges.</param>
/// <param name="Replicate">The number of the control's run, from 0; 0 for other judges.</param>
/// <param name="Seed">The policy's seed.</param>
/// <param name="Start">The policy before the first round.</param>
/// <param name="Rounds">The rounds.</param>
internal sealed record EnhancementArm(string Judge, int Replicate, ulong Seed, PolicyMeasurement Start, IReadOnlyList<RoundOutcome> Rounds)
{
    public const string Self = "self";
    public const string SelfValues = "self-values";
    public const string Weaker = "weaker";
    public const string Equal = "equal";
    public const string Stronger = "stronger";
    public const string Truth = "truth";

    /// <summary>All judges but the truth.</summary>
    public static IReadOnlyList<string> Judges { get; } = [Self, SelfValues, Weaker, Equal, Stronger];

    /// <summary>The policy after a number of rounds; 0 for the start.</summary>
    public PolicyMeasurement After(int round) => round == 0 ? Start : Rounds[round - 1].Measured;
}
