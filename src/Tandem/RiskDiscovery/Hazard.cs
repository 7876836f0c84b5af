using Tandem.Evaluation;

namespace Tandem.RiskDiscovery;

/// <summary>What risk discovery learned of a model.</summary>
/// <param name="Hazards">The hazards found, each once.</param>
/// <param name="EpisodesPlayed">Episodes played in the search.</param>
/// <param name="HazardsPlanted">How many hazards the sandbox holds.</param>
/// <param name="MonitorRecall">The share of violating steps that the monitor flagged, over all of the search.</param>
public sealed record RiskReport(
    IReadOnlyList<Hazard> Hazards, int EpisodesPlayed, int HazardsPlanted, Estimate MonitorRecall);

/// <summary>A hazard x̂: a systematic way of failing, with what replays it.</summary>
/// <param name="Id">Kind and level.</param>
/// <param name="Description">What happens, in one line.</param>
/// <param name="Severity">1 to 5.</param>
/// <param name="Rate">How often the model shows it on held-out mutations.</param>
/// <param name="MonitorRecall">How often the monitor flagged it.</param>
/// <param name="Scripts">Scripts that showed it, as JSON.</param>
/// <param name="HeldOutScripts">Held-out mutations of them, as JSON, for measuring before and after alignment.</param>
public sealed record Hazard(
    string Id, string Description, int Severity, Estimate Rate, Estimate MonitorRecall,
    IReadOnlyList<string> Scripts, IReadOnlyList<string> HeldOutScripts);
