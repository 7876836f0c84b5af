using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training;
using Tandem.Training.FineTuning;
using Tandem.Training.Objectives;

namespace Tandem.Tuning;

/// <summary>What a training will take, before it is begun. Tokens, operations and memory are estimates.</summary>
/// <param name="Name">Which training.</param>
/// <param name="Parameters">Parameters of the model.</param>
/// <param name="TrainableParameters">Parameters that are trained.</param>
/// <param name="Examples">Examples.</param>
/// <param name="LeftOut">Records without an example.</param>
/// <param name="Truncated">Examples whose prompt loses its beginning, or text its end.</param>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="Tokens">Tokens that go through the model to train it.</param>
/// <param name="Flops">Floating-point operations of the training; evaluations are not among them.</param>
/// <param name="MemoryBytes">Weights, gradients, moments, and the activations of a part of a batch.</param>
public sealed record TuningPlan(
    string Name, long Parameters, long TrainableParameters, int Examples, int LeftOut, int Truncated, long Steps, double Tokens, double Flops, long MemoryBytes)
{
    // Gradient, and two moments of AdamW, in fp32.
    private const long BytesOfTraining = 12;

    /// <summary>The plans of the trainings of a recipe.</summary>
    /// <param name="prepared">The recipe with its model and data.</param>
    public static IReadOnlyList<TuningPlan> Of(PreparedTuning prepared)
    {
        ArgumentNullException.ThrowIfNull(prepared);
        TunedModel model = prepared.Model;
        switch (prepared.Recipe)
        {
            case SupervisedTuningConfiguration sft:
                return [Of("train", model, sft, SupervisedTuning.Task(sft, model, prepared.Data), e => (Sequence(e), e.LossMask.Count(weight => weight > 0)))];
            case WeakToStrongTuningConfiguration weak:
                var plan = new WeakToStrongTuning(weak, model, prepared.Data);
                var plans = new List<TuningPlan>();
                if (weak.Teacher.Length > 0)
                    plans.Add(Choice("teacher", new TunedModel(weak.Teacher, weak), plan.TeacherRecords));
                for (int link = 1; link <= weak.Intermediates.Count; link++)
                    plans.Add(Choice($"intermediate-{link}", new TunedModel(weak.Intermediates[link - 1], weak), plan.StudentRecords));
                plans.Add(Choice("student", model, plan.StudentRecords));
                plans.Add(plans[^1] with { Name = "ceiling" });
                return plans;

                TuningPlan Choice(string name, TunedModel of, IReadOnlyList<Datasets.ChoiceRecord> records)
                {
                    QuestionSet questions = plan.Set(records, of);
                    return Of(
                        name, of, weak, WeakToStrongTuning.Task(questions, i => WeakToStrongTuning.Truth(questions.Records[i]), weak, null, null),
                        e => (Branches(e.PromptTokens, e.Options), e.Options.Sum(option => option.Length)));
                }

            default:
                bool reward = prepared.Recipe is RewardTuningConfiguration;
                return
                [
                    Of("train", model, prepared.Recipe, PairTuning.Task(prepared.Recipe, model, prepared.Data, null, null),
                        e => (Branches(e.PromptTokens, [e.ChosenTokens, e.RejectedTokens]), reward ? 2 : e.ChosenTokens.Length + e.RejectedTokens.Length)),
                ];
        }
    }

    private static TuningPlan Of<TExample>(
        string name, TunedModel source, TuningConfiguration recipe, TuningTask<TExample> task, Func<TExample, (TokenBatch Tokens, int Rows)> read)
        where TExample : ITokenExample
    {
        // Never filled, its memory is not taken.
        using var shape = new Transformer(source.Pretrained.Configuration, source.TrainedStorage, source.Adapters) { RecomputesActivations = recipe.RecomputeActivations };
        var cost = new ModelCost(shape);
        long trainable = shape.Parameters.All.Where(p => p.IsTrainable).Sum(p => (long)p.Tensor.Length);
        double tokens = 0, flops = 0;
        foreach (TExample example in task.Examples)
        {
            (TokenBatch batch, int rows) = read(example);
            tokens += batch.Count;
            flops += cost.Training(batch, rows) + (shape.Configuration.LanguageHead ? cost.LanguageHead(rows, training: true) : cost.ScoreHead(rows, training: true));
        }

        FineTuningConfiguration settings = TuningSession.Settings(recipe, name, task.Examples.Count);
        long steps = settings.TotalSteps(task.Examples.Count);
        double epochs = task.Examples.Count == 0 ? 0 : (double)steps / settings.StepsPerEpoch(task.Examples.Count);
        long width = source.TrainedStorage == ParameterStorage.FrozenBFloat16 ? 2 : 4;
        long parameters = source.Pretrained.Configuration.ParameterCount;
        long adapters = shape.Parameters.All.Sum(p => (long)p.Tensor.Length) - parameters;
        long memory = (parameters * width) + (adapters * 4) + (trainable * BytesOfTraining) + Activations(shape.Configuration, recipe, task.Examples);
        return new TuningPlan(
            name, parameters, trainable, task.Examples.Count, task.LeftOut, task.Truncated, steps, tokens * epochs, flops * epochs, memory);
    }

    private static long Activations<TExample>(TransformerConfiguration shape, TuningConfiguration recipe, IReadOnlyList<TExample> examples)
        where TExample : ITokenExample
    {
        if (examples.Count == 0)
            return 0;
        long longest = examples.Max(e => e.TokenCount), batch = (long)recipe.Training.BatchExamples * longest;
        long tokens = recipe.Training.MicroBatchTokens > 0 ? Math.Min(batch, Math.Max(longest, recipe.Training.MicroBatchTokens)) : batch;

        // Values and gradients of what a layer keeps: two norms, queries, keys, values, attention, two sums, and the feed-forward block.
        long layer = 2 * ((6L * shape.HiddenSize) + (2L * shape.Heads * shape.HeadSize) + (2L * shape.KeyValueHeads * shape.HeadSize) + (3L * shape.IntermediateSize));
        long kept = recipe.RecomputeActivations ? layer + ((long)shape.Layers * shape.HiddenSize) : layer * shape.Layers;
        return 4 * tokens * kept;
    }

    private static TokenBatch Sequence(SequenceExample example)
    {
        var batch = new TokenBatch();
        batch.Add(example.Tokens.AsSpan(0, example.TokenCount));
        return batch;
    }

    private static TokenBatch Branches(int[] prompt, int[][] ends)
    {
        var batch = new TokenBatch();
        batch.AddBranches(prompt, [.. ends.Select(end => (ReadOnlyMemory<int>)end)]);
        return batch;
    }
}
