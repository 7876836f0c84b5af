using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;

namespace Tandem.Experiments;

/// <summary>The rule by which claims are judged: one for all experiments, on the interval of an effect that is expected to be positive.</summary>
internal static class ClaimRule
{
    /// <summary>An effect below this, in rates and utilities, is taken for none.</summary>
    public const double Negligible = 0.02;

    /// <summary>Reproduced where the interval lies above 0, not reproduced where it ends below what is negligible, undecided otherwise.</summary>
    /// <param name="effect">The effect; null where it has no interval, as over one seed.</param>
    /// <param name="negligible">How large an effect still counts as none.</param>
    public static ClaimVerdict Positive(Estimate? effect, double negligible = Negligible) => effect switch
    {
        null => ClaimVerdict.Undecided,
        { Lower: > 0 } => ClaimVerdict.Reproduced,
        _ when effect.Upper < negligible || effect.Upper < 0 => ClaimVerdict.NotReproduced,
        _ => ClaimVerdict.Undecided,
    };

    /// <summary>The same of an effect that is expected to be negative.</summary>
    public static ClaimVerdict Negative(Estimate? effect, double negligible = Negligible) => Positive(effect?.Map(-1), negligible);

    /// <summary>The same of an effect that is expected for each of several sizes or conditions.</summary>
    public static ClaimVerdict Positive(IEnumerable<Estimate?> effects, double negligible = Negligible) =>
        All(effects.Select(effect => Positive(effect, negligible)));

    /// <summary>The same over seeds: undecided for fewer than two, whose interval covers items alone.</summary>
    public static ClaimVerdict OverSeeds(Estimate? effect, int seeds) => Positive(seeds < 2 ? null : effect);

    /// <summary>
    /// An expectation that several have to meet: reproduced when all do, partly when some do, not reproduced when none does and
    /// one contradicts it, undecided otherwise.
    /// </summary>
    public static ClaimVerdict All(IEnumerable<ClaimVerdict> verdicts)
    {
        ClaimVerdict[] all = [.. verdicts];
        return all.Length > 0 && all.All(verdict => verdict == ClaimVerdict.Reproduced) ? ClaimVerdict.Reproduced
            : all.Any(verdict => verdict is ClaimVerdict.Reproduced or ClaimVerdict.Partly) ? ClaimVerdict.Partly
            : all.Contains(ClaimVerdict.NotReproduced) ? ClaimVerdict.NotReproduced
            : ClaimVerdict.Undecided;
    }
}
