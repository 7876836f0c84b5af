using Tandem.Datasets;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Objectives;

namespace Tandem.Tuning;

/// <summary>Texts, completions or conversations in the tokens of one model, and the loss of a model on them.</summary>
internal sealed class SequenceSet
{
    private const int BatchTokens = 4096;

    public SequenceSet(IReadOnlyList<DataRecord> records, TunedModel model, LearnedPart learn)
    {
        if (records.FirstOrDefault(r => r is not (TextRecord or PromptCompletionRecord or ConversationRecord)) is { } other)
        {
            throw new UserFaultException(
                $"{other.Origin} is a {other.GetType().Name}, from which supervised fine-tuning does not learn.",
                "Give texts, prompts with completions, conversations, or questions with options.", FaultKind.Usage);
        }

        var renderer = new ExampleRenderer(model.Format, model.MaximumTokens);
        Examples = [.. records.Select(renderer.Sequence).OfType<SequenceExample>().Select(example => learn == LearnedPart.All ? All(example) : example)];
        (LeftOut, Truncated) = (renderer.LeftOut, renderer.Truncated);
    }

    public IReadOnlyList<SequenceExample> Examples { get; }

    public int LeftOut { get; }

    public int Truncated { get; }

    /// <summary>The negative log-probability of the learned tokens of each example, in nats.</summary>
    public double[] Losses(Transformer model, WorkerPool pool)
    {
        using var tape = new Tape(pool);
        var batch = new TokenBatch();
        var rows = new List<int>();
        var targets = new List<int>();
        var weights = new List<float>();
        var sequences = new List<int>();
        double[] losses = new double[Examples.Count];
        for (int first = 0; first < losses.Length;)
        {
            batch.Clear();
            rows.Clear();
            targets.Clear();
            weights.Clear();
            sequences.Clear();
            int end = first;
            do
            {
                SequenceExample example = Examples[end];
                for (int i = 1; i <= example.TokenCount; i++)
                {
                    if (example.LossMask[i] == 0)
                        continue;
                    rows.Add(batch.Count + i - 1);
                    targets.Add(example.Tokens[i]);
                    weights.Add(example.LossMask[i]);
                    sequences.Add(end - first);
                }

                batch.Add(example.Tokens.AsSpan(0, example.TokenCount));
                end++;
            }
            while (end < losses.Length && batch.Count + Examples[end].TokenCount <= BatchTokens);

            tape.Begin(recording: false);
            Tensor hidden = model.HiddenOf(tape, batch, [.. rows]); // [targets, C]
            Tensor sums = model.SequenceLogProbabilities(tape, hidden, [.. targets], [.. weights], [.. sequences], end - first); // [sequences, 1]
            for (int i = first; i < end; i++)
                losses[i] = -sums.Values[i - first];
            first = end;
        }

        return losses;
    }

    /// <summary>The loss per token before and after training, with intervals over examples.</summary>
    public TuningMeasurement Measure(double[] before, double[] after, RandomStream random)
    {
        double[] tokens = [.. Examples.Select(example => example.Weight)];
        double[] change = [.. after.Zip(before, (a, b) => a - b)];
        return new TuningMeasurement("loss per token, held out", Ratio(after, "after"))
        {
            Before = Ratio(before, "before"),
            Change = Ratio(change, "change"),
            LeftOut = LeftOut,
            Unit = "nats",
        };

        Estimate Ratio(double[] losses, string name) => Bootstrap.PairedRatio(losses, tokens, random.Fork(name));
    }

    private static SequenceExample All(SequenceExample example) => new(example.Tokens, [.. example.Tokens.Select(_ => 1f)]);
}
