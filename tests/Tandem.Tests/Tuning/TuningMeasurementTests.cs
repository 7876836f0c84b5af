using Tandem.Datasets;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Tests.Tuning;

public sealed class TuningMeasurementTests
{
    private static readonly ChoiceRecord Question = DataRecords.Choice("", "Which?", ["a", "b", "c"], 1);

    [Fact]
    public void Pairs_EqualScores_AreTiesAndPartOfNoRate()
    {
        TuningMeasurement measured = PairTuning.Compared("pairs", null, [1, -1, 0, double.NaN, 2], leftOut: 3);
        Assert.Equal((2, 3, 3), (measured.Ties, measured.After.Count, measured.LeftOut));
        Assert.Equal(2.0 / 3, measured.After.Value, 12);
        Assert.Null(measured.Before);
    }

    [Fact]
    public void Pairs_AllTiesBefore_HaveNoRateBeforeAndNoChange()
    {
        TuningMeasurement measured = PairTuning.Compared("pairs", [0, 0], [1, 1], leftOut: 0);
        Assert.Null(measured.Before);
        Assert.Null(measured.Change);
        Assert.Equal(1, measured.After.Value);
    }

    [Fact]
    public void Pairs_Change_IsOverPairsDecidedBothTimes()
    {
        TuningMeasurement measured = PairTuning.Compared("pairs", [-1, 0, 1, 1], [1, 1, 1, 0], leftOut: 0);
        Assert.Equal((2, 0.5), (measured.Change!.Count, measured.Change.Value));
        Assert.Equal((3, 2.0 / 3), (measured.Before!.Count, measured.Before.Value));
    }

    [Fact]
    public void Truth_SeveralRightAnswers_AllCount()
    {
        ChoiceRecord several = Question with { Answers = [0, 1] };
        Assert.Equal([true, true, false], QuestionSet.Truth(several).Competent);
        Assert.Equal([false, true, false], QuestionSet.Truth(Question).Competent);
    }

    [Fact]
    public void Chosen_WithoutDistribution_IsUnscored() => Assert.Equal([2, -1], QuestionSet.Chosen([[0.1, 0.2, 0.7], null]));

    [Theory]
    [InlineData("{\"id\": \"x\", \"probabilities\": [0.5, 0.4]}")]
    [InlineData("{\"probabilities\": [0.5, 0.5]}")]
    [InlineData("{\"id\": \"x\", \"probabilities\": [-0.5, 1.5]}")]
    [InlineData("{\"id\": ")]
    public void WeakLabels_MalformedLine_IsNamed(string line)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "{\"id\": \"first\", \"probabilities\": [1, 0]}\n" + line + "\n");
            UserFaultException fault = Assert.Throws<UserFaultException>(() => WeakLabelFile.Read(path));
            Assert.StartsWith($"{path}:2: ", fault.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void WeakLabels_OtherNumberOfOptions_IsRefused()
    {
        var labels = new Dictionary<string, double[]> { [Question.Id] = [0.5, 0.5] };
        Assert.Throws<UserFaultException>(() => WeakLabelFile.Of(labels, Question, "labels.jsonl"));
        Assert.Null(WeakLabelFile.Of([], Question, "labels.jsonl"));
    }
}
