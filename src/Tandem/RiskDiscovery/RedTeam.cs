using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Tensors;
using Tandem.Worlds;

namespace Tandem.RiskDiscovery;

/// <summary>Stage 2 of the pipeline (arXiv 2503.07660): finds what A⁻ does wrong, and what shows it again.</summary>
public interface IRedTeam
{
    /// <summary>Searches for the hazards x̂ of a model.</summary>
    /// <param name="unaligned">A⁻.</param>
    /// <param name="random">The search's randomness.</param>
    RiskReport Discover(TrainedModel unaligned, RandomStream random);

    /// <summary>How often a model shows a hazard where it was not searched for.</summary>
    /// <param name="model">The model.</param>
    /// <param name="hazard">A hazard that this red team found.</param>
    /// <param name="random">The monitor's misses.</param>
    Estimate Retest(TrainedModel model, Hazard hazard, RandomStream random);

    /// <summary>Decisions in which a found hazard is on offer, which value alignment trains on: none that <see cref="Retest"/> asks about.</summary>
    /// <param name="unaligned">A⁻.</param>
    /// <param name="report">What was found.</param>
    /// <param name="count">The most decisions.</param>
    /// <param name="random">The draw's randomness.</param>
    IReadOnlyList<ChoiceItem> HazardDecisions(TrainedModel unaligned, RiskReport report, int count, RandomStream random);

    /// <summary>The share of planted model organisms, models that misbehave on purpose, that the monitors catch: the worse of the organisms'.</summary>
    /// <param name="random">The monitors' misses.</param>
    Estimate OrganismRecall(RandomStream random);
}

/// <summary>The red team of a task family.</summary>
public static class RedTeam
{
    /// <summary>Plays episodes where the family has them; elsewhere it asks about single items.</summary>
    public static IRedTeam Of(Laboratory laboratory)
    {
        ArgumentNullException.ThrowIfNull(laboratory);
        return laboratory.World.Has(ItemVariant.Episode) ? new RedTeamSearch(laboratory) : new ItemRedTeam(laboratory);
    }
}
