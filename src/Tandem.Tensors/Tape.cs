using System.Runtime.InteropServices;
using Tandem.Tensors.Operations;

namespace Tandem.Tensors;

/// <summary>
/// Records fused transformer operations as they run and plays their hand-written backward passes in reverse order.
/// Results, gradients and scratch memory live in an <see cref="Arena"/> that is reset by <see cref="Begin"/>: a tensor
/// is valid until then, and a steady step allocates no managed memory. Work is split over the pool in chunks that
/// depend on shapes only, so the bits do not depend on the number of threads.
/// </summary>
/// <remarks>
/// A result has a gradient only when recording and when something it was computed from needs one: an operation on
/// frozen parameters costs no backward time. A tape is used by one thread at a time.
/// </remarks>
public sealed unsafe partial class Tape : IDisposable
{
    private readonly List<Operation> _records = [];
    private readonly List<Node> _nodes = [];
    private readonly List<IOperationPool> _pools = [];
    private readonly Arena _scratch = new();
    private bool _recording;
    private bool _wanted; // whether a result since it was set to false wanted a gradient

    /// <summary>Creates a tape whose operations run on a pool; the pool is not disposed with the tape.</summary>
    public Tape(WorkerPool pool)
    {
        ArgumentNullException.ThrowIfNull(pool);
        Pool = pool;
        _embedding = Register(new OperationPool<EmbeddingOperation>());
        _rmsNorm = Register(new OperationPool<RmsNormOperation>());
        _linear = Register(new OperationPool<LinearOperation>());
        _queryKeyValue = Register(new OperationPool<QueryKeyValueOperation>());
        _attention = Register(new OperationPool<AttentionOperation>());
        _feedForward = Register(new OperationPool<FeedForwardOperation>());
        _swiGlu = Register(new OperationPool<SwiGluOperation>());
        _add = Register(new OperationPool<AddOperation>());
        _scale = Register(new OperationPool<ScaleOperation>());
        _dropout = Register(new OperationPool<DropoutOperation>());
        _gatherRows = Register(new OperationPool<GatherRowsOperation>());
        _column = Register(new OperationPool<ColumnOperation>());
        _recomputed = Register(new OperationPool<RecomputedOperation>());
        _tokenCrossEntropy = Register(new OperationPool<TokenCrossEntropyOperation>());
        _linearCrossEntropy = Register(new OperationPool<LinearCrossEntropyOperation>());
        _softCrossEntropy = Register(new OperationPool<SoftCrossEntropyOperation>());
        _binaryCrossEntropy = Register(new OperationPool<BinaryCrossEntropyOperation>());
        _elementLoss = Register(new OperationPool<ElementLossOperation>());
    }

    /// <summary>The memory of this step: valid until the next <see cref="Begin"/>.</summary>
    public Arena Arena { get; } = new();

    /// <summary>The threads the operations run on.</summary>
    public WorkerPool Pool { get; }

    /// <summary>Copies of weights for forward passes with few rows, or null where every pass reads the weights themselves.</summary>
    public PackedWeights? PackedWeights { get; init; }

    /// <summary>Whether operations are recorded for a backward pass.</summary>
    public bool IsRecording => _recording;

    /// <summary>Starts a step: forgets all records and makes the arena's memory free again.</summary>
    /// <param name="recording">False for inference: nothing is recorded and no result has a gradient.</param>
    public void Begin(bool recording)
    {
        _recording = recording;
        _records.Clear();
        _nodes.Clear();
        foreach (IOperationPool pool in _pools)
            pool.Reset();
        Arena.Reset();
    }

    /// <summary>A tensor of given values, [<paramref name="rows"/>, <paramref name="columns"/>].</summary>
    /// <param name="values">Row by row; rows × columns of them.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="columns">The number of columns.</param>
    /// <param name="wantsGradient">Whether d loss / d this is computed (when recording).</param>
    public Tensor Input(ReadOnlySpan<float> values, int rows, int columns, bool wantsGradient = false)
    {
        RequireLength(values.Length, (long)rows * columns, nameof(values));
        Tensor result = Result(rows, columns, wantsGradient, out _);
        values.CopyTo(result.Values);
        return result;
    }

    /// <summary>
    /// Runs all backward passes from a scalar: gradients are added to those of the trainable parameters and written to
    /// <see cref="Tensor.Gradient"/> of the tensors of this step. May be called for several losses of one step; the
    /// gradients of tensors (not of parameters) are then those of the last.
    /// </summary>
    /// <param name="loss">The tensor [1, 1] to differentiate. Without a gradient (nothing it depends on is trainable)
    /// the call does nothing.</param>
    /// <param name="scale">What the gradient of the loss with respect to itself is set to.</param>
    public void Backward(Tensor loss, float scale = 1f)
    {
        if (loss.Rows != 1 || loss.Columns != 1)
            throw new ArgumentException($"The loss has shape {loss}; only a scalar [1, 1] has a backward pass.", nameof(loss));
        if (loss.Gradient == null)
            return;
        int last = NodeOf(loss);
        if (last < 0)
            throw new InvalidOperationException("This step was begun without recording; it has no backward pass.");
        ForgetGradients(0);
        *loss.Gradient = scale;
        CollectionsMarshal.AsSpan(_nodes)[last].Written = true;
        PlayBack(0);

        // What the loss does not depend on has gradient zero.
        Span<Node> nodes = CollectionsMarshal.AsSpan(_nodes);
        for (int i = 0; i < nodes.Length; i++)
        {
            if (nodes[i].Written)
                Settle(i);
            else
                Clear(i);
        }
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        Arena.Dispose();
        _scratch.Dispose();
    }

    /// <summary>A weight, with its panels where they serve a forward pass of some rows.</summary>
    internal WeightRows RowsOf(Parameter weight, int rows) => new(weight, 0, weight.Tensor.Rows)
    {
        Panels = PackedWeights is null || rows > Gemm.FewRows ? null : PackedWeights.Of(weight, Pool),
    };

    /// <summary>The bytes held for <see cref="Scratch"/>.</summary>
    internal long ScratchCapacity => _scratch.Capacity;

    /// <summary>
    /// Memory for one pass of one operation, the same for all of them so that it stays in the caches; not cleared, valid
    /// until the next call.
    /// </summary>
    internal float* Scratch(long floats)
    {
        _scratch.Reset();
        return _scratch.Floats(floats);
    }

    /// <summary>A result [rows, columns], not cleared; its gradient has memory only when it is wanted and recording.</summary>
    internal Tensor Result(int rows, int columns, bool wantsGradient, out int node)
    {
        long length = (long)rows * columns;
        if (length > int.MaxValue)
            throw new ArgumentOutOfRangeException(nameof(rows), $"[{rows}, {columns}] has more than {int.MaxValue} elements.");
        float* data = Arena.Floats(Math.Max(length, 1));
        node = -1;
        _wanted |= wantsGradient;
        if (!_recording || !wantsGradient)
            return new Tensor(data, null, rows, columns);
        node = AddNode(length);
        return new Tensor(data, _nodes[node].Gradient, rows, columns);
    }

    // A gradient of this step.
    private int AddNode(long length)
    {
        _nodes.Add(new Node { Gradient = Arena.Floats(Math.Max(length, 1)), Length = length });
        return _nodes.Count - 1;
    }

    /// <summary>
    /// The node of a tensor's gradient, which views share; -1 without one. Recent tensors are found first. Memory that is
    /// not of this tape is taken to hold a gradient already, so contributions are added to it.
    /// </summary>
    internal int NodeOf(Tensor tensor)
    {
        if (tensor.Gradient == null || !_recording)
            return -1;
        Span<Node> nodes = CollectionsMarshal.AsSpan(_nodes);
        for (int i = nodes.Length - 1; i >= 0; i--)
        {
            if (nodes[i].Gradient == tensor.Gradient)
                return i;
        }

        _nodes.Add(new Node { Gradient = tensor.Gradient, Length = -1 });
        return _nodes.Count - 1;
    }

    /// <summary>
    /// Called by a backward pass that is about to write the whole gradient of an input: true when it must add to what
    /// is there, false when it is the first and assigns.
    /// </summary>
    internal bool Claim(int node)
    {
        Settle(node);
        ref Node entry = ref CollectionsMarshal.AsSpan(_nodes)[node];
        bool accumulate = entry.Written;
        entry.Written = true;
        return accumulate;
    }

    /// <summary>
    /// As <see cref="Claim(int)"/>, for passes that can add to a gradient that is elsewhere: gives what they must add to,
    /// null for nothing.
    /// </summary>
    internal float* ClaimAddend(int node)
    {
        ref Node entry = ref CollectionsMarshal.AsSpan(_nodes)[node];
        float* addend = entry.Pending != null ? entry.Pending : entry.Written ? entry.Gradient : null;
        entry.Written = true;
        entry.Pending = null;
        return addend;
    }

    /// <summary>
    /// Adds to the whole gradient of an input. The first contribution is not copied but remembered until it is needed, so
    /// the memory must keep its content for the rest of the backward pass, as the gradient of a result does.
    /// </summary>
    internal void Contribute(int node, float* gradient, int length)
    {
        ref Node entry = ref CollectionsMarshal.AsSpan(_nodes)[node];
        if (entry.Written)
        {
            Settle(node);
            ScaledCopy.Run(Pool, gradient, 1f, null, entry.Gradient, length, accumulate: true);
        }
        else
        {
            entry.Written = true;
            entry.Pending = gradient;
        }
    }

    // Begins a backward pass for the nodes from the first on: nothing has been written.
    private void ForgetGradients(int first)
    {
        foreach (ref Node node in CollectionsMarshal.AsSpan(_nodes)[first..])
        {
            node.Written = node.Length < 0;
            node.Pending = null;
        }
    }

    // The backward passes of the records from the last to the first.
    private void PlayBack(int first)
    {
        for (int i = _records.Count - 1; i >= first; i--)
        {
            if (SettleOutputs(_records[i]))
                _records[i].Backward(this);
        }
    }

    // Whether the loss depends on a result of an operation; if so, makes the gradients of all its results complete.
    private bool SettleOutputs(Operation operation)
    {
        bool reached = false;
        for (int node = operation.Output; node < operation.Output + operation.Outputs; node++)
            reached |= _nodes[node].Written;
        for (int node = operation.Output; reached && node < operation.Output + operation.Outputs; node++)
        {
            if (_nodes[node].Written)
                Settle(node);
            else
                Clear(node);
        }

        return reached;
    }

    private void Clear(int node)
    {
        ref Node entry = ref CollectionsMarshal.AsSpan(_nodes)[node];
        NativeMemory.Clear(entry.Gradient, (nuint)entry.Length * sizeof(float));
        entry.Written = true;
    }

    // Copies a contribution that was only remembered.
    private void Settle(int node)
    {
        ref Node entry = ref CollectionsMarshal.AsSpan(_nodes)[node];
        if (entry.Pending == null)
            return;
        Buffer.MemoryCopy(entry.Pending, entry.Gradient, entry.Length * sizeof(float), entry.Length * sizeof(float));
        entry.Pending = null;
    }

    /// <summary>As <see cref="Claim"/>, for passes that write only some elements: the first clears the others.</summary>
    internal void ClaimCleared(int node, Tensor tensor)
    {
        if (!Claim(node))
            NativeMemory.Clear(tensor.Gradient, (nuint)tensor.Length * sizeof(float));
    }

    private void Record(Operation operation, int output)
    {
        operation.Output = output;
        if (output >= 0)
            _records.Add(operation);
        else
            operation.Pool.TakeBack();
    }

    private OperationPool<T> Register<T>(OperationPool<T> pool)
        where T : Operation, new()
    {
        _pools.Add(pool);
        return pool;
    }

    private int* Copy(ReadOnlySpan<int> values)
    {
        int* memory = Arena.Integers(Math.Max(values.Length, 1));
        values.CopyTo(new Span<int>(memory, values.Length));
        return memory;
    }

    private float* Copy(ReadOnlySpan<float> values)
    {
        float* memory = Arena.Floats(Math.Max(values.Length, 1));
        values.CopyTo(new Span<float>(memory, values.Length));
        return memory;
    }

    private static void RequireLength(long found, long expected, string name)
    {
        if (found != expected)
            throw new ArgumentException($"{name} has {found} elements, {expected} are needed.", name);
    }

    private static void RequireRange(ReadOnlySpan<int> values, int bound, string name)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if ((uint)values[i] >= (uint)bound)
                throw new ArgumentOutOfRangeException(name, $"{name}[{i}] = {values[i]} is outside [0, {bound}).");
        }
    }

    private static void RequireWeight(Parameter weight, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (weight.Tensor.Columns != x.Columns)
            throw new ArgumentException($"{weight.Name} has shape {weight.Tensor}, [out, {x.Columns}] is needed.", nameof(weight));
    }

    private static void RequireShape(Tensor tensor, int rows, int columns, string name)
    {
        if (tensor.Rows != rows || tensor.Columns != columns)
            throw new ArgumentException($"{name} has shape {tensor}, [{rows}, {columns}] is needed.", name);
    }

    private struct Node
    {
        /// <summary>The gradient's memory.</summary>
        public float* Gradient;

        /// <summary>Elements; -1 for memory that is not of this tape.</summary>
        public long Length;

        /// <summary>Whether this backward pass has written it.</summary>
        public bool Written;

        /// <summary>Where the gradient is meanwhile, if it is a contribution that has not been copied.</summary>
        public float* Pending;
    }
}
