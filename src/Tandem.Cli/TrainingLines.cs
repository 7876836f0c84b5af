using System.Diagnostics;
using System.Globalization;
using Tandem.Training;
using Tandem.Training.FineTuning;

namespace Tandem.Cli;

/// <summary>Hours of work told in one line every few seconds, on standard error.</summary>
/// <param name="name">What is trained.</param>
internal sealed class TrainingLines(string name) : ITrainingObserver
{
    private const double Seconds = 5;

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _firstStep = -1;
    private long _firstTokens;
    private double _firstSeconds;
    private double _next;

    public void OnStep(in TrainingStep step)
    {
        double seconds = _clock.Elapsed.TotalSeconds;
        if (_firstStep < 0)
        {
            // Speed is measured from the first step on: before it the model is loaded.
            (_firstStep, _firstTokens, _firstSeconds) = (step.Step, step.Tokens, seconds);
            _next = seconds + Seconds;
        }

        if (seconds < _next && step.Step < step.TotalSteps && step.Step > _firstStep)
            return;
        _next = seconds + Seconds;
        string pace = step.Step == _firstStep ? "" : Pace(step, seconds - _firstSeconds);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: step {step.Step}/{step.TotalSteps}, loss {step.Loss:F4}{pace}"));
    }

    public void OnMetric(string metric, MeasuredMetric value) =>
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: after step {value.Step}, {metric} {value.Value:F4} held out"));

    private string Pace(in TrainingStep step, double seconds)
    {
        TimeSpan left = TimeSpan.FromSeconds(seconds / (step.Step - _firstStep) * (step.TotalSteps - step.Step));
        string time = $"{(int)left.TotalHours:00}:{left.Minutes:00}:{left.Seconds:00}";
        return string.Create(CultureInfo.InvariantCulture, $", {(step.Tokens - _firstTokens) / seconds:#,0} tokens/s, {time} left");
    }
}
