using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>
/// What a policy is compared with: the log-probabilities log π_ref of both completions.
/// </summary>
public sealed class PreferenceReference
{
    private PreferenceReference(string name, Transformer? model = null) => (Name, Model) = (name, model);

    /// <summary>No reference: its log-probabilities count as equal for both completions.</summary>
    public static PreferenceReference None { get; } = new("none");

    /// <summary>The model that is trained without its adapters: no second copy of the weights, one forward pass more per step.</summary>
    public static PreferenceReference BaseModel { get; } = new("base model");

    /// <summary>Log-probabilities that the examples bring with them: see <see cref="Precompute"/>.</summary>
    public static PreferenceReference Precomputed { get; } = new("precomputed");

    /// <summary>What it is, for settings and faults.</summary>
    public string Name { get; }

    /// <summary>The frozen model, if it is one.</summary>
    internal Transformer? Model { get; }

    /// <summary>Another model, which is not changed: one forward pass of it per step.</summary>
    public static PreferenceReference Frozen(Transformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new PreferenceReference("frozen model", model);
    }

    /// <summary>Computes the log-probabilities of all examples once.</summary>
    /// <param name="model">The reference, as it computes now.</param>
    /// <param name="examples">The examples.</param>
    /// <param name="pool">The threads; their number does not change the result.</param>
    /// <param name="batchTokens">Tokens of a forward pass, unless one example has more; does not change the result.</param>
    /// <returns>The examples with <see cref="PreferenceExample.ReferenceChosen"/> and <see cref="PreferenceExample.ReferenceRejected"/>.</returns>
    public static IReadOnlyList<PreferenceExample> Precompute(
        Transformer model, IReadOnlyList<PreferenceExample> examples, WorkerPool pool, int batchTokens = 4096)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(examples);
        using var tape = new Tape(pool);
        var tokens = new TokenBatch();
        var completions = new CompletionRows();
        var result = new PreferenceExample[examples.Count];
        for (int first = 0; first < examples.Count;)
        {
            tokens.Clear();
            completions.Clear();
            int end = first;
            do
            {
                PreferenceExample example = examples[end++];
                completions.AddForetold(tokens, example.PromptTokens, example.Completions, example.Foretelling, mean: false);
            }
            while (end < examples.Count && tokens.Count + examples[end].TokenCount <= batchTokens);

            tape.Begin(recording: false);
            Tensor hidden = model.HiddenOf(tape, tokens, completions.Rows); // [targets, C]
            Tensor sums = model.SequenceLogProbabilities(
                tape, hidden, completions.Targets, completions.Weights, completions.Sequences, completions.Count); // [2n, 1]
            for (int i = first; i < end; i++)
            {
                int at = 2 * (i - first);
                result[i] = examples[i] with { ReferenceChosen = sums.Values[at], ReferenceRejected = sums.Values[at + 1] };
            }

            first = end;
        }

        return result;
    }
}
