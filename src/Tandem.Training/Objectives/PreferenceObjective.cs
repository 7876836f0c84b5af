using System.Globalization;
using System.Runtime.InteropServices;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>The losses of <see cref="PreferenceObjective"/>, of z = β·h - γ, where h is how much more the policy than the reference prefers the chosen completion.</summary>
public enum PreferenceLoss
{
    /// <summary>-(1 - ε)·log σ(z) - ε·log σ(-z): DPO (arXiv 2305.18290), and with label smoothing ε conservative DPO.</summary>
    Sigmoid,

    /// <summary>(-(1 - ε)·log σ(z) + ε·log σ(-z)) / (1 - 2ε): unbiased where a share ε of the preferences is flipped (robust DPO, arXiv 2403.00409).</summary>
    Robust,

    /// <summary>(h - 1/(2β))²: IPO (arXiv 2310.12036), on sums over tokens.</summary>
    Identity,

    /// <summary>max(0, 1 - z): SLiC's hinge (arXiv 2305.10425), as in DPO's comparisons.</summary>
    Hinge,
}

/// <summary>The settings of a <see cref="PreferenceObjective"/>.</summary>
public sealed record PreferenceConfiguration
{
    /// <summary>The loss.</summary>
    public PreferenceLoss Loss { get; init; } = PreferenceLoss.Sigmoid;

    /// <summary>β, above 0.</summary>
    public float Beta { get; init; } = 0.1f;

    /// <summary>ε, from 0 to below 1/2: the share of preferences that is taken to be flipped; of <see cref="PreferenceLoss.Sigmoid"/> and <see cref="PreferenceLoss.Robust"/>.</summary>
    public float LabelSmoothing { get; init; }

    /// <summary>
    /// Whether log-probabilities are means over a completion's tokens. With the sigmoid loss and no reference this is SimPO
    /// (arXiv 2405.14734).
    /// </summary>
    public bool LengthNormalized { get; init; }

    /// <summary>γ, the margin that the chosen completion is to win by: SimPO's.</summary>
    public float TargetMargin { get; init; }

    /// <summary>Checks the values.</summary>
    /// <exception cref="UserFaultException">One is out of its range.</exception>
    public PreferenceConfiguration Validate()
    {
        if (!float.IsFinite(Beta) || Beta <= 0)
            throw Fault(nameof(Beta), Beta, "above 0");
        if (LabelSmoothing is not (>= 0 and < 0.5f))
            throw Fault(nameof(LabelSmoothing), LabelSmoothing, "at least 0 and below 0.5");
        if (LabelSmoothing > 0 && Loss is not (PreferenceLoss.Sigmoid or PreferenceLoss.Robust))
            throw Fault(nameof(LabelSmoothing), LabelSmoothing, $"0 with the loss {Loss}, which has no place for it");
        if (!float.IsFinite(TargetMargin) || (TargetMargin != 0 && Loss == PreferenceLoss.Identity))
            throw Fault(nameof(TargetMargin), TargetMargin, "finite, and 0 with the loss Identity, which has a margin of its own");
        return this;

        static UserFaultException Fault(string name, float value, string range) =>
            new($"Preference setting {name} is {value}; it must be {range}.", $"Change {name} in the configuration.", FaultKind.Usage);
    }
}

/// <summary>
/// Direct preference optimization: raises the policy's log-probability of the chosen completion over that of the rejected one,
/// against a reference. The prompt goes through the model once for both completions.
/// </summary>
/// <param name="configuration">The settings.</param>
/// <param name="reference">What the policy is compared with; not disposed.</param>
public sealed class PreferenceObjective(PreferenceConfiguration configuration, PreferenceReference reference) : IObjective<PreferenceExample>
{
    private readonly PreferenceConfiguration _configuration = (configuration ?? throw new ArgumentNullException(nameof(configuration))).Validate();
    private readonly PreferenceReference _reference = reference ?? throw new ArgumentNullException(nameof(reference));
    private readonly CompletionRows _completions = new();
    private readonly List<float> _referenceSums = []; // [2n]: chosen, rejected
    private readonly List<float> _offsets = []; // [n]
    private readonly List<float> _targets = []; // [n]
    private readonly List<float> _weights = []; // [n]

    /// <inheritdoc/>
    public IReadOnlyList<string> Metrics { get; } =
        ["accuracy", "margin", "chosen_reward", "rejected_reward", "chosen_log_probability", "rejected_log_probability"];

    /// <inheritdoc/>
    public string Settings => string.Create(
        CultureInfo.InvariantCulture,
        $"preference {_configuration.Loss}, beta {_configuration.Beta}, smoothing {_configuration.LabelSmoothing}, mean {_configuration.LengthNormalized}, margin {_configuration.TargetMargin}, reference {_reference.Name}");

    /// <inheritdoc/>
    public void Check(Transformer model, PreferenceExample example, int index)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(example);
        ExampleCheck.LanguageHead(model);
        ExampleCheck.Weight(example.Weight, index);
        ExampleCheck.Length(model, example.PromptTokens.Length + Math.Max(example.ChosenTokens.Length, example.RejectedTokens.Length) - 1, index);
        ExampleCheck.Tokens(model, example.PromptTokens, index);
        ExampleCheck.Tokens(model, example.ChosenTokens, index);
        ExampleCheck.Tokens(model, example.RejectedTokens, index);
        if (_reference == PreferenceReference.BaseModel && (model.Adapters is null || model.Storage == ParameterStorage.Trainable))
        {
            throw new UserFaultException(
                "The reference is to be the model without its adapters, and the model has none, or its base is trained too.",
                "Train adapters over a frozen base, or give a frozen model or precomputed log-probabilities as reference.",
                FaultKind.Usage);
        }

        if (_reference == PreferenceReference.Precomputed && (example.ReferenceChosen is null || example.ReferenceRejected is null))
        {
            throw new UserFaultException(
                $"Example {index} brings no log-probabilities of the reference.", "Compute them first: PreferenceReference.Precompute.", FaultKind.Usage);
        }

        if (_reference == PreferenceReference.Precomputed && _configuration.LengthNormalized)
        {
            throw new UserFaultException(
                "Precomputed log-probabilities are sums over tokens, and LengthNormalized wants means.", "Use another reference, or none.", FaultKind.Usage);
        }
    }

    /// <inheritdoc/>
    public Tensor Record(MicroBatch<PreferenceExample> batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.Tokens.Clear();
        _completions.Clear();
        foreach (PreferenceExample example in batch.Examples)
            _completions.AddForetold(batch.Tokens, example.PromptTokens, example.Completions, example.Foretelling, _configuration.LengthNormalized);
        ReadReference(batch);
        int n = batch.Examples.Length;
        Tape tape = batch.Tape;
        Tensor sums = LogProbabilities(batch, tape, batch.Model);              // [2n, 1]
        Tensor pairs = tape.Reshape(sums, n, 2);                               // [n, 2]
        Tensor gap = tape.Add(tape.Column(pairs, 0), tape.Scale(tape.Column(pairs, 1), -1f)); // [n, 1]
        _offsets.Clear();
        for (int i = 0; i < n; i++)
            _offsets.Add(_referenceSums[(2 * i) + 1] - _referenceSums[2 * i]);
        Tensor h = tape.Add(gap, tape.Input(CollectionsMarshal.AsSpan(_offsets), n, 1)); // [n, 1]
        Report(batch, sums);
        return Loss(tape, h, batch.Examples, (float)batch.Normalizer);
    }

    private Tensor Loss(Tape tape, Tensor h, ReadOnlySpan<PreferenceExample> examples, float normalizer)
    {
        _weights.Clear();
        foreach (PreferenceExample example in examples)
            _weights.Add((float)example.Weight);
        Span<float> weights = CollectionsMarshal.AsSpan(_weights);
        float beta = _configuration.Beta, smoothing = _configuration.LabelSmoothing, margin = _configuration.TargetMargin;
        if (_configuration.Loss == PreferenceLoss.Identity)
            return tape.SquaredError(h, Constant(1 / (2 * beta), h.Rows), weights, normalizer);
        Tensor z = tape.Scale(h, beta); // [n, 1]
        if (_configuration.Loss == PreferenceLoss.Hinge)
            return tape.Hinge(z, Constant(1 + margin, h.Rows), weights, normalizer);
        if (margin != 0)
            z = tape.Add(z, tape.Input(Constant(-margin, h.Rows), h.Rows, 1));

        // softplus(z) - t·z is -t·log σ(z) - (1 - t)·log σ(-z) for every t; robust DPO's t lies above 1.
        float target = _configuration.Loss == PreferenceLoss.Robust ? (1 - smoothing) / (1 - (2 * smoothing)) : 1 - smoothing;
        return tape.BinaryCrossEntropy(z, Constant(target, h.Rows), weights, normalizer);
    }

    private ReadOnlySpan<float> Constant(float value, int count)
    {
        _targets.Clear();
        for (int i = 0; i < count; i++)
            _targets.Add(value);
        return CollectionsMarshal.AsSpan(_targets);
    }

    private Tensor LogProbabilities(MicroBatch<PreferenceExample> batch, Tape tape, Transformer model)
    {
        Tensor hidden = batch.Hidden(tape, model, _completions.Rows); // [targets, C]
        return batch.SequenceLogProbabilities(
            tape, model, hidden, _completions.Targets, _completions.Weights, _completions.Sequences, _completions.Count); // [2n, 1]
    }

    private void ReadReference(MicroBatch<PreferenceExample> batch)
    {
        _referenceSums.Clear();
        if (_reference == PreferenceReference.None || _reference == PreferenceReference.Precomputed)
        {
            foreach (PreferenceExample example in batch.Examples)
            {
                _referenceSums.Add(_reference == PreferenceReference.None ? 0f : example.ReferenceChosen!.Value);
                _referenceSums.Add(_reference == PreferenceReference.None ? 0f : example.ReferenceRejected!.Value);
            }

            return;
        }

        Transformer model = _reference.Model ?? batch.Model;
        bool adapters = model.UsesAdapters;
        model.UsesAdapters = _reference.Model is not null && adapters;
        try
        {
            batch.Inference.Begin(recording: false);
            foreach (float sum in LogProbabilities(batch, batch.Inference, model).Values)
                _referenceSums.Add(sum);
        }
        finally
        {
            model.UsesAdapters = adapters;
        }
    }

    private void Report(MicroBatch<PreferenceExample> batch, Tensor sums)
    {
        for (int i = 0; i < batch.Examples.Length; i++)
        {
            double weight = batch.Examples[i].Weight;
            double chosen = sums.Values[2 * i], rejected = sums.Values[(2 * i) + 1];
            double chosenReward = _configuration.Beta * (chosen - _referenceSums[2 * i]);
            double rejectedReward = _configuration.Beta * (rejected - _referenceSums[(2 * i) + 1]);
            batch.Report(0, chosenReward > rejectedReward ? weight : 0, weight);
            batch.Report(1, weight * (chosenReward - rejectedReward), weight);
            batch.Report(2, weight * chosenReward, weight);
            batch.Report(3, weight * rejectedReward, weight);
            batch.Report(4, weight * chosen, weight);
            batch.Report(5, weight * rejected, weight);
        }
    }
}
