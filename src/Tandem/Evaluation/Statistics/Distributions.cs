namespace Tandem.Evaluation.Statistics;

/// <summary>
/// The few distribution functions that intervals and tests need, in double precision: standard normal, Student's t,
/// and the binomial tail.
/// </summary>
public static class Distributions
{
    /// <summary>The 97.5% quantile of the standard normal: half the width of a 95% interval in standard errors.</summary>
    public const double TwoSided95 = 1.959963984540054;

    private const double HalfLogTwoPi = 0.91893853320467274178;

    // Lanczos (1964) with g = 7 and nine terms: relative error below 1e-15 for positive arguments.
    private static readonly double[] Lanczos =
    [
        0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
        12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
    ];

    // Acklam's rational approximation of the normal quantile (relative error 1.2e-9), the start of the refinement.
    private static readonly double[] QuantileA =
        [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.3577518672690, -30.66479806614716, 2.506628277459239];

    private static readonly double[] QuantileB =
        [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1];

    private static readonly double[] QuantileC =
        [-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783];

    private static readonly double[] QuantileD = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416, 1];

    /// <summary>P(Z ≤ x) for a standard normal Z: Marsaglia's (2004) series near the centre, a continued fraction of Mills' ratio in the tails.</summary>
    public static double NormalCumulative(double x)
    {
        if (double.IsNaN(x))
            return double.NaN;
        double density = Math.Exp((-0.5 * x * x) - HalfLogTwoPi);
        if (Math.Abs(x) < 4)
        {
            double sum = x, term = x;
            for (int i = 3; Math.Abs(term) > 1e-18 * Math.Abs(sum); i += 2)
                sum += term *= x * x / i;
            return 0.5 + (density * sum);
        }

        double z = Math.Abs(x), fraction = z;
        for (int i = 60; i >= 1; i--)
            fraction = z + (i / fraction);
        double tail = density / fraction;
        return x < 0 ? tail : 1 - tail;
    }

    /// <summary>The x with P(Z ≤ x) = <paramref name="probability"/> for a standard normal Z; ±∞ at 1 and 0.</summary>
    public static double NormalQuantile(double probability)
    {
        if (double.IsNaN(probability) || probability is < 0 or > 1)
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "A probability lies in [0, 1].");
        if (probability == 0)
            return double.NegativeInfinity;
        if (probability == 1)
            return double.PositiveInfinity;
        if (probability > 0.5)
            return -NormalQuantile(1 - probability);

        double x;
        if (probability < 0.02425)
        {
            double q = Math.Sqrt(-2 * Math.Log(probability));
            x = Polynomial(QuantileC, q) / Polynomial(QuantileD, q);
        }
        else
        {
            double q = probability - 0.5, r = q * q;
            x = Polynomial(QuantileA, r) * q / (Polynomial(QuantileB, r));
        }

        for (int i = 0; i < 2; i++)
        {
            // Halley's step on the cumulative distribution.
            double error = (NormalCumulative(x) - probability) / Math.Exp((-0.5 * x * x) - HalfLogTwoPi);
            x -= error / (1 + (0.5 * x * error));
        }

        return x;
    }

    /// <summary>P(T ≤ t) for Student's t with the given degrees of freedom.</summary>
    public static double StudentCumulative(double t, double degreesOfFreedom)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(degreesOfFreedom);
        double tail = 0.5 * RegularizedBeta(degreesOfFreedom / (degreesOfFreedom + (t * t)), degreesOfFreedom / 2, 0.5);
        return t > 0 ? 1 - tail : tail;
    }

    /// <summary>The t with P(T ≤ t) = <paramref name="probability"/> for Student's t, by bisection; <paramref name="probability"/> in (0, 1).</summary>
    public static double StudentQuantile(double probability, double degreesOfFreedom)
    {
        if (!(probability > 0 && probability < 1))
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "A probability lies in (0, 1).");
        if (probability < 0.5)
            return -StudentQuantile(1 - probability, degreesOfFreedom);
        double low = 0, high = 1;
        while (StudentCumulative(high, degreesOfFreedom) < probability)
            (low, high) = (high, high * 2);
        for (int i = 0; i < 100; i++)
        {
            double middle = 0.5 * (low + high);
            if (StudentCumulative(middle, degreesOfFreedom) < probability)
                low = middle;
            else
                high = middle;
        }

        return 0.5 * (low + high);
    }

    /// <summary>P(X ≤ <paramref name="successes"/>) for X binomial with the given count and probability of success.</summary>
    public static double BinomialCumulative(int successes, int count, double probability)
    {
        if (successes < 0)
            return 0;
        return successes >= count ? 1 : RegularizedBeta(1 - probability, count - successes, successes + 1);
    }

    /// <summary>The regularized incomplete beta function I_x(a, b), by Lentz's continued fraction; x in [0, 1], a and b positive.</summary>
    public static double RegularizedBeta(double x, double a, double b)
    {
        if (x <= 0)
            return 0;
        if (x >= 1)
            return 1;
        double front = Math.Exp(LogGamma(a + b) - LogGamma(a) - LogGamma(b) + (a * Math.Log(x)) + (b * Math.Log(1 - x)));
        // The fraction converges fast on one side of the mean only; the other side follows by symmetry.
        return x < (a + 1) / (a + b + 2) ? front * BetaFraction(x, a, b) / a : 1 - (front * BetaFraction(1 - x, b, a) / b);
    }

    private static double BetaFraction(double x, double a, double b)
    {
        const double Tiny = 1e-300;
        double c = 1, d = 1 / NonZero(1 - ((a + b) * x / (a + 1))), result = d;
        for (int m = 1; m <= 10_000; m++)
        {
            double even = m * (b - m) * x / ((a + (2 * m) - 1) * (a + (2 * m)));
            d = 1 / NonZero(1 + (even * d));
            c = NonZero(1 + (even / c));
            result *= d * c;
            double odd = -(a + m) * (a + b + m) * x / ((a + (2 * m)) * (a + (2 * m) + 1));
            d = 1 / NonZero(1 + (odd * d));
            c = NonZero(1 + (odd / c));
            double factor = d * c;
            result *= factor;
            if (Math.Abs(factor - 1) < 1e-15)
                break;
        }

        return result;

        static double NonZero(double value) => Math.Abs(value) < Tiny ? Tiny : value;
    }

    private static double LogGamma(double x)
    {
        double sum = Lanczos[0];
        for (int i = 1; i < Lanczos.Length; i++)
            sum += Lanczos[i] / (x - 1 + i);
        double t = x + 6.5;
        return HalfLogTwoPi + ((x - 0.5) * Math.Log(t)) - t + Math.Log(sum);
    }

    private static double Polynomial(double[] coefficients, double x)
    {
        double value = 0;
        foreach (double coefficient in coefficients)
            value = (value * x) + coefficient;
        return value;
    }
}
