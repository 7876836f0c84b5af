using Tandem.Experiments;
using Tandem.Generations;

namespace Tandem.Tests.Experiments;

public sealed class SeedForecastTests
{
    private readonly ManualTime _time = new();
    private readonly PlanKeeper _display = new();

    [Fact]
    public void Stages_FirstSeedDone_AreThePlanOfTheOthers()
    {
        var forecast = new SeedForecast(_display, [1, 12, 3], _time);
        Do(forecast, "teacher/seed1", 4);
        Do(forecast, "shared", 2);
        Do(forecast, "student-seed1/measured", 10);
        Assert.Empty(_display.Plans);
        forecast.StageStarted("teacher/seed12", "Teacher", 0);
        IReadOnlyList<PlannedStage> plan = Assert.Single(_display.Plans);
        Assert.Equal(
            [
                ("teacher/seed1", 4), ("shared", 2), ("student-seed1/measured", 10), ("teacher/seed12", 4), ("student-seed12/measured", 10),
                ("teacher/seed3", 4), ("student-seed3/measured", 10),
            ],
            plan.Select(stage => (stage.Key, stage.Weight)));
        Do(forecast, "teacher/seed3", 4);
        Assert.Single(_display.Plans);
    }

    [Fact]
    public void Stages_FirstSeedFoundDone_TheSecondIsTimed()
    {
        var forecast = new SeedForecast(_display, [1, 2, 3], _time);
        Do(forecast, "teacher/seed1", 0.01);
        Do(forecast, "teacher/seed2", 5);
        Assert.Empty(_display.Plans);
        forecast.StageStarted("teacher/seed3", "Teacher", 0);
        Assert.Equal(["teacher/seed2", "teacher/seed3"], Assert.Single(_display.Plans).Select(stage => stage.Key));
    }

    [Fact]
    public void Planned_ByTheExperiment_StaysAsItIs()
    {
        var forecast = new SeedForecast(_display, [1, 2], _time);
        forecast.Planned([new PlannedStage("own/seed1", "Own", 1)]);
        Do(forecast, "own/seed1", 5);
        Do(forecast, "own/seed2", 5);
        Assert.Equal(["own/seed1"], Assert.Single(_display.Plans).Select(stage => stage.Key));
    }

    private void Do(SeedForecast forecast, string key, double seconds)
    {
        forecast.StageStarted(key, key, 0);
        _time.Now += TimeSpan.FromSeconds(seconds);
        forecast.StageCompleted(key, "done");
    }

    private sealed class ManualTime : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    private sealed class PlanKeeper : IRunProgress
    {
        public List<IReadOnlyList<PlannedStage>> Plans { get; } = [];

        public void Planned(IReadOnlyList<PlannedStage> stages) => Plans.Add(stages);

        public void StageStarted(string key, string title, double totalWork)
        {
        }

        public void StageAdvanced(string key, double done, double? loss = null, double? accuracy = null, double? tokensPerSecond = null)
        {
        }

        public void StageCompleted(string key, string oneLine)
        {
        }

        public void Note(string text)
        {
        }
    }
}
