using System.ComponentModel.DataAnnotations;
using Tandem.Generations;
using Tandem.Runs;

namespace Tandem.Paradigms.WeakToStrong;

/// <summary>
/// A recipe of kind <c>weak-to-strong</c>: every student of a ladder under every weaker teacher (Burns et al.,
/// arXiv 2312.09390), with floors and ceilings computed once.
/// </summary>
public sealed record WeakToStrongConfiguration
{
    /// <summary>What kind of recipe this is.</summary>
    [AllowedValues("weak-to-strong")]
    public string Kind { get; init; } = "weak-to-strong";

    /// <summary>The recipe's name; it names the default run directory.</summary>
    public string Name { get; init; } = "weak-to-strong";

    /// <summary>One student per seed: its pool, its order and its initial heads. A longer list extends a finished run.</summary>
    [OutsideIdentity]
    [MinLength(1)]
    public IReadOnlyList<ulong> Seeds { get; init; } = [1, 2, 3];

    /// <summary>Where the rungs come from.</summary>
    public string LadderDirectory { get; init; } = "";

    /// <summary>The rungs that teach; each is fine-tuned on truth first.</summary>
    [MinLength(1)]
    public IReadOnlyList<string> Teachers { get; init; } = [];

    /// <summary>The rungs that learn. A student is never smaller than its teacher.</summary>
    [MinLength(1)]
    public IReadOnlyList<string> Students { get; init; } = [];

    /// <summary>Items with truth on which a teacher is trained.</summary>
    [Range(64, 1_000_000)]
    public int TeacherItems { get; init; } = 4800;

    /// <summary>Items that a teacher labels for its student; the ceiling has the truth of the same items.</summary>
    [Range(64, 1_000_000)]
    public int StudentItems { get; init; } = 6400;

    /// <summary>What a student learns from: <c>soft</c>, the teacher's distribution over the options, or <c>hard</c>, its best option.</summary>
    [AllowedValues("soft", "hard")]
    public string Labels { get; init; } = "soft";

    /// <summary>Fresh test items, the same for all.</summary>
    [Range(50, 1_000_000)]
    public int TestItems { get; init; } = 1500;

    /// <summary>How everything is fine-tuned.</summary>
    public CompetenceConfiguration Training { get; init; } = new() { MuonLearningRate = 0 };
}

/// <summary>One teacher and one student, over all seeds.</summary>
/// <param name="Teacher">The teacher's rung.</param>
/// <param name="Student">The student's rung.</param>
/// <param name="Gap">δ: the ceiling's utility less the teacher's, mean over seeds.</param>
/// <param name="Pairs">Each seed's measurement.</param>
/// <param name="Recovered">PGR over the seeds; null when any seed's gap is within noise, or there is one seed.</param>
public sealed record WeakToStrongPair(
    string Teacher, string Student, double Gap, IReadOnlyList<WeakToStrongMeasurement> Pairs, Evaluation.Estimate? Recovered);

/// <summary>One teacher, one student, one seed.</summary>
public sealed record WeakToStrongMeasurement
{
    /// <summary>The student's seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The teacher's rung.</summary>
    public required string Teacher { get; init; }

    /// <summary>The student's rung.</summary>
    public required string Student { get; init; }

    /// <summary>The floor: the teacher's utility.</summary>
    public required Evaluation.Estimate TeacherUtility { get; init; }

    /// <summary>The student's utility.</summary>
    public required Evaluation.Estimate StudentUtility { get; init; }

    /// <summary>The ceiling: the utility of the student's rung trained on truth.</summary>
    public required Evaluation.Estimate CeilingUtility { get; init; }

    /// <summary>δ, paired on the test items.</summary>
    public required Evaluation.Estimate Gap { get; init; }

    /// <summary>The student's gain over its teacher, paired on the test items.</summary>
    public required Evaluation.Estimate Gain { get; init; }

    /// <summary>PGR with its bootstrap interval; null when the gap is within noise.</summary>
    public Evaluation.Estimate? Recovered { get; init; }

    /// <summary>Agreement with the teacher where it is wrong and right, beside the truth-trained ceiling's.</summary>
    public required ImitationSummary Imitation { get; init; }
}

/// <summary>The experiment's result.</summary>
/// <param name="Name">The recipe's name.</param>
/// <param name="Identity">The hash of the resolved recipe.</param>
/// <param name="Pairs">Every pair, ordered by student and gap.</param>
public sealed record WeakToStrongSummary(string Name, string Identity, IReadOnlyList<WeakToStrongPair> Pairs);
