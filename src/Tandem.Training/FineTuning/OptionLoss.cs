using Tandem.Tensors;
using Tandem.Training.Optimization;

namespace Tandem.Training.FineTuning;

/// <summary>
/// The loss of option examples: cross-entropy over options for choice and competence, binary cross-entropy for
/// violations, each averaged over the examples that have such a target.
/// </summary>
internal static class OptionLoss
{
    /// <summary>The sum of the weights of each head's targets over batches: what the losses are divided by.</summary>
    public struct Normalizers
    {
        public double Choice;
        public double Competence;
        public double Violation;

        public void Add(OptionBatch batch)
        {
            for (int i = 0; i < batch.Groups.Count; i++)
            {
                OptionGroup group = batch.Groups[i];
                Choice += group.Choice.TotalWeight;
                Competence += group.Competence.TotalWeight;
                Violation += group.Violation.TotalWeight;
            }
        }
    }

    /// <summary>Adds the losses of a group to <paramref name="total"/>.</summary>
    /// <param name="tape">The tape.</param>
    /// <param name="group">Targets of n examples with K options.</param>
    /// <param name="scores">[n·K, columns].</param>
    /// <param name="columns">The column of each head in the scores; negative for a head that is not there.</param>
    /// <param name="coefficients">What each head's loss is multiplied by.</param>
    /// <param name="normalizers">What each head's sum is divided by.</param>
    /// <param name="confidence">The share of the model's own hardened answer in the targets: see <see cref="Harden"/>.</param>
    /// <param name="total">The sum so far; null when there is none.</param>
    public static Tensor? Add(
        Tape tape,
        OptionGroup group,
        Tensor scores,
        (int Choice, int Competence, int Violation) columns,
        (float Choice, float Competence, float Violation) coefficients,
        in Normalizers normalizers,
        float confidence,
        Tensor? total)
    {
        total = AddSoft(tape, group, group.Choice, scores, columns.Choice, coefficients.Choice, normalizers.Choice, confidence, total);
        total = AddSoft(
            tape, group, group.Competence, scores, columns.Competence, coefficients.Competence, normalizers.Competence, confidence, total);
        if (columns.Violation < 0 || coefficients.Violation == 0 || group.Violation.TotalWeight <= 0)
            return total;
        Tensor logits = tape.Column(scores, columns.Violation); // [n·K, 1]
        if (confidence > 0)
            HardenEach(logits.Values, group.Violation.Targets, confidence);
        Tensor loss = tape.BinaryCrossEntropy(logits, group.Violation.Targets, group.Violation.Weights, (float)normalizers.Violation);
        return Sum(tape, total, loss, coefficients.Violation);
    }

    /// <summary>
    /// Mixes targets with the model's own answer made certain: the auxiliary confidence loss of Burns et al.
    /// (arXiv 2312.09390, appendix A.4), with the option of the highest logit for the thresholded class, for options
    /// come in a seeded order and need no balancing.
    /// </summary>
    /// <param name="logits">n rows of K logits.</param>
    /// <param name="targets">n rows of K targets; changed in place.</param>
    /// <param name="options">K.</param>
    /// <param name="share">The share of the model's own answer.</param>
    public static void Harden(ReadOnlySpan<float> logits, Span<float> targets, int options, float share)
    {
        for (int start = 0; start < targets.Length; start += options)
        {
            Span<float> row = targets.Slice(start, options);
            for (int k = 0; k < options; k++)
                row[k] *= 1 - share;
            row[FlatVector.IndexOfMaximum(logits.Slice(start, options))] += share;
        }
    }

    private static void HardenEach(ReadOnlySpan<float> logits, Span<float> targets, float share)
    {
        for (int i = 0; i < targets.Length; i++)
            targets[i] = (targets[i] * (1 - share)) + (logits[i] > 0 ? share : 0);
    }

    private static Tensor? AddSoft(
        Tape tape,
        OptionGroup group,
        HeadTargets head,
        Tensor scores,
        int column,
        float coefficient,
        double normalizer,
        float confidence,
        Tensor? total)
    {
        if (column < 0 || coefficient == 0 || head.TotalWeight <= 0)
            return total;
        Tensor logits = tape.Reshape(tape.Column(scores, column), group.Count, group.Options); // [n, K]
        if (confidence > 0)
            Harden(logits.Values, head.Targets, group.Options, confidence);
        return Sum(tape, total, tape.SoftCrossEntropy(logits, head.Targets, head.Weights, (float)normalizer), coefficient);
    }

    private static Tensor Sum(Tape tape, Tensor? total, Tensor loss, float coefficient)
    {
        Tensor scaled = coefficient == 1 ? loss : tape.Scale(loss, coefficient);
        return total is { } sum ? tape.Add(sum, scaled) : scaled;
    }
}
