using Tandem.Datasets;
using Tandem.Evaluation;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Objectives;

namespace Tandem.Tuning;

/// <summary>
/// Questions with known answers, in the tokens of one model. Indices and distributions are over the options in the record's
/// order; what the model sees is in an order of its own (<see cref="ChoicePrompt"/>).
/// </summary>
internal sealed class QuestionSet
{
    private readonly (ChoicePrompt Prompt, int[] Tokens, int[][] Replies)?[] _parts;

    public QuestionSet(IReadOnlyList<ChoiceRecord> records, TunedModel model, ChoiceStyle style, ulong seed)
    {
        Records = records;
        var renderer = new ExampleRenderer(model.Format, model.MaximumTokens);
        _parts = [.. records.Select(record =>
        {
            ChoicePrompt prompt = ChoicePrompt.Of(record, style, seed);
            return renderer.Fit(prompt.Turns, prompt.Replies) is { } parts ? (prompt, parts.Prompt, parts.Replies) : ((ChoicePrompt, int[], int[][])?)null;
        })];
        (LeftOut, Truncated) = (renderer.LeftOut, renderer.Truncated);
        PerToken = style == ChoiceStyle.Continuations;
    }

    public IReadOnlyList<ChoiceRecord> Records { get; }

    /// <summary>Questions that do not fit into the model's tokens.</summary>
    public int LeftOut { get; }

    public int Truncated { get; }

    /// <summary>Whether options are compared per token: continuations differ in length, letters do not.</summary>
    public bool PerToken { get; }

    /// <summary>The accuracy of a guess.</summary>
    public double Chance => Records.Count == 0 ? 0 : Records.Average(record => (double)(record.Answers?.Count ?? 1) / record.Options.Count);

    /// <summary>The questions whose answer is known.</summary>
    public static IReadOnlyList<ChoiceRecord> Answered(IReadOnlyList<ChoiceRecord> records) => [.. records.Where(r => r.Answer is not null)];

    public static bool IsRight(ChoiceRecord record, int choice) => record.Answers?.Contains(choice) ?? record.Answer == choice;

    public static ItemTruth Truth(ChoiceRecord record) => new(
        [.. Enumerable.Range(0, record.Options.Count).Select(option => IsRight(record, option))], [.. record.Options.Select(_ => true)]);

    /// <summary>The truth as a distribution.</summary>
    public static float[] Certain(ChoiceRecord record, int option) => [.. Enumerable.Range(0, record.Options.Count).Select(k => k == option ? 1f : 0f)];

    /// <summary>An example with a distribution over all options, for each question that fits and has one.</summary>
    /// <param name="label">The distribution of a record by its index; null for none.</param>
    public IReadOnlyList<ChoiceTokensExample> Examples(Func<int, IReadOnlyList<float>?> label)
    {
        var examples = new List<ChoiceTokensExample>();
        for (int i = 0; i < _parts.Length; i++)
        {
            if (_parts[i] is { } parts && label(i) is { } target)
                examples.Add(new ChoiceTokensExample(parts.Tokens, parts.Replies, parts.Prompt.Shown(target)));
        }

        return examples;
    }

    /// <summary>The right answer as a completion, of each question that fits.</summary>
    public IReadOnlyList<SequenceExample> Answers(LearnedPart learn) =>
    [
        .. Examples(i => Certain(Records[i], Records[i].Answer!.Value)).Select(example =>
        {
            int[] answer = example.Options[Array.IndexOf(example.Target, 1f)];
            return learn == LearnedPart.All
                ? SequenceExample.Completion(example.PromptTokens.AsSpan(0, 1), [.. example.PromptTokens[1..], .. answer])
                : SequenceExample.Completion(example.PromptTokens, answer);
        }),
    ];

    /// <summary>The model's distribution over the options of each question, as it is trained and measured; null for one that does not fit.</summary>
    public double[]?[] Distributions(Transformer model, WorkerPool pool)
    {
        int[] fitting = [.. Enumerable.Range(0, _parts.Length).Where(i => _parts[i] is not null)];
        ContinuationScore[][] scores = ContinuationScorer.Score(
            model, [.. fitting.Select(i => new ContinuationQuestion(_parts[i]!.Value.Tokens, [.. _parts[i]!.Value.Replies.Select(r => (ReadOnlyMemory<int>)r)]))], pool);
        double[]?[] result = new double[_parts.Length][];
        for (int i = 0; i < fitting.Length; i++)
        {
            double[] logits = [.. scores[i].Select(score => score.LogProbability / (PerToken ? score.Tokens : 1))];
            double maximum = logits.Max(), sum = logits.Sum(logit => Math.Exp(logit - maximum));
            result[fitting[i]] = _parts[fitting[i]]!.Value.Prompt.Recorded([.. logits.Select(logit => Math.Exp(logit - maximum) / sum)]);
        }

        return result;
    }

    /// <summary>The most probable option of each question; <see cref="Choices.Unscored"/> for one that does not fit.</summary>
    public int[] Chosen(Transformer model, WorkerPool pool) => Chosen(Distributions(model, pool));

    public static int[] Chosen(IReadOnlyList<double[]?> distributions) =>
        Choices.FromScores([.. distributions.Select(row => row is null ? null : Array.ConvertAll(row, p => (float)p))]);

    /// <summary>Whether each choice is right; questions without a choice are left out, by <paramref name="kept"/>.</summary>
    public bool[] Right(IReadOnlyList<int> choices, IEnumerable<int> kept) => [.. kept.Select(i => IsRight(Records[i], choices[i]))];
}
