using Tandem.Datasets;
using Tandem.Endpoints;
using Tandem.Evaluation.Preferences;
using Tandem.Tuning;

namespace Tandem.Cli.Commands.Evaluations;

/// <summary>How items are scored.</summary>
internal enum EvalMethod
{
    Reward,
    LogRatio,
    LogProbability,
    Judge,
    Choices,
}

/// <summary>What <c>tandem eval</c> is asked for.</summary>
internal sealed record EvalSettings
{
    public required DatasetRequest Data { get; init; }

    public string? Model { get; init; }

    public string? Adapter { get; init; }

    public string? Reference { get; init; }

    public EvalMethod? By { get; init; }

    public EndpointConfiguration? Endpoint { get; init; }

    public string? Cache { get; init; }

    public ChoiceStyle Style { get; init; }

    public ScoreNormalization Normalization { get; init; }

    public int Rotations { get; init; }

    public ulong Seed { get; init; }

    public int ReplyTokens { get; init; }

    public int? MaximumTokens { get; init; }

    public int Threads { get; init; }

    /// <summary>What reports call the model.</summary>
    public string Name => Endpoint is { } endpoint ? $"{endpoint.Model} at {endpoint.BaseAddress}"
        : Adapter is null ? Model! : Model is null ? Adapter : $"{Model} with {Adapter}";
}
