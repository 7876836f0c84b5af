using System.Globalization;
using Tandem.Experiments;
using Tandem.Tensors;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Paradigms.WeakToStrong;

/// <summary>The teachers that a recipe makes of several models, each to be compared with the pair's single teacher.</summary>
internal sealed class CompoundTeachers(WeakToStrongBench bench, WeakToStrongConfiguration configuration)
{
    private readonly CompoundTeachersConfiguration _wanted = configuration.CompoundTeachers;

    /// <summary>The teachers of a seed; only the chain depends on it.</summary>
    public IEnumerable<(string Name, IWeakTeacher Teacher)> Of(ulong seed)
    {
        string rung = _wanted.Pair.Teacher;
        if (_wanted.Bagged > 0)
            yield return (string.Create(CultureInfo.InvariantCulture, $"{_wanted.Bagged} bagged"), Bagged(rung));
        if (_wanted.Boosted > 0)
            yield return (string.Create(CultureInfo.InvariantCulture, $"{_wanted.Boosted} boosted"), Boosted(rung));
        if (_wanted.Chain.Count > 0)
            yield return ($"chain by {string.Join(" and ", _wanted.Chain)}", Chain(seed));
        if (_wanted.Debaters.Count > 1)
            yield return ($"debate of {string.Join(" and ", _wanted.Debaters)}", new DebatedTeacher([.. _wanted.Debaters.Select(bench.Teacher)], bench.Teacher(rung)));
    }

    private BaggedTeacher Bagged(string rung) => BaggedTeacher.Train(
        _wanted.Bagged, [.. bench.TeacherPool.Select(RungTuning.Truth)], new RandomStream(0).Fork("bagging"),
        (teacher, examples) => bench.Teacher($"bagged/{rung}-{teacher}", rung, examples));

    private BoostedTeacher Boosted(string rung) => BoostedTeacher.Train(
        _wanted.Boosted, bench.TeacherPool,
        (round, weights) => bench.Teacher($"boosted/{rung}-{round}", rung, () =>
        {
            IReadOnlyList<float> known = weights();
            return [.. bench.TeacherPool.Select((item, i) => RungTuning.Truth(item) with { Weight = known[i] })];
        }));

    // Bootstrapping (arXiv 2312.09390, section 4.3.1): each rung learns from the one before, on fresh items, and labels for the next.
    private IWeakTeacher Chain(ulong seed)
    {
        IWeakTeacher teacher = bench.Teacher(_wanted.Pair.Teacher);
        for (int link = 0; link < _wanted.Chain.Count; link++)
        {
            IWeakTeacher before = teacher;
            LadderRung rung = bench.Rung(_wanted.Chain[link]);
            IReadOnlyList<ChoiceItem> pool = bench.LinkPool(seed, link);
            WeakToStrongMethod method = configuration.Methods[0];
            string key = string.Create(CultureInfo.InvariantCulture, $"chain/{_wanted.Pair.Teacher}-{link}-{rung.Name}-seed{seed}");
            teacher = bench.Taught(new LearningTask(key, key, rung, seed, method, pool, new(() => before.Label(pool).As(method.Labels))));
        }

        return teacher;
    }
}
