using Tandem.GapAnnealing;
using Tandem.RiskDiscovery;
using Tandem.Worlds;

namespace Tandem.Generations;

/// <summary>
/// What later generations inherit: the models that supervise, the side models that never change, and what the gap
/// controller was told of earlier attempts.
/// </summary>
public sealed class Lineage
{
    private readonly List<TrainedModel> _supervisors;
    private readonly List<GapObservation> _history = [];
    private readonly List<GenerationSummary> _generations;
    private readonly Dictionary<string, Hazard> _hazards = [];
    private readonly List<ChoiceItem> _trainedOn;

    /// <summary>Starts a lineage.</summary>
    /// <param name="initial">Generation 0.</param>
    /// <param name="first">Its measurement.</param>
    /// <param name="items">The items that it was trained on.</param>
    public Lineage(InitialGeneration initial, GenerationSummary first, IReadOnlyList<ChoiceItem> items)
    {
        Initial = initial;
        _trainedOn = [.. items];
        _supervisors = [initial.Model];
        _generations = [first];
    }

    /// <summary>The side models: differently trained competence sources and the persona judges.</summary>
    public InitialGeneration Initial { get; }

    /// <summary>The models that supervise the next generation, oldest first.</summary>
    public IReadOnlyList<TrainedModel> Supervisors => _supervisors;

    /// <summary>The newest supervisor.</summary>
    public TrainedModel Latest => _supervisors[^1];

    /// <summary>The items that models of this lineage were trained on: new ones are to be others.</summary>
    public IReadOnlyList<ChoiceItem> TrainedOn => _trainedOn;

    /// <summary>What became of earlier decisions.</summary>
    public IReadOnlyList<GapObservation> History => _history;

    /// <summary>All attempts in order, the first aligned model first.</summary>
    public IReadOnlyList<GenerationSummary> Generations => _generations;

    /// <summary>The hazards of promoted generations, each as it was found last: what later generations must not show again.</summary>
    public IReadOnlyCollection<Hazard> Hazards => _hazards.Values;

    /// <summary>Training FLOPs after pre-training, pilots counted.</summary>
    public double Flops { get; private set; }

    /// <summary>Items that the simulated human labelled.</summary>
    public int HumanLabels { get; private set; }

    /// <summary>Notes what is trained on.</summary>
    public void TrainOn(IReadOnlyList<ChoiceItem> items) => _trainedOn.AddRange(items);

    /// <summary>Adds an attempt; a promoted model becomes the newest supervisor.</summary>
    public void Record(GenerationOutcome outcome)
    {
        if (outcome.Promoted)
        {
            _supervisors.Add(outcome.Model);
            foreach (Hazard hazard in outcome.Hazards)
                _hazards[hazard.Id] = hazard;
        }

        _history.Add(outcome.Observation);
        _generations.Add(outcome.Summary);
        Flops += outcome.Flops;
        HumanLabels += outcome.HumanLabels;
    }
}

/// <summary>The first aligned model and the side models, all trained on the same items.</summary>
/// <param name="Model">A⁺_0.</param>
/// <param name="CompetenceSources">An older and a differently trained model.</param>
/// <param name="PersonaJudges">Judges that each disregard one violation channel.</param>
/// <param name="HumanLabels">Labels that the simulated human gave, each persona's counted.</param>
public sealed record InitialGeneration(
    TrainedModel Model,
    IReadOnlyList<TrainedModel> CompetenceSources,
    IReadOnlyList<TrainedModel> PersonaJudges,
    int HumanLabels)
{
    /// <summary>Training FLOPs of all of these models.</summary>
    public double TrainingFlops => CompetenceSources.Concat(PersonaJudges).Append(Model).Sum(m => m.TrainingFlops);
}

/// <summary>One attempt at one generation.</summary>
/// <param name="Arm">The arm.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Generation">1 for the first after A⁺_0.</param>
/// <param name="Attempt">1 for the first.</param>
public sealed record GenerationStep(ArmPlan Arm, ulong Seed, int Generation, int Attempt)
{
    /// <summary>The key of a stage of this attempt.</summary>
    public string Key(string stage) => $"{Arm.Key}/seed{Seed}/generation{Generation}-{Attempt}/{stage}";

    /// <summary>The randomness of a stage: the same in every arm, so that arms differ by their decisions only.</summary>
    public Tensors.RandomStream Random(string stage) =>
        new Tensors.RandomStream(Seed).Fork($"generation {Generation} attempt {Attempt} {stage}");
}

/// <summary>What became of an attempt.</summary>
/// <param name="Promoted">Whether the model supervises the next generation.</param>
/// <param name="Model">A⁺, or A⁻ where the arm does not align.</param>
/// <param name="Summary">What the report shows.</param>
/// <param name="Observation">What the gap controller hears.</param>
/// <param name="Hazards">The hazards found, with their scripts.</param>
/// <param name="Flops">Training FLOPs of the attempt.</param>
/// <param name="HumanLabels">Items that the simulated human labelled in the attempt.</param>
public sealed record GenerationOutcome(
    bool Promoted, TrainedModel Model, GenerationSummary Summary, GapObservation Observation,
    IReadOnlyList<Hazard> Hazards, double Flops, int HumanLabels);
