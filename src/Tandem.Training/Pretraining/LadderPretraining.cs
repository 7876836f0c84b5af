using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Optimization;

namespace Tandem.Training.Pretraining;

/// <summary>One rung of the ladder of models: its shape and how it is pre-trained.</summary>
public sealed record LadderRungConfiguration
{
    /// <summary>The name of the rung, for messages.</summary>
    public required string Name { get; init; }

    /// <summary>The model's shape.</summary>
    public required TransformerConfiguration Model { get; init; }

    /// <summary>The folder of a trained smaller model that this one starts from (<see cref="ModelGrowth"/>); null to start from scratch.</summary>
    public string? GrownFrom { get; init; }

    /// <summary>How strongly attention copies at the start.</summary>
    public double CopyStrength { get; init; } = 0.5;

    /// <summary>The number of tokens read.</summary>
    public long Tokens { get; init; } = 20_000_000;

    /// <summary>Rows of a batch.</summary>
    public int BatchRows { get; init; } = 32;

    /// <summary>Tokens of a row.</summary>
    public int RowLength { get; init; } = 128;

    /// <summary>The peak learning rate of AdamW: embeddings, head, norms, biases.</summary>
    public double AdamWLearningRate { get; init; } = 8e-3;

    /// <summary>The peak learning rate of Muon: hidden matrices.</summary>
    public double MuonLearningRate { get; init; } = 0.02;

    /// <summary>The seed of the initial weights and of the rows.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Numbers of tokens at which the weights are saved besides the end.</summary>
    public IReadOnlyList<long> SnapshotTokens { get; init; } = [];

    /// <summary>When the curriculum advances.</summary>
    public CurriculumConfiguration Curriculum { get; init; } = new();

    /// <summary>Steps between evaluations.</summary>
    public int EvaluationInterval { get; init; } = 250;

    /// <summary>Held-out rows of an evaluation, the same at every one.</summary>
    public int EvaluationRows { get; init; } = 128;

    /// <summary>Steps between checkpoints.</summary>
    public int CheckpointInterval { get; init; } = 500;

    /// <summary>The settings of the run.</summary>
    public PretrainingConfiguration ToPretraining() => new()
    {
        Tokens = Tokens,
        BatchRows = BatchRows,
        RowLength = RowLength,
        Optimizer = new OptimizerConfiguration { LearningRate = AdamWLearningRate, MuonLearningRate = MuonLearningRate },
        Seed = Seed,
        SnapshotTokens = SnapshotTokens,
        Curriculum = Curriculum,
        EvaluationInterval = EvaluationInterval,
        EvaluationRows = EvaluationRows,
        CheckpointInterval = CheckpointInterval,
    };
}

/// <summary>Pre-trains the rungs of the ladder, one at a time.</summary>
public static class LadderPretraining
{
    /// <summary>Trains one rung from its start, or continues it from the checkpoints in its folder.</summary>
    /// <param name="configuration">The rung.</param>
    /// <param name="outputDirectory">The folder of this rung: see <see cref="PretrainingRun"/> for what it receives.</param>
    /// <param name="pool">The threads.</param>
    /// <param name="corpus">Where rows come from.</param>
    /// <param name="observer">Receives the progress.</param>
    /// <param name="cancellation">Stops with a checkpoint.</param>
    /// <returns>The state at the end, with all evaluations.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; the same call resumes it.</exception>
    /// <exception cref="UserFaultException">See <see cref="PretrainingRun.Run"/>.</exception>
    public static PretrainingState Run(
        LadderRungConfiguration configuration,
        string outputDirectory,
        WorkerPool pool,
        IPretrainingCorpus corpus,
        ITrainingObserver observer,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        using var model = new Transformer(configuration.Model);
        model.Initialize(new RandomStream(configuration.Seed).Fork("initial weights"));
        MimeticInitialization.Apply(model, (float)configuration.CopyStrength);
        if (configuration.GrownFrom is not null)
        {
            using Transformer smaller = Transformer.Load(configuration.GrownFrom);
            ModelGrowth.Grow(smaller, model);
        }

        using var run = new PretrainingRun(
            configuration.ToPretraining(), model, corpus, outputDirectory, pool, observer, fallBack: true);
        return run.Run(cancellation);
    }
}
