using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Objectives;

namespace Tandem.Training.Tests;

/// <summary>Loss, metrics and gradients of an objective over one batch, in one part or several.</summary>
internal sealed class ObjectiveStep<TExample> : IDisposable
    where TExample : ITokenExample
{
    private readonly MicroBatch<TExample> _batch;

    private ObjectiveStep(MicroBatch<TExample> batch, double loss, double[] metrics, float[] gradients) =>
        (_batch, Loss, Metrics, Gradients) = (batch, loss, metrics, gradients);

    public double Loss { get; }

    public double[] Metrics { get; }

    public float[] Gradients { get; }

    public double Flops => _batch.Flops;

    public static ObjectiveStep<TExample> Take(
        Transformer model, IObjective<TExample> objective, IReadOnlyList<TExample> examples, WorkerPool pool, int part = int.MaxValue, double progress = 0)
    {
        var batch = new MicroBatch<TExample>(model, pool, objective.Metrics.Count);
        batch.BeginBatch(examples.Count, examples.Sum(e => e.Weight), progress);
        model.Parameters.ZeroGradients();
        for (int i = 0; i < examples.Count; i++)
            objective.Check(model, examples[i], i);
        if (objective.NeedsSurvey && part < examples.Count)
            Parts(_ => objective.Survey(batch));
        double loss = 0;
        Parts(_ =>
        {
            batch.Tape.Begin(recording: true);
            Tensor tensor = objective.Record(batch);
            batch.Tape.Backward(tensor);
            loss += tensor.Values[0];
        });
        double[] metrics = new double[objective.Metrics.Count];
        batch.ReadMetrics(metrics);
        return new ObjectiveStep<TExample>(batch, loss, metrics, [.. model.Parameters.All.SelectMany(p => p.Tensor.Gradients.ToArray())]);

        void Parts(Action<int> use)
        {
            for (int start = 0; start < examples.Count; start += Math.Min(part, examples.Count))
            {
                batch.BeginPart(start);
                for (int i = start; i < Math.Min(examples.Count, start + (long)part); i++)
                    batch.Add(examples[i]);
                use(start);
            }
        }
    }

    public void Dispose() => _batch.Dispose();
}
