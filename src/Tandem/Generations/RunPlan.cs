namespace Tandem.Generations;

/// <summary>The stages that a run expects, with weights from which the display estimates the time left.</summary>
public static class RunPlan
{
    private static readonly (string Stage, string Title, double Weight)[] AligningStages =
    [
        ("gap", "choosing the capability gap", 1.5), ("competence", "competence enhancement", 3), ("risks", "risk discovery", 1.5),
        ("alignment", "value alignment", 3), ("gate", "measuring and judging", 2),
    ];

    /// <summary>The plan of a recipe.</summary>
    public static IReadOnlyList<PlannedStage> Of(RunConfiguration configuration)
    {
        var plan = new List<PlannedStage>();
        foreach (ulong seed in configuration.Seeds)
        {
            plan.Add(new PlannedStage($"seed{seed}/first", "first aligned model", 2));
            plan.Add(new PlannedStage($"seed{seed}/first-measured", "measuring the first model", 0.5));
            foreach (string arm in ArmPlan.InOrder(configuration.Arms))
            {
                string key = ArmPlan.KeyOf(arm, besideAdaptive: configuration.Arms.Contains("adaptive"));
                for (int generation = 1; generation <= configuration.Generations; generation++)
                {
                    // Later generations are larger models.
                    double scale = generation * generation;
                    foreach ((string stage, string title, double weight) in AligningStages)
                    {
                        if (arm != "competence-only" || stage is "gap" or "competence" or "gate")
                            plan.Add(new PlannedStage($"{key}/seed{seed}/generation{generation}-1/{stage}", title, weight * scale));
                    }
                }
            }
        }

        plan.Add(new PlannedStage("baselines", "baselines without a model", 0.2));
        return plan;
    }
}
