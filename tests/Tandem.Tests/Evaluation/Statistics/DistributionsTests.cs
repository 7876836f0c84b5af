using Tandem.Evaluation.Statistics;

namespace Tandem.Tests.Evaluation.Statistics;

public sealed class DistributionsTests
{
    // Abramowitz and Stegun (1964), tables 26.1 and 26.2.
    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(1, 0.841344746068543)]
    [InlineData(-1.96, 0.024997895148220)]
    [InlineData(3.9, 0.999951903655982)]
    [InlineData(-4.5, 3.397673124730e-6)]
    [InlineData(-6, 9.865876450377e-10)]
    public void NormalCumulative_TabulatedPoints_Agrees(double x, double expected) =>
        Assert.Equal(1, Distributions.NormalCumulative(x) / expected, 9);

    [Theory]
    [InlineData(0.975, 1.959963984540054)]
    [InlineData(0.5, 0)]
    [InlineData(0.999, 3.090232306167813)]
    [InlineData(0.00001, -4.264890793922825)]
    public void NormalQuantile_TabulatedPoints_Agrees(double p, double expected) =>
        Assert.Equal(expected, Distributions.NormalQuantile(p), 10);

    // Student's t table (Fisher and Yates): two-sided 5% points, and the Cauchy distribution at one degree of freedom.
    [Theory]
    [InlineData(0.975, 1, 12.7062047)]
    [InlineData(0.975, 2, 4.3026527)]
    [InlineData(0.975, 9, 2.2621572)]
    [InlineData(0.025, 30, -2.0422724563)]
    [InlineData(0.95, 120, 1.6576509)]
    public void StudentQuantile_TabulatedPoints_Agrees(double p, int degrees, double expected) =>
        Assert.Equal(expected, Distributions.StudentQuantile(p, degrees), 6);

    [Fact]
    public void BinomialCumulative_SmallCount_EqualsTheSum()
    {
        double sum = 0;
        double[] coefficients = [1, 10, 45, 120, 210, 252, 210, 120, 45, 10, 1];
        for (int k = 0; k <= 10; k++)
        {
            sum += coefficients[k] * Math.Pow(0.3, k) * Math.Pow(0.7, 10 - k);
            Assert.Equal(sum, Distributions.BinomialCumulative(k, 10, 0.3), 12);
        }
    }
}
