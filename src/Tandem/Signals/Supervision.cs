using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Generations;
using Tandem.Tensors;
using Tandem.Worlds;

namespace Tandem.Signals;

/// <summary>
/// S_i: the labels of several sources on a pool of items, combined. Each source passes a gate on calibration items
/// first, because a judge that learned nothing would only add noise; the errors that the sources share are measured
/// there too.
/// </summary>
/// <param name="Labels">The combined labels of the pool.</param>
/// <param name="Calibration">
/// The combined labels of the calibration items as models give them, where there are models beside a human: the human
/// labels a larger share of them than of the pool, and is right more often.
/// </param>
/// <param name="Summary">The sources, their accuracy on calibration items and their error correlation.</param>
/// <param name="Dropped">Sources that did not pass the gate, with the reason.</param>
/// <param name="HumanLabels">Items that the simulated human labelled.</param>
public sealed record Supervision(
    CombinedLabels Labels, CombinedLabels Calibration, SupervisionSummary Summary, IReadOnlyList<SourceVerdict> Dropped, int HumanLabels)
{
    /// <summary>Asks every source about a pool, and combines the answers of those that pass the gate.</summary>
    /// <param name="sources">The sources.</param>
    /// <param name="items">The pool to label.</param>
    /// <param name="question">What is asked.</param>
    /// <param name="calibration">Items with known truth, for gate, accuracy and correlation.</param>
    /// <param name="combination"><c>majority</c>, <c>dawid-skene</c> or <c>stacked</c>; the last needs a human among the sources and is <c>dawid-skene</c> without.</param>
    /// <param name="random">Randomness of the simulated human and of the bootstrap.</param>
    public static Supervision Collect(
        IReadOnlyList<ISignalSource<ChoiceItem>> sources,
        IReadOnlyList<ChoiceItem> items,
        SupervisionQuestion question,
        IReadOnlyList<ChoiceItem> calibration,
        string combination,
        RandomStream random)
    {
        var labels = new List<SourceLabels>();
        var known = new List<SourceLabels>();
        var verdicts = new List<SourceVerdict>();
        int human = -1;
        for (int s = 0; s < sources.Count; s++)
        {
            SourceLabels onCalibration = sources[s].Label(
                new SupervisionRequest<ChoiceItem>(calibration, question, random.Fork("calibration", (ulong)s)));
            SourceVerdict verdict = SourceGate.Judge(sources[s].Name, Errors(onCalibration, calibration), Chance(question, calibration));
            verdicts.Add(verdict);
            if (!verdict.Kept)
                continue;
            human = sources[s] is HumanSource ? known.Count : human;
            known.Add(onCalibration);
            labels.Add(sources[s].Label(new SupervisionRequest<ChoiceItem>(items, question, random.Fork("pool", (ulong)s))));
        }

        if (labels.Count == 0)
        {
            throw new UserFaultException(
                $"No source of supervision is better than chance ({string.Join(" ", verdicts.Select(v => v.Reason))})",
                "Give more human labels (supervision.initial_human_labels) or a larger first rung (ladder.first).");
        }

        ErrorCorrelationMeasurement correlation = ErrorCorrelation.Measure(
            [.. known.Select(k => Errors(k, calibration))], random.Fork("correlation"));
        CombinedLabels ofModels = OfModels(known, human, combination);
        return new Supervision(
            Combine(labels, human, combination),
            ofModels,
            new SupervisionSummary
            {
                Sources = [.. known.Select(k => k.Source)],
                Accuracies = [.. verdicts.Where(v => v.Kept).Select(v => v.Accuracy)],
                ErrorCorrelation = correlation.Matrix,
                EffectiveSources = correlation.EffectiveSources.Value,
                Combination = ofModels.Combination,
                CombinedAccuracy = CombinedAccuracy(ofModels, calibration),
            },
            [.. verdicts.Where(v => !v.Kept)],
            sources.OfType<HumanSource>().Sum(h => h.LabelsGiven));
    }

    // Without a human among the sources, or with nothing else, there is nothing to fit weights to.
    private static CombinedLabels Combine(List<SourceLabels> labels, int human, string combination) => combination switch
    {
        "majority" => MajorityVote.Combine(labels),
        "stacked" when human >= 0 && labels.Count > 1 =>
            StackedLabels.Combine([.. labels.Where((_, s) => s != human)], labels[human]),
        _ => DawidSkeneVote.Combine(labels),
    };

    // A stack needs the human to weigh the models by; other combinations of the models do without.
    private static CombinedLabels OfModels(List<SourceLabels> labels, int human, string combination)
    {
        if (human < 0 || labels.Count == 1)
            return Combine(labels, human, combination);
        if (combination != "stacked")
            return Combine([.. labels.Where((_, s) => s != human)], -1, combination);
        CombinedLabels stacked = Combine(labels, human, combination);
        return stacked with
        {
            Posteriors = stacked.WithoutReference,
            Choices = stacked.Choices.Count == 0 ? [] : CombinedLabels.MostProbable(stacked.WithoutReference),
        };
    }

    private static bool?[] Errors(SourceLabels labels, IReadOnlyList<ChoiceItem> items) =>
        labels.Question == SupervisionQuestion.Violation
            ? labels.ViolationErrors([.. items.Select(i => (IReadOnlyList<bool>)[.. i.Options.Select(o => o.Violates)])])
            : labels.Errors([.. items.Select(i => Acceptable(labels.Question, i))]);

    private static bool[] Acceptable(SupervisionQuestion question, ChoiceItem item) =>
        [.. item.Options.Select(o => question == SupervisionQuestion.Choice ? o.Good : o.Competent)];

    private static double Chance(SupervisionQuestion question, IReadOnlyList<ChoiceItem> items) =>
        question == SupervisionQuestion.Violation
            ? 0.5
            : items.Average(i => Acceptable(question, i).Count(a => a) / (double)i.Options.Count);

    private static Estimate CombinedAccuracy(CombinedLabels combined, IReadOnlyList<ChoiceItem> items)
    {
        var right = new List<bool>();
        for (int i = 0; i < items.Count; i++)
        {
            if (combined.Posteriors[i] is not { } posterior)
                continue;
            if (combined.Question == SupervisionQuestion.Violation)
            {
                for (int k = 0; k < posterior.Length; k++)
                    right.Add(posterior[k] > 0.5 == items[i].Options[k].Violates);
            }
            else
            {
                right.Add(Acceptable(combined.Question, items[i])[combined.Choices[i]]);
            }
        }

        return Proportion.Wilson([.. right]);
    }
}
