using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tandem.Tensors;

namespace Tandem.Training.Optimization;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101) in one pass over the flat buffers, with
/// the bias correction and the order of operations of PyTorch's <c>torch.optim.AdamW</c>.
/// </summary>
public sealed unsafe class AdamW : IOptimizer
{
    private const int ChunkLength = 8192;
    private readonly OptimizerConfiguration _configuration;
    private readonly ParameterSet _parameters;
    private readonly WorkerPool _pool;
    private readonly Chunk* _chunks;
    private readonly int _chunkCount;
    private float* _firstMoment;
    private float* _secondMoment;

    /// <summary>Creates an optimizer, with zero moments, of all parameters that are trainable now.</summary>
    public AdamW(OptimizerConfiguration configuration, ParameterSet parameters, WorkerPool pool)
        : this(configuration, parameters, pool, static _ => true)
    {
    }

    /// <summary>Creates an optimizer of the trainable parameters that <paramref name="includes"/> selects.</summary>
    internal AdamW(OptimizerConfiguration configuration, ParameterSet parameters, WorkerPool pool, Func<Parameter, bool> includes)
    {
        (_configuration, _parameters, _pool) = (configuration, parameters, pool);
        var chunks = new List<Chunk>();
        foreach (Parameter parameter in parameters.All)
        {
            if (!parameter.IsTrainable || !includes(parameter))
                continue;
            double rate = OptimizerConfiguration.IsScoreHead(parameter)
                ? configuration.HeadLearningRate ?? configuration.LearningRate
                : configuration.LearningRate;

            // Up to the padding after the parameter: zero gradients leave its zeros unchanged, and no tail loop is needed.
            long length = (parameter.Tensor.Length + 15L) / 16 * 16;
            for (long start = 0; start < length; start += ChunkLength)
            {
                chunks.Add(new Chunk
                {
                    Offset = parameter.Offset + start,
                    Length = (int)Math.Min(ChunkLength, length - start),
                    LearningRate = rate,
                    WeightDecay = parameter.IsVector ? 0 : configuration.WeightDecay,
                });
            }
        }

        _chunkCount = chunks.Count;
        _chunks = (Chunk*)NativeMemory.Alloc((nuint)Math.Max(1, _chunkCount), (nuint)sizeof(Chunk));
        CollectionsMarshal.AsSpan(chunks).CopyTo(new Span<Chunk>(_chunks, _chunkCount));
        _firstMoment = FlatVector.Zeroed(parameters.Length);
        _secondMoment = FlatVector.Zeroed(parameters.Length);
        State =
        [
            new OptimizerBuffer("first_moment", _firstMoment, parameters.Length),
            new OptimizerBuffer("second_moment", _secondMoment, parameters.Length),
        ];
    }

    /// <summary>Frees the state of an optimizer that was not disposed.</summary>
    ~AdamW() => Free();

    /// <inheritdoc/>
    public long Steps { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<OptimizerBuffer> State { get; }

    /// <summary>The first moments; <see cref="Muon"/> keeps its momentum where AdamW has none.</summary>
    internal float* FirstMoment => _firstMoment;

    /// <inheritdoc/>
    public void Step(double learningRateScale, float gradientScale = 1f)
    {
        Steps++;
        var update = new Update
        {
            Chunks = _chunks,
            Values = _parameters.Values,
            Gradients = _parameters.Gradients,
            FirstMoment = _firstMoment,
            SecondMoment = _secondMoment,
            LearningRateScale = learningRateScale,
            GradientScale = gradientScale,
            FirstGain = (float)(1 - _configuration.Beta1),
            SecondDecay = (float)_configuration.Beta2,
            SecondGain = (float)(1 - _configuration.Beta2),
            FirstCorrection = 1 - Math.Pow(_configuration.Beta1, Steps),
            RootSecondCorrection = (float)Math.Sqrt(1 - Math.Pow(_configuration.Beta2, Steps)),
            Epsilon = (float)_configuration.Epsilon,
        };
        _pool.Run(_chunkCount, &UpdateChunk, &update);
    }

    /// <inheritdoc/>
    public void Resume(long steps)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        Steps = steps;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static void UpdateChunk(void* state, int index)
    {
        ref Update u = ref *(Update*)state;
        Chunk chunk = u.Chunks[index];
        double rate = chunk.LearningRate * u.LearningRateScale;
        float* value = u.Values + chunk.Offset;
        float* gradient = u.Gradients + chunk.Offset;
        float* first = u.FirstMoment + chunk.Offset;
        float* second = u.SecondMoment + chunk.Offset;
        var keep = Vector256.Create((float)(1 - (rate * chunk.WeightDecay)));
        var step = Vector256.Create((float)(rate / u.FirstCorrection));
        var gradientScale = Vector256.Create(u.GradientScale);
        var firstGain = Vector256.Create(u.FirstGain);
        var secondDecay = Vector256.Create(u.SecondDecay);
        var secondGain = Vector256.Create(u.SecondGain);
        var rootCorrection = Vector256.Create(u.RootSecondCorrection);
        var epsilon = Vector256.Create(u.Epsilon);
        for (int i = 0; i < chunk.Length; i += Vector256<float>.Count)
        {
            Vector256<float> g = Vector256.Load(gradient + i) * gradientScale;
            Vector256<float> m = Vector256.Load(first + i);
            m += (g - m) * firstGain;
            Vector256<float> v = (Vector256.Load(second + i) * secondDecay) + (g * g * secondGain);
            m.Store(first + i);
            v.Store(second + i);
            Vector256<float> denominator = (Vector256.Sqrt(v) / rootCorrection) + epsilon;
            ((Vector256.Load(value + i) * keep) - (step * (m / denominator))).Store(value + i);
        }
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_firstMoment);
        NativeMemory.AlignedFree(_secondMoment);
        if (_firstMoment != null)
            NativeMemory.Free(_chunks);
        _firstMoment = null;
        _secondMoment = null;
    }

    private struct Chunk
    {
        public long Offset;
        public int Length;
        public double LearningRate;
        public double WeightDecay;
    }

    private struct Update
    {
        public Chunk* Chunks;
        public float* Values;
        public float* Gradients;
        public float* FirstMoment;
        public float* SecondMoment;
        public double LearningRateScale;
        public double FirstCorrection;
        public float GradientScale;
        public float FirstGain;
        public float SecondDecay;
        public float SecondGain;
        public float RootSecondCorrection;
        public float Epsilon;
    }
}
