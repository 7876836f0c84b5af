using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// A decoder-only transformer of the Qwen2, Qwen3 or Llama family in fp32: pre-norm layers of grouped-query attention with
/// rotary positions and of SwiGLU, with a language head, score heads, or both on the final hidden states.
/// </summary>
public sealed partial class Transformer : IDisposable
{
    // Logits that are kept: 64 MiB. To compute them again takes longer than to read them.
    private const long LargestLogits = 1 << 24;

    private readonly Parameter _embedding;
    private readonly Parameter _finalNorm;
    private readonly Parameter? _languageHead;
    private readonly Parameter? _scoreHead;
    private readonly TransformerLayer[] _layers;

    /// <summary>Creates a transformer whose norm weights are 1 and other parameters 0.</summary>
    /// <param name="configuration">Its shape.</param>
    /// <param name="storage">
    /// How its parameters are kept. Frozen ones cannot be trained, but for score heads and adapters; vectors are always fp32.
    /// </param>
    /// <param name="adapters">Trainable low-rank adapters; they leave the result as it is until they are trained.</param>
    /// <exception cref="UserFaultException">The configuration is invalid.</exception>
    public Transformer(
        TransformerConfiguration configuration, ParameterStorage storage = ParameterStorage.Trainable, LowRankConfiguration? adapters = null)
    {
        Configuration = configuration.Validate();
        (Storage, Adapters) = (storage, adapters?.Validate());
        Parameters = new ParameterSet([.. Configuration.ParameterShapes().Select(Stored), .. Adapters?.ParameterShapes(Configuration) ?? []]);
        _embedding = Parameters["model.embed_tokens.weight"];
        _finalNorm = Parameters["model.norm.weight"];
        _languageHead = !Configuration.LanguageHead ? null
            : Configuration.TieWordEmbeddings ? _embedding : Parameters["lm_head.weight"];
        _scoreHead = Parameters.Find("score.weight");
        Rotation = CreateRotation(Configuration);
        _layers = [.. Enumerable.Range(0, Configuration.Layers).Select(i => new TransformerLayer(Parameters, i, Configuration, Rotation, Adapters))];
        foreach (var parameter in Parameters.All)
        {
            if (IsNorm(parameter))
                parameter.Tensor.Values.Fill(1f);
        }
    }

    /// <summary>The validated configuration.</summary>
    public TransformerConfiguration Configuration { get; }

    /// <summary>How the parameters of the configuration are kept.</summary>
    public ParameterStorage Storage { get; }

    /// <summary>The adapters, if there are any.</summary>
    public LowRankConfiguration? Adapters { get; }

    /// <summary>All parameters, under Hugging Face's names.</summary>
    public ParameterSet Parameters { get; }

    /// <summary>The angles of the rotary positions.</summary>
    public RotaryTable Rotation { get; }

    /// <summary>
    /// Whether a step keeps of each decoder layer its output only and computes the rest again in the backward pass
    /// (<see cref="Tape.Recompute"/>): the same bits in less memory, for the time of one forward pass more.
    /// </summary>
    public bool RecomputesActivations { get; set; }

    // With fewer rows it would take longer to pack the weights of the head.
    internal int RowsOfLogits => (int)Math.Max(LargestLogits / Configuration.VocabularySize, 128);

    internal Parameter EmbeddingTable => _embedding;

    internal Parameter FinalNorm => _finalNorm;

    internal Parameter LanguageHead => _languageHead
        ?? throw new InvalidOperationException("This transformer has no language head.");

    internal IReadOnlyList<TransformerLayer> DecoderLayers => _layers;

    /// <summary>
    /// Draws new parameters. Matrices are normal with standard deviation 1/√(fan-in), which keeps activations near one
    /// at any width: the customary 0.02 is that value at a width of 2,500 and leaves a width of 16 to 192 almost mute.
    /// The embedding table follows the same rule, as the language head that it often is, so that a tied head starts
    /// with logits near a standard deviation of one and a token's own embedding is not drowned by the first layers.
    /// Projections into the residual stream (o_proj, down_proj) are divided by √(2·layers), so that its variance does
    /// not grow with depth (GPT-2). Biases and score heads are 0, norm weights 1.
    /// </summary>
    /// <param name="random">Each parameter draws from a stream forked by its name: its values do not depend on the others.</param>
    public void Initialize(RandomStream random)
    {
        float[] drawn = new float[Parameters.All.Max(parameter => parameter.Tensor.Columns)];
        foreach (ParameterShape shape in Configuration.ParameterShapes())
        {
            Parameter parameter = Parameters[shape.Name];
            if (parameter.IsVector || parameter == _scoreHead)
            {
                parameter.Tensor.Values.Fill(IsNorm(parameter) ? 1f : 0f);
                continue;
            }

            double deviation = 1 / Math.Sqrt(parameter.Tensor.Columns);
            if (parameter.Name.EndsWith("o_proj.weight", StringComparison.Ordinal)
                || parameter.Name.EndsWith("down_proj.weight", StringComparison.Ordinal))
            {
                deviation /= Math.Sqrt(2.0 * Configuration.Layers);
            }

            var stream = random.Fork(parameter.Name);
            for (int row = 0; row < parameter.Tensor.Rows; row++)
            {
                Span<float> values = drawn.AsSpan(0, parameter.Tensor.Columns);
                foreach (ref float value in values)
                    value = (float)(deviation * stream.NextGaussian());
                parameter.WriteValues(row * values.Length, values);
            }
        }

        InitializeAdapters(random);
    }

    /// <summary>The hidden states after the final norm, [N, HiddenSize], row i for token i of the batch.</summary>
    /// <param name="tape">What records the forward pass.</param>
    /// <param name="batch">The packed sequences; each attends to itself only.</param>
    /// <param name="states">
    /// If given, receives Layers + 1 tensors [N, HiddenSize] as Hugging Face's hidden_states: the embeddings, the
    /// residual stream after each layer but the last, and the result.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary, or a sequence longer than MaximumPositions.</exception>
    public Tensor Hidden(Tape tape, TokenBatch batch, ICollection<Tensor>? states = null) => Forward(tape, batch, states, default);

    /// <summary>
    /// Some rows of <see cref="Hidden"/>, bit for bit, with less work: after its attention the last layer computes no others.
    /// Where adapters drop elements, other ones are dropped there.
    /// </summary>
    /// <param name="tape">What records the forward pass.</param>
    /// <param name="batch">The packed sequences; each attends to itself only.</param>
    /// <param name="rows">Rows of the batch, one or more.</param>
    /// <returns>[rows.Length, HiddenSize].</returns>
    /// <exception cref="ArgumentException">No row is wanted.</exception>
    public Tensor HiddenOf(Tape tape, TokenBatch batch, ReadOnlySpan<int> rows)
    {
        if (rows.IsEmpty)
            throw new ArgumentException("At least one row is needed.", nameof(rows));
        return Forward(tape, batch, null, rows);
    }

    /// <summary>
    /// Some rows of the residual stream after a number of layers, as of Hugging Face's hidden_states: later layers are not computed.
    /// </summary>
    /// <param name="tape">What records the forward pass.</param>
    /// <param name="batch">The packed sequences; each attends to itself only.</param>
    /// <param name="layer">0 for the embeddings; Layers for the result of the final norm, which is that of <see cref="HiddenOf"/>.</param>
    /// <param name="rows">Rows of the batch, one or more.</param>
    /// <returns>[rows.Length, HiddenSize].</returns>
    /// <exception cref="ArgumentException">No row is wanted.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public unsafe Tensor HiddenAt(Tape tape, TokenBatch batch, int layer, ReadOnlySpan<int> rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(layer, _layers.Length);
        if (layer == _layers.Length)
            return HiddenOf(tape, batch, rows);
        if (rows.IsEmpty)
            throw new ArgumentException("At least one row is needed.", nameof(rows));
        LayerRows* all = LayerRows.Copy(tape.Arena, batch, default, NextDropout(tape));
        bool keeps = tape.IsRecording && !RecomputesActivations;
        Tensor x = tape.Embedding(batch.Tokens, _embedding);                                      // [N, C]
        foreach (TransformerLayer each in _layers.AsSpan(0, layer))
            x = keeps ? each.Run(tape, x, all) : tape.Recompute(x, each, all);                    // [N, C]
        return tape.GatherRows(x, rows);                                                          // [R, C]
    }

    // The rows wanted; empty for all.
    private unsafe Tensor Forward(Tape tape, TokenBatch batch, ICollection<Tensor>? states, ReadOnlySpan<int> rows)
    {
        ulong? dropout = NextDropout(tape);
        LayerRows* all = LayerRows.Copy(tape.Arena, batch, default, dropout);
        LayerRows* wanted = rows.IsEmpty ? all : LayerRows.Copy(tape.Arena, batch, rows, dropout);

        // Without a backward pass nothing of a layer is needed again: the next one takes its memory.
        bool keeps = tape.IsRecording && !RecomputesActivations;
        Tensor x = tape.Embedding(batch.Tokens, _embedding);                             // [N, C]
        foreach (var layer in _layers)
        {
            states?.Add(x);
            LayerRows* own = layer == _layers[^1] ? wanted : all;
            x = keeps ? layer.Run(tape, x, own) : tape.Recompute(x, layer, own);         // [N, C], at last [R, C]
        }

        Tensor hidden = tape.RmsNorm(x, _finalNorm, Configuration.RmsNormEpsilon); // [N, C]
        states?.Add(hidden);
        return hidden;
    }

    /// <summary>The logits of the next token, [rows, VocabularySize].</summary>
    /// <param name="tape">What records the forward pass.</param>
    /// <param name="hidden">Rows of <see cref="Hidden"/>: only those that a loss or a choice needs, gathered before.</param>
    /// <exception cref="InvalidOperationException">There is no language head.</exception>
    public Tensor Logits(Tape tape, Tensor hidden) => tape.Linear(hidden, LanguageHead);

    /// <summary>
    /// The weighted cross-entropy of the next tokens in nats, Σ weights[i]·(-log p(targets[i])) / normalizer: the loss of
    /// <see cref="Logits"/>, bit for bit. Where these would take more than 64 MiB they are never whole in memory, but computed
    /// a second time in the backward pass (<see cref="Tape.LinearCrossEntropy"/>).
    /// </summary>
    /// <param name="tape">What records the forward pass.</param>
    /// <param name="hidden">Rows of <see cref="Hidden"/>: only those that have a loss, gathered before.</param>
    /// <param name="targets">The token after each row; <see cref="Tape.IgnoredTarget"/> leaves a row out.</param>
    /// <param name="weights">The weight of each row; 0 leaves it out. Empty for a weight of 1 everywhere.</param>
    /// <param name="normalizer">What the sum is divided by, such as the sum of the weights.</param>
    /// <param name="smoothing">ε of label smoothing (<see cref="Tape.TokenCrossEntropy"/>).</param>
    /// <returns>[1, 1].</returns>
    /// <exception cref="InvalidOperationException">There is no language head.</exception>
    public Tensor TokenLoss(
        Tape tape, Tensor hidden, ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, float normalizer, float smoothing = 0f) =>
        KeepsLogits(hidden.Rows)
            ? tape.TokenCrossEntropy(Logits(tape, hidden), targets, weights, normalizer, smoothing)
            : tape.LinearCrossEntropy(hidden, LanguageHead, targets, weights, normalizer, smoothing);

    /// <summary>
    /// The weighted log-probability of each of several sequences of next tokens, in nats
    /// (<see cref="Tape.SequenceLogProbabilities"/>), with logits kept or computed twice as by <see cref="TokenLoss"/>.
    /// </summary>
    /// <param name="tape">What records the forward pass.</param>
    /// <param name="hidden">Rows of <see cref="Hidden"/>, gathered before.</param>
    /// <param name="targets">The token after each row.</param>
    /// <param name="weights">The weight of each row; empty for a weight of 1 everywhere.</param>
    /// <param name="sequences">For each row the sequence that it belongs to.</param>
    /// <param name="count">S, the number of sequences.</param>
    /// <returns>[S, 1].</returns>
    /// <exception cref="InvalidOperationException">There is no language head.</exception>
    public Tensor SequenceLogProbabilities(
        Tape tape, Tensor hidden, ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, ReadOnlySpan<int> sequences, int count) =>
        KeepsLogits(hidden.Rows)
            ? tape.SequenceLogProbabilities(Logits(tape, hidden), targets, weights, sequences, count)
            : tape.LinearSequenceLogProbabilities(hidden, LanguageHead, targets, weights, sequences, count);

    /// <summary>Whether a loss over so many rows keeps their logits, rather than computing them twice.</summary>
    /// <param name="rows">Rows of <see cref="Hidden"/> that go through the language head.</param>
    public bool KeepsLogits(int rows) => (long)rows * Configuration.VocabularySize <= LargestLogits;

    /// <summary>The scores, [rows, ScoreHeads].</summary>
    /// <param name="tape">What records the forward pass.</param>
    /// <param name="hidden">Rows of <see cref="Hidden"/>.</param>
    /// <exception cref="InvalidOperationException">There are no score heads.</exception>
    public Tensor Scores(Tape tape, Tensor hidden) => tape.Linear(
        hidden, _scoreHead ?? throw new InvalidOperationException("This transformer has no score heads."));

    /// <summary>Loads a model directory in Hugging Face's layout: config.json and model.safetensors, whole or in shards.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="storage">How the parameters are kept: see the constructor.</param>
    /// <param name="adapters">Adapters: those in the files, or new ones, which are zero until they are initialized.</param>
    /// <exception cref="UserFaultException">A file is absent or malformed, or they do not fit together.</exception>
    public static Transformer Load(
        string directory, ParameterStorage storage = ParameterStorage.Trainable, LowRankConfiguration? adapters = null) =>
        ModelDirectory.Load(directory, null, storage, adapters);

    /// <summary>Loads parameters from a stream, as of an embedded resource. Score heads that it lacks stay zero.</summary>
    /// <param name="safetensors">The content of a model.safetensors; disposed.</param>
    /// <param name="configuration">The shape of the model.</param>
    /// <param name="name">What faults call the stream.</param>
    /// <exception cref="UserFaultException">The stream is malformed or does not fit the configuration.</exception>
    public static Transformer Load(Stream safetensors, TransformerConfiguration configuration, string name = "model stream")
    {
        using var file = SafeTensorsFile.Read(safetensors, name);
        return ModelDirectory.Load([file], configuration.Validate(), name);
    }

    /// <summary>
    /// Saves a model directory that Hugging Face's tools load: model.safetensors (a tied head left out),
    /// generation_config.json and config.json, each written atomically. Adapters are saved among the parameters, which only
    /// <see cref="Load(string, ParameterStorage, LowRankConfiguration)"/> reads: other tools want the model <see cref="Merged"/>,
    /// or the adapters alone (<see cref="SaveAdapters"/>).
    /// </summary>
    /// <exception cref="InvalidOperationException">Adapters are merged into the weights for now.</exception>
    /// <exception cref="UserFaultException">A file cannot be written.</exception>
    public void Save(string directory, StorageType storage = StorageType.F32) => Save(directory, new ModelSaveOptions { Storage = storage });

    /// <summary>
    /// Saves a model directory with more to choose: shards, generation_config.json, tokenizer files. config.json is written
    /// last: until then the directory is not taken for a model.
    /// </summary>
    /// <exception cref="InvalidOperationException">Adapters are merged into the weights for now.</exception>
    /// <exception cref="UserFaultException">A file cannot be written.</exception>
    public void Save(string directory, ModelSaveOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ModelDirectory.Save(this, directory, options);
    }

    /// <summary>Writes the content of a model.safetensors.</summary>
    public void Save(Stream stream, StorageType storage = StorageType.F32) =>
        SafeTensors.Write(stream, ModelDirectory.Tensors(this, storage), ModelDirectory.Metadata);

    /// <summary>A transformer of its own with the same configuration, parameter values and way of computing.</summary>
    /// <exception cref="InvalidOperationException">Adapters are merged into the weights for now.</exception>
    public Transformer Clone()
    {
        RequireUnmerged();
        var clone = new Transformer(Configuration, Storage, Adapters) { RecomputesActivations = RecomputesActivations, UsesAdapters = UsesAdapters };
        clone.Parameters.CopyValuesFrom(Parameters);
        return clone;
    }

    /// <summary>Frees the parameters.</summary>
    public void Dispose()
    {
        _merged?.Dispose();
        Parameters.Dispose();
        Rotation.Dispose();
    }

    private static RotaryTable CreateRotation(TransformerConfiguration configuration) => configuration.RotaryScaling is { } scaling
        ? RotaryTable.Llama3(
            configuration.HeadSize, configuration.MaximumPositions, configuration.RotaryBase, scaling.Factor,
            scaling.LowFrequencyFactor, scaling.HighFrequencyFactor, scaling.OriginalMaximumPositions)
        : new RotaryTable(configuration.HeadSize, configuration.MaximumPositions, configuration.RotaryBase);

    // Score heads are new to a model that is adapted: they stay trainable.
    private ParameterShape Stored(ParameterShape shape)
    {
        bool trainable = Storage == ParameterStorage.Trainable || shape.Name == "score.weight";
        return shape with { Storage = trainable ? ParameterStorage.Trainable : shape.IsVector ? ParameterStorage.FrozenSingle : Storage };
    }

    private static bool IsNorm(Parameter parameter) => parameter.Name.EndsWith("norm.weight", StringComparison.Ordinal);
}
