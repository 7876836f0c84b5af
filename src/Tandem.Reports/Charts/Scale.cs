namespace Tandem.Reports.Charts;

/// <summary>A linear mapping from data to a drawing, with ticks at round values.</summary>
internal sealed class Scale
{
    private readonly double _low;
    private readonly double _high;
    private readonly double _start;
    private readonly double _end;

    private Scale(double low, double high, double step, double start, double end)
    {
        _low = low;
        _high = high;
        _start = start;
        _end = end;
        var ticks = new List<double>();
        for (int i = (int)Math.Ceiling((low / step) - 1e-9); i * step <= high + (step * 1e-9); i++)
            ticks.Add(i * step);
        Ticks = ticks;
    }

    /// <summary>The round values between the ends.</summary>
    public IReadOnlyList<double> Ticks { get; }

    /// <summary>The position of a value; a value outside the range stays at the edge, and one that is not a number at the start.</summary>
    public double this[double value]
    {
        get
        {
            if (double.IsNaN(value))
                return _start;
            double share = (Math.Clamp(value, _low, _high) - _low) / (_high - _low);
            return _start + (share * (_end - _start));
        }
    }

    /// <summary>A scale whose ends are round and hold all finite values.</summary>
    /// <param name="values">The data; values that are not finite are left out, and without any the range is 0 to 1.</param>
    /// <param name="start">The position of the low end.</param>
    /// <param name="end">The position of the high end.</param>
    /// <param name="ticks">About how many steps to take.</param>
    /// <param name="leastSpan">The least that the range may span.</param>
    public static Scale Around(IEnumerable<double> values, double start, double end, int ticks = 4, double leastSpan = 0)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        foreach (double value in values)
        {
            if (double.IsFinite(value) && Math.Abs(value) < 1e12)
            {
                low = Math.Min(low, value);
                high = Math.Max(high, value);
            }
        }

        if (low > high)
            (low, high) = (0, 1);
        if (high - low < 1e-9 * Math.Max(1, Math.Abs(high)))
            (low, high) = (low - 0.05, high + 0.05);
        if (high - low < leastSpan)
            (low, high) = ((low + high - leastSpan) / 2, (low + high + leastSpan) / 2);
        double step = RoundStep((high - low) / ticks);
        return new Scale(Math.Floor((low / step) + 1e-9) * step, Math.Ceiling((high / step) - 1e-9) * step, step, start, end);
    }

    /// <summary>A scale with given ends.</summary>
    public static Scale Between(double low, double high, double step, double start, double end) => new(low, high, step, start, end);

    private static double RoundStep(double rough)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double share = rough / power;
        return (share <= 1.0001 ? 1 : share <= 2.0001 ? 2 : share <= 5.0001 ? 5 : 10) * power;
    }
}
