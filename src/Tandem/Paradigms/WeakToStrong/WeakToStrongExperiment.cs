using Tandem.Evaluation;
using Tandem.Experiments;
using Tandem.Generations;
using Tandem.Tensors;
using Tandem.Training.Objectives;
using Tandem.Worlds.Ladder;

namespace Tandem.Paradigms.WeakToStrong;

/// <summary>
/// Weak-to-strong generalization on the ladder (Burns et al., arXiv 2312.09390): a teacher trained on truth labels fresh items, a
/// student is trained on those labels and not on truth, and is compared with the same student trained on truth.
/// </summary>
public sealed class WeakToStrongExperiment : IExperiment
{
    private readonly WeakToStrongConfiguration _configuration;
    private readonly Laboratory _laboratory;
    private readonly WeakToStrongBench _bench;

    /// <summary>Prepares an experiment.</summary>
    /// <param name="laboratory">Where it runs.</param>
    /// <param name="configuration">The recipe.</param>
    /// <exception cref="UserFaultException">A rung is unknown, a pair's student is the smaller, or a method does not go together.</exception>
    public WeakToStrongExperiment(Laboratory laboratory, WeakToStrongConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(laboratory);
        ArgumentNullException.ThrowIfNull(configuration);
        (_laboratory, _configuration) = (laboratory, configuration);
        foreach (WeakToStrongMethod method in configuration.Methods)
            Check(method);
        foreach (RungPair pair in ComparedPairs().Append(configuration.Conflict.Pair).Where(pair => pair.Student.Length > 0))
        {
            if (!IsPair(pair))
                throw new UserFaultException($"The pair {pair} has a student that is not larger than its teacher.", "Name a teacher that is a smaller or earlier rung.", FaultKind.Usage);
        }

        _bench = new WeakToStrongBench(laboratory, configuration);
    }

    /// <inheritdoc/>
    public ExperimentFindings Run()
    {
        WeakToStrongMethod first = _configuration.Methods[0];
        var measured = new List<WeakToStrongMeasurement>();
        var conflicts = new List<ConflictMeasurement>();
        var study = new ConflictStudy(_laboratory, _bench, _configuration);
        foreach (ulong seed in _configuration.Seeds)
        {
            foreach (RungPair pair in Pairs())
                measured.Add(_bench.Measure(seed, pair, first));
            foreach (RungPair pair in _configuration.FocalPairs)
                measured.AddRange(_configuration.Methods.Skip(1).Select(method => _bench.Measure(seed, pair, method)));
            if (_configuration.CompoundTeachers.Pair is { Student.Length: > 0 } compound)
            {
                measured.AddRange(new CompoundTeachers(_bench, _configuration).Of(seed)
                    .Select(teacher => _bench.Measure(seed, compound, first, teacher.Name, teacher.Teacher)));
            }

            if (_configuration.Conflict.Pair.Student.Length > 0)
                conflicts.AddRange(study.Run(seed));
        }

        return new WeakToStrongFindings(_configuration, _bench.Test, measured, conflicts).Write(_laboratory.World.Name);
    }

    // Every teacher with every student that is not smaller, and those that are named as pairs.
    private IEnumerable<RungPair> Pairs() => _configuration.Students
        .SelectMany(student => _configuration.Teachers.Select(teacher => new RungPair { Teacher = teacher, Student = student }))
        .Where(IsPair).Concat(ComparedPairs()).Distinct();

    private IEnumerable<RungPair> ComparedPairs() => _configuration.FocalPairs
        .Append(_configuration.CompoundTeachers.Pair).Where(pair => pair.Student.Length > 0);

    private bool IsPair(RungPair pair)
    {
        LadderRung weak = _laboratory.Ladder[pair.Teacher], strong = _laboratory.Ladder[pair.Student];
        return weak.ParameterCount <= strong.ParameterCount && weak.Name != strong.Name;
    }

    private static void Check(WeakToStrongMethod method)
    {
        if (method.Learning != StudentLearning.FineTuning && method.Loss != WeakLoss.CrossEntropy)
            throw new UserFaultException($"The method '{method}' has a loss that only fine-tuning knows.", "Take the loss cross-entropy.", FaultKind.Usage);
        if (method is { Learning: StudentLearning.Generative, Labels: WeakLabels.Soft })
            throw new UserFaultException($"The method '{method}' learns the text of one option.", "Take hard labels.", FaultKind.Usage);
    }
}
