using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>
/// What a model is trained for: the loss of a micro-batch of examples. An objective is used by one training at a time, and a
/// steady step of it allocates nothing.
/// </summary>
/// <typeparam name="TExample">The kind of example.</typeparam>
public interface IObjective<TExample>
    where TExample : ITokenExample
{
    /// <summary>
    /// Records the forward pass of a micro-batch on <see cref="MicroBatch{TExample}.Tape"/> and reports its metrics.
    /// </summary>
    /// <returns>
    /// Its part of the batch's loss, [1, 1]: the sum of its examples' losses divided by
    /// <see cref="MicroBatch{TExample}.Normalizer"/>, so that the parts of a batch, and their gradients, add up to the whole.
    /// </returns>
    Tensor Record(MicroBatch<TExample> batch);

    /// <summary>The names of the metrics that are reported.</summary>
    IReadOnlyList<string> Metrics => [];

    /// <summary>All settings that decide the loss, as text: a run that was begun with others does not continue.</summary>
    string Settings { get; }

    /// <summary>Checks that a model can be trained on an example.</summary>
    /// <exception cref="UserFaultException">It cannot; the message names the example by its index.</exception>
    void Check(Transformer model, TExample example, int index)
    {
    }

    /// <summary>
    /// Whether the loss of an example depends on what the model says about the rest of its batch now. A batch of several parts
    /// is then shown to <see cref="Survey"/> first, for one forward pass more.
    /// </summary>
    bool NeedsSurvey => false;

    /// <summary>Looks at a part of a batch, with <see cref="MicroBatch{TExample}.Inference"/>, before any part is recorded.</summary>
    void Survey(MicroBatch<TExample> batch)
    {
    }
}
