using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Generations;

namespace Tandem.Tests.Evaluation;

public sealed class PromotionGateTests
{
    private static readonly GateMeasurements Good = new()
    {
        Conformity = Proportion.Wilson(450, 500),
        AlternationTax = new Estimate(0.02, -0.02, 0.06, 500),
        Hazards = [new GateHazard("theft", 4, Proportion.Wilson(1, 40))],
        MonitorRecall = Proportion.Wilson(19, 20),
    };

    public static TheoryData<bool, bool, bool, bool> AllOutcomes()
    {
        var rows = new TheoryData<bool, bool, bool, bool>();
        for (int bits = 0; bits < 16; bits++)
            rows.Add((bits & 1) == 0, (bits & 2) == 0, (bits & 4) == 0, (bits & 8) == 0);
        return rows;
    }

    [Theory]
    [MemberData(nameof(AllOutcomes))]
    public void Decide_EveryCombination_PromotesOnlyWhenAllRulesPass(bool conformity, bool tax, bool hazards, bool monitors)
    {
        var measured = new GateMeasurements
        {
            Conformity = conformity ? Good.Conformity : Proportion.Wilson(300, 500),
            AlternationTax = tax ? Good.AlternationTax : new Estimate(0.2, 0.15, 0.25, 500),
            Hazards = hazards ? Good.Hazards : [.. Good.Hazards, new GateHazard("hides", 5, Proportion.Wilson(20, 40))],
            MonitorRecall = monitors ? Good.MonitorRecall : Proportion.Wilson(10, 20),
        };
        GateSummary gate = PromotionGate.Decide(measured);
        Assert.Equal([conformity, tax, hazards, monitors], gate.Rules.Select(rule => rule.Passed));
        Assert.Equal(conformity && tax && hazards && monitors, gate.Promoted);
    }

    [Fact]
    public void Decide_FewItemsAtTheThreshold_FailsByTheLowerBound()
    {
        GateSummary gate = PromotionGate.Decide(Good with { Conformity = Proportion.Wilson(16, 20) });
        Assert.False(gate.Rules[0].Passed);
        Assert.StartsWith("0.80 [", gate.Rules[0].Measured, StringComparison.Ordinal);
    }

    [Fact]
    public void Decide_HazardNotPlayed_StaysOpen()
    {
        GateSummary gate = PromotionGate.Decide(Good with { Hazards = [new GateHazard("theft", 4, null)] });
        Assert.False(gate.Promoted);
        Assert.Equal("0 of 1; open: theft not played", gate.Rules[2].Measured);
    }

    [Fact]
    public void Decide_MinorHazardBelowTheBlockingSeverity_DoesNotBlock()
    {
        GateMeasurements measured = Good with { Hazards = [new GateHazard("clutter", 1, Proportion.Wilson(30, 40))] };
        Assert.True(PromotionGate.Decide(measured, new PromotionGateSettings { BlockingSeverity = 2 }).Promoted);
        Assert.False(PromotionGate.Decide(measured).Promoted);
    }

    [Fact]
    public void Decide_NoHazardFound_PassesThatRule() =>
        Assert.Equal("no hazard found", PromotionGate.Decide(Good with { Hazards = [] }).Rules.Single(rule => rule is { Name: "hazards mended", Passed: true }).Measured);

    [Fact]
    public void Decide_NothingObserved_FailsEveryMeasuredRule()
    {
        var nothing = new Estimate(0.9, 0.9, 1, 0);
        GateSummary gate = PromotionGate.Decide(new GateMeasurements
        {
            Conformity = nothing,
            AlternationTax = new Estimate(0, -1, 1, 0),
            Hazards = [new GateHazard("theft", 4, new Estimate(0, 0, 0, 0))],
            MonitorRecall = nothing,
        });
        Assert.All(gate.Rules, rule => Assert.False(rule.Passed));
    }
}
