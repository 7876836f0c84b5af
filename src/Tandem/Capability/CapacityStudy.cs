using Tandem.Evaluation;
using Tandem.GapAnnealing;
using Tandem.Generations;
using Tandem.Language;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Capability;

/// <summary>
/// What the gap controller knows of each rung before a step: its capacity C, by a linear probe on frozen activations
/// trained on the truth of half of the calibration items, and a pilot, the same probe trained on the supervisor's
/// labels instead. Both are measured on the other half. The pilot costs one forward pass and no backward pass.
/// </summary>
public sealed class CapacityStudy(Laboratory laboratory)
{
    private readonly Dictionary<(ulong Seed, string Rung), RungProbe> _probes = [];

    /// <summary>Measures every rung that may follow a supervisor.</summary>
    /// <param name="seed">The seed whose calibration items are used.</param>
    /// <param name="supervisor">A⁺_i.</param>
    /// <param name="suite">The seed's items.</param>
    /// <param name="withPilots">Whether the controller uses pilots.</param>
    /// <param name="random">The bootstrap's randomness.</param>
    public GapEvidence Measure(ulong seed, TrainedModel supervisor, TestSuite suite, bool withPilots, RandomStream random)
    {
        int half = suite.Calibration.Count / 2;
        ChoiceItem[] known = [.. suite.Calibration.Take(half)];
        ChoiceItem[] held = [.. suite.Calibration.Skip(half)];
        ItemTruth[] truth = [.. suite.CalibrationTruth.Skip(half)];
        int[] taught = laboratory.Score(supervisor, known).Choices();
        int[] teacher = laboratory.Score(supervisor, held).Choices();
        Estimate utility = UtilityMetrics.Measure(teacher, truth).Utility;
        var candidates = new List<GapCandidate>();
        foreach (LadderRung rung in Eligible())
        {
            RungProbe probe = ProbeOf(seed, rung, known, held);
            GapCandidate candidate = GapCandidate.Create(
                rung.Name, rung.ParameterCount, UtilityMetrics.Measure(probe.CeilingChoices, truth).Utility, utility);
            GapRecovery gap = PerformanceGapRecovered.Measure(
                teacher, probe.CeilingChoices, probe.CeilingChoices, truth, random.Fork("gap " + rung.Name));
            candidate = candidate with { Gap = gap.Gap };
            if (withPilots)
            {
                int[] pilot = probe.Train(taught);
                GapRecovery recovery = PerformanceGapRecovered.Measure(
                    teacher, pilot, probe.CeilingChoices, truth, random.Fork("pilot " + rung.Name));
                candidate = candidate with
                {
                    PilotSaliency = recovery.Recovered,
                    PilotImitation = ImitationRate.Measure(pilot, teacher, probe.CeilingChoices, truth).Excess,
                    PilotMisfit = Misfit.OfChoices(pilot, teacher),
                    PilotFlops = probe.ForwardFlops,
                };
            }

            candidates.Add(candidate);
        }

        return new GapEvidence(utility, candidates);
    }

    /// <summary>What the ceiling of a rung answers on items: its probe, trained on truth.</summary>
    public int[] CeilingChoices(ulong seed, string rungName, TestSuite suite, IReadOnlyList<ChoiceItem> items)
    {
        int half = suite.Calibration.Count / 2;
        RungProbe probe = ProbeOf(
            seed, laboratory.Ladder[rungName], [.. suite.Calibration.Take(half)], [.. suite.Calibration.Skip(half)]);
        return probe.Ceiling(items);
    }

    private IEnumerable<LadderRung> Eligible() =>
        laboratory.Ladder.Manifest.Rungs.Where(r => r.ParameterCount <= laboratory.Configuration.Ladder.MaximumParameters);

    private RungProbe ProbeOf(ulong seed, LadderRung rung, ChoiceItem[] known, ChoiceItem[] held)
    {
        if (!_probes.TryGetValue((seed, rung.Name), out RungProbe? probe))
            _probes.Add((seed, rung.Name), probe = new RungProbe(laboratory, rung, known, held));
        return probe;
    }

    /// <summary>Frozen activations of a rung with the probe trained on truth; deterministic, so it is never stored.</summary>
    private sealed class RungProbe
    {
        private readonly Laboratory _laboratory;
        private readonly LadderRung _rung;
        private readonly OptionExample[] _known;
        private readonly ProbeFeatures _knownFeatures;
        private readonly ProbeFeatures _heldFeatures;
        private readonly LinearProbe _ceiling;

        public RungProbe(Laboratory laboratory, LadderRung rung, ChoiceItem[] known, ChoiceItem[] held)
        {
            (_laboratory, _rung) = (laboratory, rung);
            using Transformer transformer = laboratory.Ladder.Load(rung, ScoreHead.Count);
            _known = [.. known.Select(i => new OptionExample(i.Tokens, i.ScorePositions))];
            _knownFeatures = ProbeFeatures.Read(transformer, _known, laboratory.Pool);
            _heldFeatures = ProbeFeatures.Read(
                transformer, [.. held.Select(i => new OptionExample(i.Tokens, i.ScorePositions))], laboratory.Pool);
            int[] good = [.. known.Select(i => Enumerable.Range(0, i.Options.Count).First(k => i.Options[k].Good))];
            _ceiling = Fit(good);
            CeilingChoices = Choose(_ceiling, _heldFeatures);
            double tokens = known.Concat(held).Sum(i => (double)i.Tokens.Length);
            ForwardFlops = tokens * TrainingCost.InferenceFlopsPerToken(transformer.Configuration, 128, languageHead: false);
        }

        public int[] CeilingChoices { get; }

        public double ForwardFlops { get; }

        public int[] Train(int[] labels) => Choose(Fit(labels), _heldFeatures);

        public int[] Ceiling(IReadOnlyList<ChoiceItem> items)
        {
            using Transformer transformer = _laboratory.Ladder.Load(_rung, ScoreHead.Count);
            return Choose(_ceiling, ProbeFeatures.Read(
                transformer, [.. items.Select(i => new OptionExample(i.Tokens, i.ScorePositions))], _laboratory.Pool));
        }

        private LinearProbe Fit(int[] labels)
        {
            OptionExample[] examples = [.. _known.Select((e, i) => labels[i] < 0
                ? e with { Weight = 0 }
                : e with { Choice = Targets.OneHot(labels[i], e.ScorePositions.Length) })];
            return LinearProbe.Train(_knownFeatures, examples, ScoreHead.Choice, new LinearProbeConfiguration(), _laboratory.Pool);
        }

        private static int[] Choose(LinearProbe probe, ProbeFeatures features) =>
            Choices.FromScores(probe.Score(features));
    }
}

/// <summary>What the gap controller decides on.</summary>
/// <param name="Utility">U(A_i) on the held half of the calibration items.</param>
/// <param name="Candidates">The rungs.</param>
public sealed record GapEvidence(Estimate Utility, IReadOnlyList<GapCandidate> Candidates);
