using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Pretraining;
using Xunit;

namespace Tandem.Training.Tests;

public class AnswerMeasurementTests
{
    private const int Rows = 21, Length = 24;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Measure_OfAModelThatAlwaysSaysOneToken_CountsTheAnswersThatAreIt(int threads)
    {
        // Zero weights give equal logits, of which the first is the largest: token 0 always.
        using var model = new Transformer(new TransformerConfiguration
        {
            VocabularySize = 8,
            HiddenSize = 8,
            IntermediateSize = 8,
            Layers = 1,
            Heads = 1,
            KeyValueHeads = 1,
            MaximumPositions = Length,
        });
        var corpus = new CycleCorpus();
        using var pool = new WorkerPool(threads);
        AnswerCount count = Assert.Single(
            AnswerMeasurement.Measure(model, corpus, Rows, Length, new RandomStream(4), pool), c => c.Key == "third").Value;

        long[] answers = new long[8];
        for (int i = 0; i < Rows; i++)
        {
            var row = new PretrainingRow(Length);
            corpus.Next(new RandomStream(4).Fork("card row", (ulong)i), CurriculumStage.Mix, row);
            for (int t = 1; t <= Length; t++)
            {
                if (row.AnswerKinds[t] != 0 && row.FirstAsked[t])
                    answers[row.Tokens[t]]++;
            }
        }

        Assert.Equal(new AnswerCount(answers[0], answers.Sum(), answers.Max()), count);
        Assert.InRange(count.Right, 1, count.Commonest);
    }
}
