using System.Globalization;
using System.Runtime.InteropServices;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>
/// A reward model: the Bradley–Terry loss -log σ(r_chosen - r_rejected - m) of scores at the last token of each completion,
/// with the margin m of each example (InstructGPT, arXiv 2203.02155; margins of Llama 2, arXiv 2307.09288), plus
/// centring · (r_chosen + r_rejected)², which keeps rewards around 0 (arXiv 2312.09244). The prompt goes through the model once
/// for both completions.
/// </summary>
/// <param name="centring">The coefficient of centring, at least 0; 0.01 in the paper.</param>
/// <param name="column">The score head that is trained.</param>
public sealed class RewardObjective(float centring = 0f, int column = 0) : IObjective<PreferenceExample>
{
    private readonly float _centring = centring >= 0 && float.IsFinite(centring)
        ? centring
        : throw new UserFaultException($"The coefficient of centring is {centring}.", "It must be finite and at least 0.", FaultKind.Usage);

    private readonly CompletionRows _completions = new();
    private readonly List<float> _offsets = []; // [n]
    private readonly List<float> _weights = []; // [n]
    private readonly List<float> _constant = []; // [n]

    /// <inheritdoc/>
    public IReadOnlyList<string> Metrics { get; } = ["accuracy", "margin", "chosen_reward", "rejected_reward"];

    /// <inheritdoc/>
    public string Settings => string.Create(CultureInfo.InvariantCulture, $"reward, centring {_centring}, head {column}");

    /// <inheritdoc/>
    public void Check(Transformer model, PreferenceExample example, int index)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(example);
        ExampleCheck.ScoreHeads(model, column + 1);
        ExampleCheck.Weight(example.Weight, index);
        ExampleCheck.Length(model, example.PromptTokens.Length + Math.Max(example.ChosenTokens.Length, example.RejectedTokens.Length), index);
        ExampleCheck.Tokens(model, example.PromptTokens, index);
        ExampleCheck.Tokens(model, example.ChosenTokens, index);
        ExampleCheck.Tokens(model, example.RejectedTokens, index);
    }

    /// <inheritdoc/>
    public Tensor Record(MicroBatch<PreferenceExample> batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.Tokens.Clear();
        _completions.Clear();
        _offsets.Clear();
        _weights.Clear();
        bool margins = false;
        foreach (PreferenceExample example in batch.Examples)
        {
            _completions.AddEnds(batch.Tokens, example.PromptTokens, example.Completions);
            _offsets.Add(-example.Margin);
            _weights.Add((float)example.Weight);
            margins |= example.Margin != 0;
        }

        Tape tape = batch.Tape;
        int n = batch.Examples.Length;
        float normalizer = (float)batch.Normalizer;
        Tensor hidden = batch.Hidden(tape, batch.Model, _completions.Rows);                    // [2n, C]
        Tensor scores = tape.Column(batch.Scores(tape, hidden), column);                       // [2n, 1]
        Tensor pairs = tape.Reshape(scores, n, 2);                                             // [n, 2]
        Tensor chosen = tape.Column(pairs, 0), rejected = tape.Column(pairs, 1);               // [n, 1] each
        Tensor gap = tape.Add(chosen, tape.Scale(rejected, -1f));                              // [n, 1]
        if (margins)
            gap = tape.Add(gap, tape.Input(CollectionsMarshal.AsSpan(_offsets), n, 1));
        Tensor loss = tape.BinaryCrossEntropy(gap, Constant(1f, n), CollectionsMarshal.AsSpan(_weights), normalizer);
        if (_centring > 0)
        {
            Tensor centre = tape.SquaredError(tape.Add(chosen, rejected), Constant(0f, n), CollectionsMarshal.AsSpan(_weights), normalizer);
            loss = tape.Add(loss, tape.Scale(centre, _centring));
        }

        Report(batch, scores);
        return loss;
    }

    private ReadOnlySpan<float> Constant(float value, int count)
    {
        _constant.Clear();
        for (int i = 0; i < count; i++)
            _constant.Add(value);
        return CollectionsMarshal.AsSpan(_constant);
    }

    private static void Report(MicroBatch<PreferenceExample> batch, Tensor scores)
    {
        for (int i = 0; i < batch.Examples.Length; i++)
        {
            double weight = batch.Examples[i].Weight, chosen = scores.Values[2 * i], rejected = scores.Values[(2 * i) + 1];
            batch.Report(0, chosen > rejected ? weight : 0, weight);
            batch.Report(1, weight * (chosen - rejected), weight);
            batch.Report(2, weight * chosen, weight);
            batch.Report(3, weight * rejected, weight);
        }
    }
}
