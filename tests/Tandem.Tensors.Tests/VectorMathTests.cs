using System.Runtime.Intrinsics;
using Tandem.Tensors.Operations;

namespace Tandem.Tensors.Tests;

public sealed unsafe class VectorMathTests
{
    [Fact]
    public void Exp_FloatsOverTheWholeRange_WithinAHundredthMoreThanOneUlpOfDoublePrecision()
    {
        // The worst of all floats.
        double worst = ErrorInUlps(VectorMath.Exp(-27.379135f), Math.Exp(-27.379135f));
        Assert.True(worst > 1.0, $"error {worst} ulp");

        // Every 997th float from -110 to 100, both signs, subnormal arguments included.
        for (long bits = 0; bits <= BitConverter.SingleToInt32Bits(110f); bits += 997)
        {
            float magnitude = BitConverter.Int32BitsToSingle((int)bits);
            worst = Math.Max(worst, Math.Max(ErrorInUlps(VectorMath.Exp(magnitude), Math.Exp(magnitude)), ErrorInUlps(VectorMath.Exp(-magnitude), Math.Exp(-magnitude))));
        }

        Assert.True(worst < 1.01, $"error {worst} ulp");
    }

    [Fact]
    public void Exp_SpecialValues_FollowIeee754()
    {
        Assert.Equal(1f, VectorMath.Exp(0f));
        Assert.Equal(1f, VectorMath.Exp(-0f));
        Assert.Equal(0f, VectorMath.Exp(float.NegativeInfinity));
        Assert.Equal(0f, VectorMath.Exp(-104f));
        Assert.Equal(float.Epsilon, VectorMath.Exp(-103.5f));
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(float.PositiveInfinity));
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(88.73f));
        Assert.True(float.IsFinite(VectorMath.Exp(88.72f)));
        Assert.True(float.IsNaN(VectorMath.Exp(float.NaN)));
    }

    [Fact]
    public void VectorForms_EveryLane_EqualScalarTwinBitForBit()
    {
        var random = new RandomStream(7);
        float[] special = [0f, -0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 88.72f, 88.73f, -87.4f, -103.9f, -104f, 1e-40f, 3e38f, -3e38f];
        for (int i = 0; i < 20000; i++)
        {
            Vector256<float> x = default;
            for (int lane = 0; lane < 8; lane++)
                x = x.WithElement(lane, i == 0 || random.NextBoolean(0.05) ? random.Choose(special) : (float)((random.NextDouble() - 0.5) * 240));
            Vector256<float> exp = VectorMath.Exp(x), sigmoid = VectorMath.Sigmoid(x);
            for (int lane = 0; lane < 8; lane++)
            {
                AssertSame(VectorMath.Exp(x[lane]), exp[lane]);
                AssertSame(VectorMath.Sigmoid(x[lane]), sigmoid[lane]);
            }
        }
    }

    [Fact]
    public void Sigmoid_FloatsOverTheWholeRange_EqualsScalarTwinBitForBit()
    {
        for (long bits = 0; bits < 0x7F800008; bits += 9973)
        {
            float x = BitConverter.Int32BitsToSingle((int)bits);
            AssertSame(VectorMath.Sigmoid(x), VectorMath.Sigmoid(Vector256.Create(x))[0]);
            AssertSame(VectorMath.Sigmoid(-x), VectorMath.Sigmoid(Vector256.Create(-x))[0]);
        }
    }

    [Fact]
    public void ExpOfNonPositive_FloatsOverTheWholeRange_EqualsScalarExpBitForBit()
    {
        for (long bits = 0; bits < 0x7F800000; bits += 4999)
        {
            float x = -BitConverter.Int32BitsToSingle((int)bits);
            AssertSame(VectorMath.Exp(x), VectorMath.ExpOfNonPositive(Vector256.Create(x))[0]);
        }

        for (float x = -80f; x > -110f; x -= 0.0007f)
            AssertSame(VectorMath.Exp(x), VectorMath.ExpOfNonPositive(Vector256.Create(x))[0]);
        foreach (float x in new[] { 0f, -0f, float.NegativeInfinity, float.NaN })
            AssertSame(VectorMath.Exp(x), VectorMath.ExpOfNonPositive(Vector256.Create(x))[0]);
    }

    [Fact]
    public void FourRows_SumLanesAndLargest_EqualEachRowsBitForBit()
    {
        var random = new RandomStream(11);
        for (int trial = 0; trial < 1000; trial++)
        {
            var low = new Vector256<float>[4];
            var high = new Vector256<float>[4];
            for (int row = 0; row < 4; row++)
            {
                for (int lane = 0; lane < 8; lane++)
                {
                    low[row] = low[row].WithElement(lane, (float)random.NextGaussian());
                    high[row] = high[row].WithElement(lane, (float)random.NextGaussian());
                }
            }

            Vector128<float> sums = VectorMath.SumLanes(low[0] + high[0], low[1] + high[1], low[2] + high[2], low[3] + high[3]);
            Vector128<float> largest = Lanes.Largest(low[0], low[1], low[2], low[3]);
            for (int row = 0; row < 4; row++)
            {
                AssertSame(VectorMath.SumLanes(low[row], high[row]), sums[row]);
                AssertSame(Lanes.Largest(low[row]), largest[row]);
            }
        }
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(7, 32)]
    [InlineData(8, 80)]
    [InlineData(6, 24)]
    public unsafe void AttentionRowsDots_OfStridedRows_EqualDotBitForBit(int rows, int columns)
    {
        int stride = columns + 3;
        var random = new RandomStream(13);
        float[] x = new float[rows * stride], y = new float[rows * stride], found = new float[rows];
        for (int i = 0; i < x.Length; i++)
            (x[i], y[i]) = ((float)random.NextGaussian(), (float)random.NextGaussian());
        fixed (float* px = x, py = y, pFound = found)
        {
            AttentionRows.Dots(px, py, stride, rows, columns, pFound);
            for (int i = 0; i < rows; i++)
                AssertSame(VectorMath.Dot(px + (i * stride), py + (i * stride), columns), found[i]);
        }
    }

    [Fact]
    public void Sigmoid_OverTheRange_WithinThreeUlpAndSaturating()
    {
        double worst = 0;
        for (int i = -8700; i <= 3000; i++)
            worst = Math.Max(worst, ErrorInUlps(VectorMath.Sigmoid(i / 100f), 1 / (1 + Math.Exp(-(double)(i / 100f)))));
        Assert.True(worst < 3.0, $"error {worst} ulp");
        Assert.Equal(0f, VectorMath.Sigmoid(float.NegativeInfinity));
        Assert.Equal(1f, VectorMath.Sigmoid(float.PositiveInfinity));
        Assert.True(float.IsNaN(VectorMath.Sigmoid(float.NaN)));
    }

    [Fact]
    public void Log_FloatsOverTheWholeRange_CorrectlyRounded()
    {
        for (long bits = 1; bits < 0x7F800000; bits += 49999)
        {
            float x = BitConverter.Int32BitsToSingle((int)bits);
            Assert.True(ErrorInUlps(VectorMath.Log(x), Math.Log(x)) < 0.5001, $"ln {x}");
        }

        Assert.Equal(0f, VectorMath.Log(1f));
        Assert.Equal(float.NegativeInfinity, VectorMath.Log(0f));
        Assert.Equal(float.PositiveInfinity, VectorMath.Log(float.PositiveInfinity));
        Assert.True(float.IsNaN(VectorMath.Log(-1f)));
        Assert.True(float.IsNaN(VectorMath.Log(float.NaN)));
    }

    [Fact]
    public void Softplus_OverTheRange_WithinTwoUlp()
    {
        for (int i = -8700; i <= 20000; i += 7)
        {
            double x = i / 100f, e = Math.Exp(-Math.Abs(x));
            double expected = Math.Max(x, 0) + (e < 1e-4 ? e - (e * e / 2) + (e * e * e / 3) : Math.Log(1 + e));
            Assert.True(ErrorInUlps(VectorMath.Softplus((float)x), expected) < 2, $"softplus {x}");
        }

        Assert.Equal(0f, VectorMath.Softplus(float.NegativeInfinity));
        Assert.Equal(float.PositiveInfinity, VectorMath.Softplus(float.PositiveInfinity));
        Assert.True(float.IsNaN(VectorMath.Softplus(float.NaN)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(100)]
    [InlineData(1023)]
    public void Reductions_AnyLength_EqualLanesAndTreeBitForBit(int count)
    {
        var random = new RandomStream((ulong)count);
        float[] x = new float[count + 1], y = new float[count + 1], powers = new float[count + 1];
        for (int i = 0; i < count; i++)
            (x[i], y[i]) = ((float)random.NextGaussian(), (float)random.NextGaussian());
        float[] sum = new float[16], dot = new float[16], exp = new float[16];
        float max = x[..count].DefaultIfEmpty(float.NegativeInfinity).Max(), shift = MathF.Max(max, 0.5f);
        for (int i = 0; i < count; i++)
        {
            sum[i % 16] += x[i];
            dot[i % 16] = MathF.FusedMultiplyAdd(x[i], y[i], dot[i % 16]);
            exp[i % 16] += VectorMath.Exp(x[i] - shift);
        }

        fixed (float* px = x, py = y, pp = powers)
        {
            AssertSame(Tree(sum), VectorMath.Sum(px, count));
            AssertSame(Tree(dot), VectorMath.Dot(px, py, count));
            AssertSame(max, VectorMath.Max(px, count));
            AssertSame(Tree(exp), VectorMath.ExpAndSum(px, count, shift, pp));
        }

        for (int i = 0; i < count; i++)
            AssertSame(VectorMath.Exp(x[i] - shift), powers[i]);
        Assert.Equal(0f, powers[count]);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    [InlineData(39)]
    public void Max_WithNotANumber_IsNotANumber(int place)
    {
        float[] x = new float[40];
        x[place] = float.NaN;
        fixed (float* px = x)
            Assert.True(float.IsNaN(VectorMath.Max(px, 40)));
    }

    private static float Tree(float[] lanes)
    {
        for (int distance = 8; distance > 0; distance /= 2)
        {
            for (int i = 0; i < distance; i++)
                lanes[i] += lanes[i + distance];
        }

        return lanes[0];
    }

    private static double ErrorInUlps(float actual, double expected)
    {
        if (Math.Abs((float)expected) == float.PositiveInfinity)
            return actual == (float)expected ? 0 : double.PositiveInfinity;
        float nearest = Math.Abs((float)expected);
        return Math.Abs(actual - expected) / (MathF.BitIncrement(nearest) - nearest);
    }

    private static void AssertSame(float expected, float actual)
    {
        if (!(float.IsNaN(expected) && float.IsNaN(actual)))
            Assert.Equal(BitConverter.SingleToInt32Bits(expected), BitConverter.SingleToInt32Bits(actual));
    }
}
