using System.ComponentModel.DataAnnotations;
using Tandem.Runs;
using Tandem.Training.Objectives;

namespace Tandem.Tuning;

/// <summary>A recipe of kind <c>sft</c>: supervised fine-tuning on texts, completions, conversations, or the answers of questions.</summary>
public sealed record SupervisedTuningConfiguration : TuningConfiguration
{
    /// <summary>The defaults.</summary>
    public SupervisedTuningConfiguration() => Name = "sft";

    /// <summary>What kind of recipe this is.</summary>
    [AllowedValues("sft")]
    public string Kind { get; init; } = "sft";

    /// <summary>How questions with options are put.</summary>
    public ChoiceStyle ChoiceStyle { get; init; } = ChoiceStyle.Letters;

    /// <summary>Label smoothing ε.</summary>
    [Range(0, 0.99)]
    public double LabelSmoothing { get; init; }

    /// <summary>Which tokens are learned.</summary>
    public LearnedPart Learn { get; init; } = LearnedPart.Answers;
}

/// <summary>Which tokens supervised fine-tuning learns.</summary>
public enum LearnedPart
{
    /// <summary>What the model says.</summary>
    Answers,

    /// <summary>Prompts too.</summary>
    All,
}

/// <summary>A recipe of kind <c>dpo</c>: learning from preferences without a reward model (arXiv 2305.18290 and its relatives).</summary>
public sealed record PreferenceTuningConfiguration : TuningConfiguration
{
    /// <summary>The defaults.</summary>
    public PreferenceTuningConfiguration() => (Name, Training) = ("dpo", new TrainingSettings { LearningRate = 5e-5, Warmup = 0.1 });

    /// <summary>What kind of recipe this is.</summary>
    [AllowedValues("dpo")]
    public string Kind { get; init; } = "dpo";

    /// <summary>The loss.</summary>
    public PreferenceTuningLoss Loss { get; init; } = PreferenceTuningLoss.Dpo;

    /// <summary>β.</summary>
    [Range(1e-6, 1e6)]
    public double Beta { get; init; } = 0.1;

    /// <summary>ε of <c>cdpo</c> and <c>robust</c>: the share of preferences that is taken to be flipped.</summary>
    [Range(0, 0.49)]
    public double LabelSmoothing { get; init; }

    /// <summary>γ of <c>simpo</c>: the margin to win by.</summary>
    [Range(0.0, 1e6)]
    public double TargetMargin { get; init; } = 0.5;

    /// <summary>Whether log-probabilities count as they are, rather than beside those of the model before training.</summary>
    public bool ReferenceFree { get; init; }

    /// <inheritdoc/>
    public override IEnumerable<RecipeProblem> Check()
    {
        bool smoothed = Loss is PreferenceTuningLoss.Cdpo or PreferenceTuningLoss.Robust;
        if (smoothed != LabelSmoothing > 0)
        {
            yield return new RecipeProblem(
                nameof(LabelSmoothing), $"it is {FormattableString.Invariant($"{LabelSmoothing}")} with the loss {Loss.ToString().ToLowerInvariant()}; cdpo and robust need one above 0, the other losses have none",
                smoothed ? "Set label_smoothing to the share of flipped preferences, such as 0.1." : "Remove label_smoothing, or set loss to cdpo or robust.");
        }

        foreach (RecipeProblem problem in base.Check())
            yield return problem;
    }
}

/// <summary>The losses of <see cref="PreferenceTuningConfiguration"/>; their formulas are those of <see cref="PreferenceLoss"/>.</summary>
public enum PreferenceTuningLoss
{
    /// <summary>DPO (arXiv 2305.18290).</summary>
    Dpo,

    /// <summary>Conservative DPO: with label smoothing.</summary>
    Cdpo,

    /// <summary>Robust DPO (arXiv 2403.00409).</summary>
    Robust,

    /// <summary>IPO (arXiv 2310.12036).</summary>
    Ipo,

    /// <summary>SLiC's hinge (arXiv 2305.10425).</summary>
    Hinge,

    /// <summary>SimPO (arXiv 2405.14734): means over tokens, a margin, no reference.</summary>
    Simpo,
}

/// <summary>A recipe of kind <c>reward</c>: a reward model from preferences (arXiv 2203.02155).</summary>
public sealed record RewardTuningConfiguration : TuningConfiguration
{
    /// <summary>The defaults.</summary>
    public RewardTuningConfiguration() => Name = "reward";

    /// <summary>What kind of recipe this is.</summary>
    [AllowedValues("reward")]
    public string Kind { get; init; } = "reward";

    /// <summary>Whether the margins that the data states are part of the loss (arXiv 2307.09288).</summary>
    public bool Margin { get; init; }

    /// <summary>The coefficient that keeps rewards around 0 (arXiv 2312.09244).</summary>
    [Range(0.0, 100.0)]
    public double Centring { get; init; }
}

/// <summary>
/// A recipe of kind <c>weak-to-strong-text</c>: a student learns a weak teacher's labels of questions (Burns et al., arXiv
/// 2312.09390), beside the same student trained on truth.
/// </summary>
public sealed record WeakToStrongTuningConfiguration : TuningConfiguration
{
    /// <summary>The defaults.</summary>
    public WeakToStrongTuningConfiguration() => Name = "weak-to-strong-text";

    /// <summary>What kind of recipe this is.</summary>
    [AllowedValues("weak-to-strong-text")]
    public string Kind { get; init; } = "weak-to-strong-text";

    /// <summary>How questions are put.</summary>
    public ChoiceStyle ChoiceStyle { get; init; } = ChoiceStyle.Letters;

    /// <summary>The model that becomes the teacher; empty where <see cref="LabelsFile"/> has the labels.</summary>
    public string Teacher { get; init; } = "";

    /// <summary>
    /// Models between teacher and student, from weak to strong: each learns the labels of the one before and labels the same
    /// questions anew (bootstrapping: arXiv 2312.09390, section 4.3.1). None for one step.
    /// </summary>
    public IReadOnlyList<string> Intermediates { get; init; } = [];

    /// <summary>Questions with truth that the teacher is fine-tuned on; the others are the student's.</summary>
    [Range(1, int.MaxValue)]
    public int TeacherItems { get; init; } = 500;

    /// <summary>
    /// Soft labels from elsewhere: JSON Lines of <c>{"id": record, "probabilities": [..]}</c> in the order of the record's options;
    /// empty to train a teacher. Labels of evaluation items in it give the floor.
    /// </summary>
    public string LabelsFile { get; init; } = "";

    /// <summary>What the student learns from: <c>soft</c>, the distribution, or <c>hard</c>, its best option.</summary>
    [AllowedValues("soft", "hard")]
    public string Labels { get; init; } = "soft";

    /// <summary>The student's loss.</summary>
    public WeakLoss Loss { get; init; } = WeakLoss.CrossEntropy;

    /// <summary>The share of the student's own answers in the loss <c>confidence</c>.</summary>
    [Range(0, 1.0)]
    public double ConfidenceCoefficient { get; init; } = 0.5;

    /// <summary>The share of the steps over which that share rises.</summary>
    [Range(0, 1.0)]
    public double ConfidenceWarmup { get; init; } = 0.1;

    /// <summary>The radius of the loss <c>window</c>.</summary>
    [Range(1e-6, 1.0)]
    public double WindowRadius { get; init; } = 0.15;

    /// <summary>The exponent of the label's distribution in the loss <c>product</c>.</summary>
    [Range(0, 100.0)]
    public double ProductWeak { get; init; } = 1;

    /// <summary>The exponent of the student's own distribution in it.</summary>
    [Range(0, 100.0)]
    public double ProductStrong { get; init; } = 1;

    /// <inheritdoc/>
    public override IEnumerable<RecipeProblem> Check()
    {
        if ((Teacher.Length == 0) == (LabelsFile.Length == 0))
        {
            yield return new RecipeProblem(
                nameof(Teacher), Teacher.Length == 0 ? "there is neither a teacher nor a labels_file" : "there are a teacher and a labels_file",
                "Name one of them: teacher is a model, labels_file a file of its labels.");
        }

        foreach (RecipeProblem problem in base.Check())
            yield return problem;
    }
}
