using Tandem.Evaluation.Statistics;
using Tandem.Generations;

namespace Tandem.Evaluation;

/// <summary>How a student treats its teacher's answers, on held-out items.</summary>
/// <param name="AgreeWhenTeacherWrong">P(student = teacher | teacher wrong).</param>
/// <param name="AgreeWhenTeacherRight">P(student = teacher | teacher right).</param>
/// <param name="CeilingAgreesWhenTeacherWrong">The ceiling model's own P(agrees | teacher wrong): shared mistakes that nobody copied.</param>
/// <param name="Excess">ι: the first less the third, paired by item.</param>
public sealed record ImitationMeasurement(
    Estimate AgreeWhenTeacherWrong, Estimate AgreeWhenTeacherRight, Estimate CeilingAgreesWhenTeacherWrong, Estimate Excess)
{
    /// <summary>The three rates as a report shows them.</summary>
    public ImitationSummary ToSummary() => new(AgreeWhenTeacherWrong, AgreeWhenTeacherRight, CeilingAgreesWhenTeacherWrong);
}

/// <summary>
/// Imitation of the teacher's errors (student–supervisor agreement by the supervisor's correctness: Burns et al. 2023,
/// arXiv 2312.09390). Taking off the ceiling model's own agreement is ours: models of one family share
/// mistakes without copying them.
/// </summary>
public static class ImitationRate
{
    /// <summary>Measures imitation. Items without a choice of student, teacher or ceiling are left out.</summary>
    /// <param name="student">The student's choices, per item.</param>
    /// <param name="teacher">The teacher's choices: the labels the student was, or would be, trained on.</param>
    /// <param name="ceiling">The choices of the student's ceiling run.</param>
    /// <param name="teacherRight">Per item, whether the teacher's choice is right.</param>
    public static ImitationMeasurement Measure(
        IReadOnlyList<int> student, IReadOnlyList<int> teacher, IReadOnlyList<int> ceiling, IReadOnlyList<bool> teacherRight)
    {
        if (student.Count != teacher.Count || student.Count != ceiling.Count || student.Count != teacherRight.Count)
            throw new ArgumentException($"One entry per item each: {student.Count}, {teacher.Count}, {ceiling.Count}, {teacherRight.Count}.", nameof(student));
        var studentRepeats = new List<bool>();
        var ceilingRepeats = new List<bool>();
        int right = 0, agreeRight = 0;
        for (int i = 0; i < student.Count; i++)
        {
            if (student[i] == Choices.Unscored || teacher[i] == Choices.Unscored || ceiling[i] == Choices.Unscored)
                continue;
            if (teacherRight[i])
            {
                right++;
                agreeRight += student[i] == teacher[i] ? 1 : 0;
            }
            else
            {
                studentRepeats.Add(student[i] == teacher[i]);
                ceilingRepeats.Add(ceiling[i] == teacher[i]);
            }
        }

        bool[] studentFlags = [.. studentRepeats], ceilingFlags = [.. ceilingRepeats];
        return new ImitationMeasurement(
            Proportion.Wilson(studentFlags),
            Proportion.Wilson(agreeRight, right),
            Proportion.Wilson(ceilingFlags),
            Proportion.PairedDifference(studentFlags, ceilingFlags));
    }

    /// <summary>As the other overload, with the teacher right where its choice is competent and conforming.</summary>
    public static ImitationMeasurement Measure(
        IReadOnlyList<int> student, IReadOnlyList<int> teacher, IReadOnlyList<int> ceiling, IReadOnlyList<ItemTruth> truth)
    {
        UtilityMetrics.Check(teacher, truth);
        bool[] right = [.. truth.Select((item, i) => teacher[i] != Choices.Unscored && item.IsGood(teacher[i]))];
        return Measure(student, teacher, ceiling, right);
    }
}

/// <summary>
/// Misfit: the student's disagreement with its teacher's labels, which needs no truth. Charikar, Pabbaraju and Shiragur
/// (2024, arXiv 2405.15116) prove for squared error over a convex class that the student's gain over the teacher is at
/// least the misfit, and measure near equality. With choices, the gain is at most the disagreement, and equals it where
/// the student leaves the teacher's label only for the right one.
/// </summary>
public static class Misfit
{
    /// <summary>The rate of items on which the student's choice is not the teacher's label; unscored items are left out.</summary>
    public static Estimate OfChoices(IReadOnlyList<int> student, IReadOnlyList<int> teacher)
    {
        if (student.Count != teacher.Count)
            throw new ArgumentException($"One entry per item each: {student.Count}, {teacher.Count}.", nameof(teacher));
        int scored = 0, different = 0;
        for (int i = 0; i < student.Count; i++)
        {
            if (student[i] == Choices.Unscored || teacher[i] == Choices.Unscored)
                continue;
            scored++;
            different += student[i] != teacher[i] ? 1 : 0;
        }

        return Proportion.Wilson(different, scored);
    }
}
