using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;

namespace Tandem.GapAnnealing;

/// <summary>A weak prior on a response of a step: coefficients on (1, δ, δ², ε) with standard deviations.</summary>
/// <param name="Mean">Prior means of the four coefficients.</param>
/// <param name="Deviation">Prior standard deviations of the four coefficients.</param>
public sealed record GapPrior(IReadOnlyList<double> Mean, IReadOnlyList<double> Deviation)
{
    /// <summary>
    /// Saliency falls with the gap and with noise. Centred on the ranges seen in small transformers on the embedded
    /// world: .66 to .87 for small and middle gaps, near 0 for large ones under noisy teachers.
    /// </summary>
    public static GapPrior Saliency { get; } = new([0.9, -0.6, -0.6, -0.4], [0.3, 1, 2, 0.7]);

    /// <summary>Imitation grows with the gap and with noise. Centred on an excess near .2 for small gaps and near .5 for large ones.</summary>
    public static GapPrior Imitation { get; } = new([0.05, 0.4, 0.2, 0.3], [0.2, 1, 2, 0.7]);
}

/// <summary>A predictive mean and variance.</summary>
internal readonly record struct Prediction(double Mean, double Variance)
{
    public double Deviation => Math.Sqrt(Variance);

    public Estimate ToEstimate(int count) => new(
        Mean, Mean - (Distributions.TwoSided95 * Deviation), Mean + (Distributions.TwoSided95 * Deviation), count);
}

/// <summary>
/// How a response of a step, saliency or imitation, depends on δ and ε: a Bayesian regression on (1, δ, δ², ε), plus
/// each rung's own deviation from the curve. A rung's own pilot therefore counts for more than the curve through the others.
/// </summary>
internal sealed class GapResponse(GapPrior prior, double roughness)
{
    // Measurements without an interval of their own (all items alike) still carry some doubt.
    private const double SmallestDeviation = 0.02;

    private readonly List<(object Key, double Gap, double Noise, double Value, double Deviation)> _observations = [];

    public int Count => _observations.Count;

    /// <param name="key">Marks measurements of the same step.</param>
    /// <param name="gap">δ.</param>
    /// <param name="noise">ε.</param>
    /// <param name="value">The measurement.</param>
    /// <param name="deviation">Its standard error.</param>
    public void Observe(object key, double gap, double noise, double value, double deviation) =>
        _observations.Add((key, gap, noise, value, Math.Max(SmallestDeviation, deviation)));

    public void Observe(object key, double gap, double noise, Estimate? estimate)
    {
        if (estimate is { Count: > 0 })
            Observe(key, gap, noise, estimate.Value, estimate.StandardError());
    }

    /// <summary>The response of a step: the curve through all other steps, then this step's own measurements.</summary>
    public Prediction Predict(object key, double gap, double noise)
    {
        BayesianLinearRegression others = Fit(observation => !ReferenceEquals(observation, key));
        (double mean, double variance) = others.Predict(Features(gap, noise));
        double precision = 1 / (variance + (roughness * roughness)), weighted = mean * precision;
        foreach (var own in _observations.Where(observation => ReferenceEquals(observation.Key, key)))
        {
            double weight = 1 / (own.Deviation * own.Deviation);
            precision += weight;
            weighted += weight * own.Value;
        }

        return new Prediction(weighted / precision, 1 / precision);
    }

    /// <summary>The change of the response per unit of ε, as fitted.</summary>
    public double NoiseSlope() => Fit(_ => true).Coefficients()[3];

    private BayesianLinearRegression Fit(Predicate<object> include)
    {
        var regression = new BayesianLinearRegression(prior.Mean, prior.Deviation);
        foreach (var (key, gap, noise, value, deviation) in _observations)
        {
            if (include(key))
                regression.Observe(Features(gap, noise), value, Math.Sqrt((deviation * deviation) + (roughness * roughness)));
        }

        return regression;
    }

    private static double[] Features(double gap, double noise) => [1, gap, gap * gap, noise];
}
