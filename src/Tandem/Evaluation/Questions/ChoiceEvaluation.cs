using Tandem.Datasets;
using Tandem.Tuning;

namespace Tandem.Evaluation.Questions;

/// <summary>How questions with options are asked.</summary>
public sealed record ChoiceSettings
{
    /// <summary>How the options are put.</summary>
    public ChoiceStyle Style { get; init; } = ChoiceStyle.Letters;

    /// <summary>In how many orders each question is asked; 0 for as many as it has options.</summary>
    public int Rotations { get; init; }

    /// <summary>The seed of the orders.</summary>
    public ulong Seed { get; init; }
}

/// <summary>Measures models on questions with options.</summary>
public static class ChoiceEvaluation
{
    private const int QuestionsAtOnce = 16;

    /// <summary>
    /// Asks every question in every rotation. An item's credit, conformity and probabilities are means over its rotations; an
    /// item of which a rotation is not scored is not scored.
    /// </summary>
    /// <param name="records">The questions.</param>
    /// <param name="scorer">The model.</param>
    /// <param name="settings">How they are asked.</param>
    /// <param name="progress">Told the number of items done; null for none.</param>
    /// <param name="cancellation">Ends the evaluation.</param>
    public static async Task<IReadOnlyList<EvaluatedItem>> RunAsync(
        IReadOnlyList<ChoiceRecord> records, IChoiceScorer scorer, ChoiceSettings settings, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(records);
        ArgumentNullException.ThrowIfNull(scorer);
        ArgumentNullException.ThrowIfNull(settings);
        var evaluated = new List<EvaluatedItem>(records.Count);
        foreach (ChoiceRecord[] chunk in records.Chunk(QuestionsAtOnce))
        {
            cancellation.ThrowIfCancellationRequested();
            IReadOnlyList<ChoicePrompt>[] prompts = [.. chunk.Select(record => ChoiceRotations.Of(record, settings.Style, settings.Rotations, settings.Seed))];
            IReadOnlyList<ScoredChoice> scored = await scorer.ScoreAsync([.. prompts.SelectMany(rotations => rotations)], cancellation).ConfigureAwait(false);
            int next = 0;
            for (int i = 0; i < chunk.Length; i++)
            {
                evaluated.Add(Item(chunk[i], prompts[i], [.. scored.Skip(next).Take(prompts[i].Count)]));
                next += prompts[i].Count;
            }

            progress?.Invoke(evaluated.Count);
        }

        return evaluated;
    }

    private static EvaluatedItem Item(ChoiceRecord record, IReadOnlyList<ChoicePrompt> prompts, ScoredChoice[] scored)
    {
        IReadOnlyList<int> right = record.Answers ?? (record.Answer is { } answer ? [answer] : []);
        EvaluatedItem item = ItemsFile.Of(record) with
        {
            Right = right,
            Violation = record.Violation,
            Chance = (double)right.Count / record.Options.Count,
        };
        if (Array.Find(scored, choice => choice.LogProbabilities is null) is { } missing)
            return item with { Unscored = missing.Unscored };
        var answers = prompts.Zip(scored, (prompt, choice) => Answer(prompt, choice.LogProbabilities!, right)).ToList();
        return item with
        {
            Answers = answers,
            Scores = [.. Enumerable.Range(0, record.Options.Count).Select(option => (double?)answers.Average(reply => reply.Probabilities[option]))],
            Credit = right.Count == 0 ? null : answers.Average(reply => reply.Credit!.Value),
            Conformity = record.Violation is { } violation ? answers.Average(reply => 1 - ShareOfFirst(reply.Probabilities, [violation])) : null,
        };
    }

    private static ChoiceAnswer Answer(ChoicePrompt prompt, IReadOnlyList<double> logProbabilities, IReadOnlyList<int> right)
    {
        double highest = logProbabilities.Max();
        double[] shown = [.. logProbabilities.Select(value => Math.Exp(value - highest))];
        double sum = shown.Sum();
        double[] probabilities = prompt.Recorded([.. shown.Select(value => value / sum)]);
        int place = shown.Index().First(pair => pair.Item == 1).Index;
        return new ChoiceAnswer(prompt.Order, probabilities, place, right.Count == 0 ? null : ShareOfFirst(probabilities, right));
    }

    // Options of exactly equal probability share the first place.
    private static double ShareOfFirst(IReadOnlyList<double> probabilities, IReadOnlyList<int> options)
    {
        double highest = probabilities.Max();
        int[] first = [.. Enumerable.Range(0, probabilities.Count).Where(option => probabilities[option] == highest)];
        return (double)first.Count(options.Contains) / first.Length;
    }
}
