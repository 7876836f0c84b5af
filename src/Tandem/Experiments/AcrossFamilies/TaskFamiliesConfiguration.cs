using System.ComponentModel.DataAnnotations;
using Tandem.Generations;

namespace Tandem.Experiments.AcrossFamilies;

/// <summary>
/// A recipe of kind <c>task-families</c>: the same schedules of competence and alignment under a weak teacher, on several task
/// families. Its <c>world</c> is not used: each family comes with its own.
/// </summary>
public sealed record TaskFamiliesConfiguration : ExperimentConfiguration
{
    /// <summary>What kind of recipe this is.</summary>
    [AllowedValues("task-families")]
    public string Kind { get; init; } = "task-families";

    /// <summary>The families, each with its teacher and its student.</summary>
    [MinLength(1)]
    public IReadOnlyList<FamilyRungs> Families { get; init; } = [];

    /// <summary>How many times the alternating schedule changes from competence to alignment.</summary>
    [Range(2, 1000)]
    public int Cycles { get; init; } = 4;

    /// <summary>The levels of all items, taken in turn; deeper ones are beyond small rungs. Text has none.</summary>
    [MinLength(1)]
    public IReadOnlyList<int> Levels { get; init; } = [1, 2];

    /// <summary>Items on which the teacher learns the truth.</summary>
    [Range(64, 1_000_000)]
    public int TeacherItems { get; init; } = 1000;

    /// <summary>Items that the teacher labels; every schedule visits each of them twice.</summary>
    [Range(64, 1_000_000)]
    public int Items { get; init; } = 1600;

    /// <summary>Fresh test items.</summary>
    [Range(50, 1_000_000)]
    public int TestItems { get; init; } = 800;

    /// <summary>How everything is fine-tuned; each stretch of a schedule has an optimizer and a learning-rate schedule of its own.</summary>
    public CompetenceConfiguration Training { get; init; } = new() { DecisionShare = 0 };

    /// <inheritdoc/>
    public override IExperiment Create(Laboratory laboratory) => new TaskFamiliesExperiment(laboratory, this);
}

/// <summary>A family, embedded or of text, and which rungs of its ladder teach and learn.</summary>
public sealed record FamilyRungs : WorldConfiguration
{
    /// <summary>What tables and stages call it; empty for the family's name. Two families of text need names.</summary>
    public string Name { get; init; } = "";

    /// <summary>The rung of the weak teacher.</summary>
    public string Teacher { get; init; } = "r2";

    /// <summary>The rung of the student.</summary>
    public string Student { get; init; } = "r3";

    /// <summary>The name in tables.</summary>
    internal string Label => Name.Length == 0 ? Family : Name;
}
