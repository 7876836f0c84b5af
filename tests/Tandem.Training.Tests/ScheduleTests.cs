using Tandem.Training.Optimization;

namespace Tandem.Training.Tests;

public class ScheduleTests
{
    [Theory]
    [InlineData(0, 0.0)]
    [InlineData(1, 0.5)]
    [InlineData(2, 1.0)]
    [InlineData(3, 0.853553390593)]
    [InlineData(4, 0.5)]
    [InlineData(5, 0.146446609407)]
    [InlineData(6, 0.0)]
    [InlineData(60, 0.0)]
    public void WarmupCosine_SixSteps_IsHuggingFaces(long step, double expected) =>
        Assert.Equal(expected, new WarmupCosine(6, 2).At(step), 1e-9);

    [Theory]
    [InlineData(0, 0.1)]
    [InlineData(4, 0.5)]
    [InlineData(9, 1.0)]
    [InlineData(50, 1.0)]
    [InlineData(99, 0.03)]
    [InlineData(1000, 0.03)]
    public void WarmupConstantLinear_HundredSteps_HasItsKnownPoints(long step, double expected) =>
        Assert.Equal(expected, new WarmupConstantLinear(100, 10).At(step), 1e-9);

    [Theory]
    [InlineData(0, 0.0)]
    [InlineData(1, 0.25)]
    [InlineData(4, 1.0)]
    [InlineData(1000, 1.0)]
    public void WarmupConstant_FourStepsOfWarmup_IsHuggingFaces(long step, double expected) =>
        Assert.Equal(expected, new WarmupConstant(4).At(step), 1e-9);

    [Fact]
    public void WarmupConstantLinear_AfterTheConstantPart_FallsByEqualAmounts()
    {
        var schedule = new WarmupConstantLinear(100, 10);
        double slope = schedule.At(61) - schedule.At(60);
        Assert.True(slope < 0);
        for (long step = 51; step < 99; step++)
            Assert.Equal(slope, schedule.At(step + 1) - schedule.At(step), 1e-12);
    }

    [Theory]
    [InlineData(0, 0, 1.0)]
    [InlineData(5, 0, 0.5)]
    [InlineData(9, 0, 0.1)]
    [InlineData(10, 0, 0.0)]
    [InlineData(11, 0, 0.0)]
    [InlineData(0, 2, 0.0)]
    [InlineData(1, 2, 0.5)]
    [InlineData(2, 2, 1.0)]
    [InlineData(6, 2, 0.5)]
    public void LinearDecay_TenSteps_IsHuggingFaces(long step, long warmup, double expected) =>
        Assert.Equal(expected, new LinearDecay(10, warmup).At(step), 1e-12);
}
