namespace Tandem.Evaluation.Statistics;

/// <summary>One choice: a row of features for each option, [options, weights], and the distribution over the options that was observed.</summary>
internal sealed record LogitCase(double[][] Features, double[] Target);

/// <summary>
/// The conditional logit (McFadden 1974): P(option) ∝ exp(weights · features), with a normal prior on the weights. Fitted by
/// Newton's method on the penalised likelihood, which is concave.
/// </summary>
/// <param name="Weights">The fitted weights.</param>
/// <param name="Converged">Whether the last step was negligible.</param>
/// <param name="Iterations">Steps taken.</param>
internal sealed record ConditionalLogit(double[] Weights, bool Converged, int Iterations)
{
    private const int MaximumIterations = 50;
    private const double Tolerance = 1e-9;

    /// <summary>Fits the weights.</summary>
    /// <param name="cases">The choices.</param>
    /// <param name="priorMean">Where a weight stays without evidence.</param>
    /// <param name="priorDeviation">How far it strays from there.</param>
    public static ConditionalLogit Fit(IReadOnlyList<LogitCase> cases, double[] priorMean, double priorDeviation)
    {
        int size = priorMean.Length;
        double[] weights = [.. priorMean];
        for (int iteration = 1; iteration <= MaximumIterations; iteration++)
        {
            double[] gradient = [.. weights.Select((w, i) => -(w - priorMean[i]) / (priorDeviation * priorDeviation))];
            var curvature = new double[size, size];
            for (int i = 0; i < size; i++)
                curvature[i, i] = 1 / (priorDeviation * priorDeviation);
            foreach (LogitCase known in cases)
                Accumulate(known, Softmax([.. known.Features.Select(row => Dot(weights, row))]), gradient, curvature);
            double[] step = new CholeskyFactor(curvature).Solve(gradient);
            // Log-probabilities span a few units, so that full steps overshoot only from far away.
            double largest = step.Max(Math.Abs);
            for (int i = 0; i < size; i++)
                weights[i] += step[i] * Math.Min(1, 1 / largest);
            if (largest < Tolerance)
                return new ConditionalLogit(weights, true, iteration);
        }

        return new ConditionalLogit(weights, false, MaximumIterations);
    }

    /// <summary>exp(score) of each over their sum.</summary>
    public static double[] Softmax(double[] scores)
    {
        double maximum = scores.Max();
        double[] exponentials = [.. scores.Select(score => Math.Exp(score - maximum))];
        double sum = exponentials.Sum();
        return [.. exponentials.Select(value => value / sum)];
    }

    /// <summary>Σ aᵢ·bᵢ.</summary>
    public static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static void Accumulate(LogitCase known, double[] predicted, double[] gradient, double[,] curvature)
    {
        double[] mean = [.. gradient.Select((_, i) => Enumerable.Range(0, predicted.Length).Sum(k => predicted[k] * known.Features[k][i]))];
        for (int k = 0; k < predicted.Length; k++)
        {
            for (int i = 0; i < gradient.Length; i++)
            {
                gradient[i] += (known.Target[k] - predicted[k]) * known.Features[k][i];
                for (int j = 0; j < gradient.Length; j++)
                    curvature[i, j] += predicted[k] * (known.Features[k][i] - mean[i]) * (known.Features[k][j] - mean[j]);
            }
        }
    }
}
