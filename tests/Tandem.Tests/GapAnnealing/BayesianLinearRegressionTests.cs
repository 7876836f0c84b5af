using Tandem.GapAnnealing;
using Tandem.Tensors;

namespace Tandem.Tests.GapAnnealing;

public sealed class BayesianLinearRegressionTests
{
    [Fact]
    public void Predict_WithoutObservations_IsThePrior()
    {
        var regression = new BayesianLinearRegression([1, 2], [0.5, 3]);
        (double mean, double variance) = regression.Predict([1, 2]);
        Assert.Equal(5, mean, 12);
        Assert.Equal(0.25 + (4 * 9), variance, 9);
    }

    [Fact]
    public void Predict_OneCoefficient_IsThePrecisionWeightedMean()
    {
        // Prior N(0, 1), one measurement 3 with deviation 0.5: mean 3·4/5, variance 1/5.
        var regression = new BayesianLinearRegression([0], [1]);
        regression.Observe([1], 3, 0.5);
        (double mean, double variance) = regression.Predict([1]);
        Assert.Equal(2.4, mean, 12);
        Assert.Equal(0.2, variance, 12);
    }

    [Fact]
    public void Coefficients_ManyObservations_RecoverTheLine()
    {
        var random = new RandomStream(2);
        var regression = new BayesianLinearRegression([0, 0, 0], [10, 10, 10]);
        for (int i = 0; i < 2000; i++)
        {
            double x = random.NextDouble();
            regression.Observe([1, x, x * x], 0.5 - (2 * x) + (1.5 * x * x) + (0.1 * random.NextGaussian()), 0.1);
        }

        double[] coefficients = regression.Coefficients();
        double[] expected = [0.5, -2, 1.5];
        for (int i = 0; i < 3; i++)
            Assert.InRange(coefficients[i], expected[i] - 0.1, expected[i] + 0.1);
        Assert.Equal(2000, regression.Count);
    }

    [Fact]
    public void Predict_TruthDrawnFromThePrior_IsCoveredAtTheNominalRate()
    {
        var random = new RandomStream(6);
        int covered = 0;
        const int Trials = 2000;
        for (int trial = 0; trial < Trials; trial++)
        {
            double a = random.NextGaussian(), b = 2 * random.NextGaussian();
            var regression = new BayesianLinearRegression([0, 0], [1, 2]);
            for (int i = 0; i < 4; i++)
            {
                double x = random.NextDouble();
                regression.Observe([1, x], a + (b * x) + (0.3 * random.NextGaussian()), 0.3);
            }

            (double mean, double variance) = regression.Predict([1, 0.7]);
            covered += Math.Abs(a + (0.7 * b) - mean) < 1.96 * Math.Sqrt(variance) ? 1 : 0;
        }

        Assert.InRange((double)covered / Trials, 0.93, 0.97);
    }

    [Fact]
    public void Observe_NoiseNotPositive_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new BayesianLinearRegression([0], [1]).Observe([1], 1, 0));
}
