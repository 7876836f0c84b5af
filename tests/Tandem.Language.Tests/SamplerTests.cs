using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors;

namespace Tandem.Language.Tests;

public class SamplerTests
{
    private static readonly Gen<float[]> Logits =
        Gen.Choose(-400, 400).Select(i => i / 100f).NonEmptyListOf().Select(l => l.ToArray());

    [Fact]
    public void Next_SameSeed_GivesTheSameTokens()
    {
        float[] logits = [0.1f, 2f, -1f, 1.5f, 0f];
        foreach (var sampler in new[] { new Sampler(1), new Sampler(0.7, 3), new Sampler(1.3, 0, 0.8), new Sampler(1, 4, 0.9) })
        {
            Assert.Equal(Draw(sampler, logits, 50, 7), Draw(sampler, logits, 50, 7));
            Assert.NotEqual(Draw(sampler, logits, 50, 7), Draw(sampler, logits, 50, 8));
        }
    }

    [Fact]
    public void Next_Greedy_IsTheFirstLargestAndDrawsNothing() => Prop.ForAll(Logits.ToArbitrary(), logits =>
    {
        var random = new RandomStream(1);
        int token = Sampler.Greedy.Next(logits, random);
        Assert.Equal(Array.IndexOf(logits, logits.Max()), token);
        Assert.Equal(new RandomStream(1).Save(), random.Save());
        Assert.Equal(token, new Sampler(2, topK: 1).Next(logits, random));
        Assert.Equal(token, new Sampler(2, topP: 1e-9).Next(logits, random));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Next_TopK_StaysAmongTheKLikeliest() =>
        Prop.ForAll(Logits.ToArbitrary(), Gen.Choose(1, 8).ToArbitrary(), (logits, k) =>
        {
            var allowed = Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).ThenBy(i => i).Take(k).ToHashSet();
            Assert.All(Draw(new Sampler(3, k), logits, 40, 1), t => Assert.Contains(t, allowed));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Next_TopP_StaysInTheSmallestSetThatHoldsTheProbability() =>
        Prop.ForAll(Logits.ToArbitrary(), Gen.Choose(1, 99).ToArbitrary(), (logits, percent) =>
        {
            double[] probabilities = Softmax(logits, 1);
            int[] order = [.. Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).ThenBy(i => i)];
            double sum = 0;
            var allowed = new HashSet<int>();
            foreach (int token in order)
            {
                // The margin is for the rounding of the sums where they meet the bound.
                if (sum < (percent / 100.0) + 1e-9)
                    allowed.Add(token);
                sum += probabilities[token];
            }

            Assert.All(Draw(new Sampler(1, topP: percent / 100.0), logits, 40, 1), t => Assert.Contains(t, allowed));
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(1.0, 0, 1.0)]
    [InlineData(0.5, 0, 1.0)]
    [InlineData(2.0, 3, 1.0)]
    [InlineData(1.0, 0, 0.9)]
    public void Next_ManyDraws_HaveTheDistribution(double temperature, int topK, double topP)
    {
        float[] logits = [0.5f, 2f, -1f, 1.5f, 0f];
        double[] expected = Softmax(logits, temperature);
        int[] order = [.. Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i])];
        int kept = topK > 0 ? topK : logits.Length;
        double sum = 0;
        if (topP < 1)
            kept = order.TakeWhile(i => (sum += expected[i]) - expected[i] < topP).Count();
        foreach (int dropped in order.Skip(kept))
            expected[dropped] = 0;
        double total = expected.Sum();

        const int count = 40000;
        int[] drawn = Draw(new Sampler(temperature, topK, topP), logits, count, 3);
        for (int i = 0; i < logits.Length; i++)
        {
            double p = expected[i] / total;
            Assert.InRange(drawn.Count(t => t == i) - (count * p), -5 * Math.Sqrt(count * p * (1 - p)) - 1e-9, (5 * Math.Sqrt(count * p * (1 - p))) + 1e-9);
        }
    }

    [Fact]
    public void Next_RuledOutTokens_AreNeverDrawn()
    {
        float[] logits = [float.NegativeInfinity, 1f, float.NegativeInfinity, 0f];
        Assert.All(Draw(new Sampler(5), logits, 200, 1), t => Assert.Contains(t, new[] { 1, 3 }));
        Assert.All(Draw(new Sampler(5, 3, 0.999), logits, 200, 1), t => Assert.Contains(t, new[] { 1, 3 }));
    }

    [Fact]
    public void Next_LogitsThatAreNotFinite_IsAFault()
    {
        Assert.Throws<UserFaultException>(() => Sampler.Greedy.Next([1f, float.NaN], new RandomStream(1)));
        Assert.Throws<UserFaultException>(() => Sampler.Greedy.Next([float.NaN, 1f], new RandomStream(1)));
        Assert.Throws<UserFaultException>(() => new Sampler(1).Next([1f, float.PositiveInfinity], new RandomStream(1)));
        Assert.Throws<UserFaultException>(() => new Sampler(1).Next([float.NegativeInfinity], new RandomStream(1)));
    }

    [Fact]
    public void Sampler_ValueOutOfRange_IsAFault()
    {
        Assert.Throws<UserFaultException>(() => new Sampler(-1));
        Assert.Throws<UserFaultException>(() => new Sampler(double.NaN));
        Assert.Throws<UserFaultException>(() => new Sampler(1, -1));
        Assert.Throws<UserFaultException>(() => new Sampler(1, 0, 0));
        Assert.Throws<UserFaultException>(() => new Sampler(1, 0, 1.1));
    }

    private static int[] Draw(Sampler sampler, float[] logits, int count, ulong seed)
    {
        var random = new RandomStream(seed);
        return [.. Enumerable.Range(0, count).Select(_ => sampler.Next(logits, random))];
    }

    private static double[] Softmax(float[] logits, double temperature)
    {
        double[] weights = [.. logits.Select(z => Math.Exp((z - logits.Max()) / temperature))];
        return [.. weights.Select(w => w / weights.Sum())];
    }
}
