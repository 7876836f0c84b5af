using Tandem.Datasets;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Training.Objectives;

namespace Tandem.Tuning;

/// <summary>Supervised fine-tuning, measured by accuracy on questions and by loss on other texts.</summary>
internal static class SupervisedTuning
{
    /// <summary>The training questions whose agreement is measured; more would cost more than they tell.</summary>
    private const int MostAgreementItems = 500;

    public static (TrainingSummary Training, TuningMeasurement[] Measurements) Run(
        SupervisedTuningConfiguration recipe, TuningSession session, TunedModel model, TuningData data) =>
        data.Train[0] is ChoiceRecord ? Questions(recipe, session, model, data) : Sequences(recipe, session, model, data);

    /// <summary>The examples of a recipe; the number of records without one.</summary>
    public static TuningTask<SequenceExample> Task(SupervisedTuningConfiguration recipe, TunedModel model, TuningData data)
    {
        var objective = new SupervisedObjective((float)recipe.LabelSmoothing);
        if (data.Train[0] is not ChoiceRecord)
        {
            var set = new SequenceSet(data.Train, model, recipe.Learn);
            return new TuningTask<SequenceExample>(objective, set.Examples, set.LeftOut, set.Truncated);
        }

        IReadOnlyList<ChoiceRecord> records = TuningData.Of<ChoiceRecord>(data.Train, "questions with options");
        var questions = new QuestionSet(QuestionSet.Answered(records), model, recipe.ChoiceStyle, recipe.Seed);
        return new TuningTask<SequenceExample>(
            objective, questions.Answers(recipe.Learn), questions.LeftOut + records.Count - questions.Records.Count, questions.Truncated);
    }

    private static (TrainingSummary, TuningMeasurement[]) Questions(
        SupervisedTuningConfiguration recipe, TuningSession session, TunedModel model, TuningData data)
    {
        QuestionSet Set(IReadOnlyList<DataRecord> records) => new(
            QuestionSet.Answered(TuningData.Of<ChoiceRecord>(records, "questions with options")), model, recipe.ChoiceStyle, recipe.Seed);
        QuestionSet held = Set(data.HeldOut);
        QuestionSet learned = Set(Sampling.Shuffled(data.Train, new RandomStream(recipe.Seed).Fork("agreement")).Take(MostAgreementItems).ToArray());
        int[][] Choose(Transformer transformer) => [held.Chosen(transformer, session.Pool), learned.Chosen(transformer, session.Pool)];

        int[][] before = session.Measure("before", model.Base, Choose);
        TrainingSummary training = session.Train("train", model, _ => Task(recipe, model, data) with
        {
            Evaluation = new FineTuningEvaluation("accuracy", LabelTrust.Trusted, transformer => Accuracy(held, held.Chosen(transformer, session.Pool))),
        });
        int[][] after = session.Measure("after", () => session.Trained("train", model), Choose);
        return (training,
        [
            Compared("accuracy, held out", held, before[0], after[0]),
            Compared("agreement with training labels", learned, before[1], after[1]),
        ]);
    }

    private static (TrainingSummary, TuningMeasurement[]) Sequences(
        SupervisedTuningConfiguration recipe, TuningSession session, TunedModel model, TuningData data)
    {
        var held = new SequenceSet(data.HeldOut, model, recipe.Learn);
        if (held.Examples.Count == 0)
        {
            throw new UserFaultException(
                $"No held-out record fits into {model.MaximumTokens} tokens.", "Raise training.maximum_tokens, or hold other records out.", FaultKind.Usage);
        }

        double[] Losses(Transformer transformer) => held.Losses(transformer, session.Pool);
        double[] before = session.Measure("before", model.Base, Losses);
        TrainingSummary training = session.Train("train", model, _ => Task(recipe, model, data) with
        {
            Evaluation = new FineTuningEvaluation(
                "loss per token", LabelTrust.Trusted, transformer => Losses(transformer).Sum() / held.Examples.Sum(e => e.Weight))
            {
                HigherIsBetter = false,
            },
        });
        double[] after = session.Measure("after", () => session.Trained("train", model), Losses);
        return (training, [held.Measure(before, after, new RandomStream(recipe.Seed).Fork("bootstrap"))]);
    }

    /// <summary>The accuracy of choices; NaN where none was made.</summary>
    public static double Accuracy(QuestionSet questions, int[] choices)
    {
        int[] kept = Kept(choices);
        return kept.Length == 0 ? double.NaN : questions.Right(choices, kept).Count(right => right) / (double)kept.Length;
    }

    /// <summary>The accuracy before and after, and the paired difference.</summary>
    public static TuningMeasurement Compared(string name, QuestionSet questions, int[] before, int[] after)
    {
        int[] kept = Kept(after);
        bool[] rightBefore = questions.Right(before, kept), rightAfter = questions.Right(after, kept);
        return new TuningMeasurement(name, Proportion.Wilson(rightAfter))
        {
            Before = Proportion.Wilson(rightBefore),
            Change = Proportion.PairedDifference(rightAfter, rightBefore),
            Chance = questions.Chance,
            LeftOut = questions.LeftOut,
        };
    }

    // What fits into the tokens fits before and after training alike.
    private static int[] Kept(int[] choices) => [.. Enumerable.Range(0, choices.Length).Where(i => choices[i] != Choices.Unscored)];
}
