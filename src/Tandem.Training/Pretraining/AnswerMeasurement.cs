using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training.Pretraining;

/// <summary>How many answers of one kind a model gave rightly.</summary>
/// <param name="Right">Answers whose most likely token is the right one.</param>
/// <param name="Asked">Answers asked for the first time in their row.</param>
/// <param name="Commonest">How many of them are the kind's most common answer: what a rule without a model gets right.</param>
public readonly record struct AnswerCount(long Right, long Asked, long Commonest);

/// <summary>Measures what a pre-trained model knows: the answers in rows of a corpus that no training run draws.</summary>
public static class AnswerMeasurement
{
    private const int BatchRows = 16;

    /// <summary>Counts right and all first-asked answers by kind.</summary>
    /// <param name="model">The model.</param>
    /// <param name="corpus">The text, of the full mixture.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="rowLength">Tokens that the model reads of each (T).</param>
    /// <param name="random">Row i is drawn from its fork by "card row" and i.</param>
    /// <param name="pool">The threads; they do not change the result.</param>
    public static IReadOnlyDictionary<string, AnswerCount> Measure(
        Transformer model, IPretrainingCorpus corpus, int rows, int rowLength, RandomStream random, WorkerPool pool)
    {
        using var batch = new PretrainingBatch(corpus, BatchRows, rowLength);
        using var tape = new Tape(pool);
        long[] right = new long[corpus.AnswerKindNames.Count], asked = new long[right.Length];
        var answers = new Dictionary<(int Kind, int Token), long>();
        for (int first = 0; first < rows; first += BatchRows)
        {
            int count = Math.Min(BatchRows, rows - first);
            batch.Draw(random, "card row", first, CurriculumStage.Mix, pool);
            batch.Pack(0, count);
            tape.Begin(recording: false);
            Tensor logits = model.Logits(tape, model.Hidden(tape, batch.Tokens)); // [N, V]
            batch.CountAnswers(logits, 0, count, right, asked);
            foreach (var answer in batch.FirstAsked(count))
                answers[answer] = answers.GetValueOrDefault(answer) + 1;
        }

        var counts = new SortedDictionary<string, AnswerCount>(StringComparer.Ordinal);
        for (int kind = 1; kind < asked.Length; kind++)
        {
            if (asked[kind] > 0)
            {
                long commonest = answers.Where(a => a.Key.Kind == kind).Max(a => a.Value);
                counts[corpus.AnswerKindNames[kind]] = new AnswerCount(right[kind], asked[kind], commonest);
            }
        }

        return counts;
    }
}
