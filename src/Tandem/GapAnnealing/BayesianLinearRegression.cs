using Tandem.Evaluation.Statistics;

namespace Tandem.GapAnnealing;

/// <summary>
/// Bayesian linear regression with a Gaussian prior on the coefficients and a known noise for each observation, in
/// closed form (Bishop 2006, section 3.3): posterior precision = prior precision + Σ x xᵀ / σ².
/// </summary>
public sealed class BayesianLinearRegression
{
    private readonly double[,] _precision;
    private readonly double[] _weighted;
    private CholeskyFactor? _factor;

    /// <summary>Creates a regression that knows its prior only.</summary>
    /// <param name="priorMean">The prior mean of each coefficient.</param>
    /// <param name="priorDeviation">The prior standard deviation of each coefficient, positive; coefficients are independent.</param>
    public BayesianLinearRegression(IReadOnlyList<double> priorMean, IReadOnlyList<double> priorDeviation)
    {
        if (priorMean.Count != priorDeviation.Count || priorMean.Count == 0 || priorDeviation.Any(deviation => !(deviation > 0)))
            throw new ArgumentException("Each coefficient has a prior mean and a positive deviation.", nameof(priorDeviation));
        _precision = new double[priorMean.Count, priorMean.Count];
        _weighted = new double[priorMean.Count];
        for (int i = 0; i < priorMean.Count; i++)
        {
            _precision[i, i] = 1 / (priorDeviation[i] * priorDeviation[i]);
            _weighted[i] = priorMean[i] * _precision[i, i];
        }
    }

    /// <summary>The number of observations.</summary>
    public int Count { get; private set; }

    /// <summary>Adds an observation.</summary>
    /// <param name="features">One value per coefficient.</param>
    /// <param name="value">What was measured.</param>
    /// <param name="deviation">The standard deviation of its noise, positive.</param>
    public void Observe(ReadOnlySpan<double> features, double value, double deviation)
    {
        CheckLength(features);
        if (!(deviation > 0) || !double.IsFinite(value))
            throw new ArgumentOutOfRangeException(nameof(deviation), deviation, $"The observation {value} needs to be finite and its deviation positive.");
        double weight = 1 / (deviation * deviation);
        for (int i = 0; i < _weighted.Length; i++)
        {
            _weighted[i] += weight * value * features[i];
            for (int j = 0; j < _weighted.Length; j++)
                _precision[i, j] += weight * features[i] * features[j];
        }

        _factor = null;
        Count++;
    }

    /// <summary>The posterior mean of the coefficients.</summary>
    public double[] Coefficients() => Solve(_weighted);

    /// <summary>The posterior mean and variance of the regression function at a point, observation noise left out.</summary>
    public (double Mean, double Variance) Predict(ReadOnlySpan<double> features)
    {
        CheckLength(features);
        double[] point = features.ToArray();
        return (Dot(point, Coefficients()), Dot(point, Solve(point)));
    }

    private void CheckLength(ReadOnlySpan<double> features)
    {
        if (features.Length != _weighted.Length)
            throw new ArgumentException($"There are {_weighted.Length} coefficients and {features.Length} features.", nameof(features));
    }

    private static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }

    private double[] Solve(double[] right) => (_factor ??= new CholeskyFactor(_precision)).Solve(right);
}
