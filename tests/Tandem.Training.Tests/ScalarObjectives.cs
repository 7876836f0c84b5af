using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Objectives;

namespace Tandem.Training.Tests;

/// <summary>What objectives are made of, one plain sequence at a time.</summary>
internal static class ScalarModel
{
    public static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    public static double[] LogSoftmax(double[] logits)
    {
        double largest = logits.Max(), sum = largest + Math.Log(logits.Sum(l => Math.Exp(l - largest)));
        return [.. logits.Select(l => l - sum)];
    }

    public static double[] NextLogs(Transformer model, int[] tokens, WorkerPool pool) => Last(model, tokens, pool, model.Logits, LogSoftmax);

    public static double[] Scores(Transformer model, int[] tokens, WorkerPool pool) => Last(model, tokens, pool, model.Scores, scores => scores);

    public static double LogProbability(Transformer model, int[] prompt, int[] completion, WorkerPool pool) =>
        completion.Select((token, i) => NextLogs(model, [.. prompt, .. completion[..i]], pool)[token]).Sum();

    private static double[] Last(Transformer model, int[] tokens, WorkerPool pool, Func<Tape, Tensor, Tensor> head, Func<double[], double[]> then)
    {
        using var tape = new Tape(pool);
        var batch = new TokenBatch();
        batch.Add(tokens);
        tape.Begin(recording: false);
        Tensor rows = head(tape, model.Hidden(tape, batch));
        return then([.. rows.Row(tokens.Length - 1).ToArray().Select(v => (double)v)]);
    }
}

/// <summary>The targets of <see cref="ChoiceObjective"/>, written down anew.</summary>
internal static class ScalarTargets
{
    public static (double[][] Targets, bool[] Used) Of(
        List<ChoiceTokensExample> examples, double[][] logits, ChoiceConfiguration configuration, double share)
    {
        double smoothing = configuration.LabelSmoothing;
        double[][] weak = [.. examples.Select(e => e.Target.Select(t => ((1 - smoothing) * t) + (smoothing / e.Target.Length)).ToArray())];
        double[][] own = [.. logits.Select(row => ScalarModel.LogSoftmax(row).Select(Math.Exp).ToArray())];
        bool[] used = [.. examples.Select(_ => true)];
        switch (configuration.Loss)
        {
            case WeakLoss.Confidence:
                int[] hard = configuration.Hardening == Hardening.Maximum ? [.. own.Select(p => Array.IndexOf(p, p.Max()))] : ByProportions(own, weak);
                return ([.. weak.Select((q, i) => q.Select((t, k) => ((1 - share) * t) + (k == hard[i] ? share : 0)).ToArray())], used);
            case WeakLoss.Product:
                double[][] products = [.. weak.Select((q, i) => q.Select((t, k) => Math.Pow(t, configuration.ProductWeak) * Math.Pow(own[i][k], configuration.ProductStrong)).ToArray())];
                return ([.. products.Select(p => p.Select(t => t / p.Sum()).ToArray())], used);
            case WeakLoss.Window:
                return (weak, [.. own.Select(p => p.Max() < (1.0 / p.Length) + configuration.WindowRadius)]);
            default:
                return (weak, used);
        }
    }

    public static int[] ByProportions(double[][] own, double[][] weak)
    {
        var result = new int[own.Length];
        foreach (var group in Enumerable.Range(0, own.Length).GroupBy(i => own[i].Length))
        {
            int[] items = [.. group];
            if (group.Key == 2)
            {
                double[] sorted = [.. items.Select(i => own[i][0]).Order()];
                double place = items.Average(i => weak[i][1]) * (items.Length - 1);
                int low = (int)place;
                double threshold = low + 1 < items.Length ? sorted[low] + ((place - low) * (sorted[low + 1] - sorted[low])) : sorted[low];
                foreach (int i in items)
                    result[i] = own[i][0] >= threshold ? 0 : 1;
                continue;
            }

            double[] shares = [.. Enumerable.Range(0, group.Key).Select(k => items.Sum(i => weak[i][k]))];
            int[] places = [.. shares.Select(s => (int)s)];
            foreach (int k in Enumerable.Range(0, group.Key).OrderByDescending(k => shares[k] - places[k]).Take(items.Length - places.Sum()).ToArray())
                places[k]++;
            var open = items.ToHashSet();
            foreach (var (item, answer) in items.SelectMany(i => Enumerable.Range(0, group.Key).Select(k => (i, k))).OrderByDescending(p => own[p.i][p.k]))
            {
                if (open.Contains(item) && places[answer] > 0)
                {
                    open.Remove(item);
                    places[answer]--;
                    result[item] = answer;
                }
            }
        }

        return result;
    }
}
