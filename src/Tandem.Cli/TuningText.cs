using System.Globalization;
using Tandem.Evaluation;
using Tandem.Tuning;

namespace Tandem.Cli;

/// <summary>A tuning result as text.</summary>
internal static class TuningText
{
    public static void Print(TuningResult result, TextWriter output)
    {
        foreach (TrainingSummary training in result.Trainings)
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{training.Name}: {training.Steps:#,0} steps over {training.Examples:#,0} examples ({training.LeftOut} left out, {training.Truncated} truncated), {training.Tokens:#,0} tokens, {training.Flops:0.00e+0} operations; {training.TrainableParameters:#,0} of {training.Parameters:#,0} parameters trained"));
            string kept = training.BestStep is { } best ? $"; kept the weights of step {best}" : "";
            string speed = training.TokensPerSecond is { } tokens
                ? string.Create(CultureInfo.InvariantCulture, $"; {tokens:#,0} tokens/s, {training.ExamplesPerSecond:#,0.0} examples/s") : "";
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  loss {training.FirstLoss:F4} at first, {training.LastLoss:F4} at last{kept}{speed}"));
        }

        foreach (TuningMeasurement measured in result.Measurements)
            output.WriteLine(Line(measured));
        if (result.Gap is { } gap)
            output.WriteLine($"performance gap recovered: {(gap.Recovered is { } recovered ? Text(recovered, "rate") : gap.Suppressed)}");
        if (result.Contaminated > 0)
            output.WriteLine($"warning: {result.Contaminated} held-out items stand in the training data: see data-card.md");
    }

    private static string Line(TuningMeasurement measured)
    {
        string text = $"{measured.Name}: {Text(measured.After, measured.Unit)}";
        if (measured.Before is { } before)
            text += $"; before {Text(before, measured.Unit)}";
        if (measured.Change is { } change)
            text += $"; change {Text(change, measured.Unit, signed: true)}";
        if (measured.Chance is { } chance)
            text += string.Create(CultureInfo.InvariantCulture, $"; chance {chance:0.0%}");
        if (measured.Ties > 0)
            text += $"; {measured.Ties} ties apart";
        return measured.LeftOut > 0 ? $"{text}; {measured.LeftOut} left out" : text;
    }

    private static string Text(Estimate e, string unit, bool signed = false)
    {
        string format = unit == "rate" ? signed ? "+0.0%;-0.0%;0.0%" : "0.0%" : signed ? "+0.000;-0.000;0.000" : "0.000";
        string Number(double value) => value.ToString(format, CultureInfo.InvariantCulture);
        return $"{Number(e.Value)} [{Number(e.Lower)}, {Number(e.Upper)}] (n {e.Count})";
    }
}
