namespace Tandem.Tensors.Operations;

/// <summary>
/// y = x + h·Dᵀ with h = silu(g)·u, g = n·Gᵀ, u = n·Uᵀ, silu(g) = g·σ(g) (arXiv 2002.05202) and n the normalized rows of
/// x. Backward: dh = dy·D, dg = dh·u·σ(g)·(1 + g·(1 - σ(g))), du = dh·g·σ(g), dn = du·U + dg·G, dD += dyᵀ·h,
/// dG += dgᵀ·n, dU += duᵀ·n, and <see cref="RmsNormRows"/> from there. A block of rows goes through all of it while it is
/// in a core's cache. Of n, h and their gradients nothing is kept: h comes from the σ that the backward pass needs anyway.
/// </summary>
internal sealed unsafe class FeedForwardOperation : Operation
{
    private Tensor _x, _result;
    private int _xNode;
    private Parameter _norm = null!, _gateWeight = null!, _upWeight = null!, _downWeight = null!;
    private RmsNormRows _rows;
    private float* _gate, _up; // [N, I]: g and u

    private int Inner => _gateWeight.Tensor.Rows;

    private int Stride => NormalizedRows.Stride(_x.Columns);

    /// <summary>result = x + (silu(n·gateᵀ)·(n·upᵀ))·downᵀ.</summary>
    public void Forward(
        Tape tape, Tensor x, Parameter norm, float epsilon, Parameter gate, Parameter up, Parameter down, Tensor result)
    {
        (_x, _norm, _gateWeight, _upWeight, _downWeight, _result) = (x, norm, gate, up, down, result);
        _xNode = tape.NodeOf(x);
        _rows = new RmsNormRows(tape, x, norm.Tensor, epsilon);
        long inner = (long)x.Rows * Inner;
        _gate = tape.Arena.Floats(Math.Max(inner, 1));
        _up = tape.Arena.Floats(Math.Max(inner, 1));
        Work work = NewWork(tape.Scratch(inner + ((long)x.Rows * Stride)));
        BlockStep* steps = stackalloc BlockStep[3];
        steps[0].Problem = GemmProblem.Projection(x.Rows, work.Normalized.Data, Stride, tape.RowsOf(gate, x.Rows), null, _gate);
        steps[1].Problem = GemmProblem.Projection(x.Rows, work.Normalized.Data, Stride, tape.RowsOf(up, x.Rows), null, _up);
        steps[1].Then = &Activate;
        steps[2].Problem = GemmProblem.Projection(x.Rows, work.Hidden, Inner, tape.RowsOf(down, x.Rows), null, result.Data, x.Data);
        steps[2].Fetch = new RowFetch(x.Data, x.Columns, ofNextBlock: true);
        GemmBlocks.Multiply(x.Rows, steps, 3, &NormalizedRows.Normalize, &work, tape.Pool);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        long inner = (long)_x.Rows * Inner;
        Work work = NewWork(tape.Scratch((3 * inner) + ((long)_x.Rows * Stride) + _x.Length));
        float* gradient = work.Normalized.Data + ((long)_x.Rows * Stride); // of the normalized rows
        work.GateGradient = gradient + _x.Length;
        work.UpGradient = work.GateGradient + inner;
        float* dy = _result.Gradient;
        if (_xNode >= 0)
            tape.Contribute(_xNode, dy, _result.Length);
        BlockStep* steps = stackalloc BlockStep[3];
        steps[0].Problem = GemmProblem.InputGradient(_x.Rows, dy, _downWeight, work.Hidden, accumulate: false);
        steps[0].Fetch = new RowFetch(_gate, Inner, ofNextBlock: false);
        steps[0].SecondFetch = new RowFetch(_up, Inner, ofNextBlock: false);
        steps[0].Then = &Differentiate;
        steps[1].Problem = GemmProblem.InputGradient(_x.Rows, work.UpGradient, _upWeight, gradient, accumulate: false);
        steps[2].Problem = GemmProblem.InputGradient(_x.Rows, work.GateGradient, _gateWeight, gradient, accumulate: true);
        steps[2].Fetch = new RowFetch(_x.Data, _x.Columns, ofNextBlock: true);
        steps[2].SecondFetch = new RowFetch(dy, _x.Columns, ofNextBlock: true);
        bool reachesRows = _xNode >= 0 || _norm.IsTrainable;
        GemmBlocks.Multiply(_x.Rows, steps, reachesRows ? 3 : 1, &NormalizedRows.Restore, &work, tape.Pool);
        if (reachesRows)
            _rows.Backward(tape, gradient, _x, _xNode, _norm);

        GemmProblem* products = stackalloc GemmProblem[2];
        int count = 0;
        if (_upWeight.IsTrainable)
            products[count++] = GemmProblem.WeightGradient(_x.Rows, work.UpGradient, work.Normalized.Data, Stride, _upWeight.Tensor);
        if (_gateWeight.IsTrainable)
            products[count++] = GemmProblem.WeightGradient(_x.Rows, work.GateGradient, work.Normalized.Data, Stride, _gateWeight.Tensor);
        GemmBlocks.MultiplySharingB(products, count, tape.Pool);
        products[0] = GemmProblem.WeightGradient(_x.Rows, dy, work.Hidden, Inner, _downWeight.Tensor);
        GemmBlocks.MultiplySharingB(products, _downWeight.IsTrainable ? 1 : 0, tape.Pool);
    }

    private Work NewWork(float* scratch) => new()
    {
        Normalized = new NormalizedRows(_rows, scratch + ((long)_x.Rows * Inner), Stride),
        Gate = _gate,
        Up = _up,
        Hidden = scratch,
        Columns = Inner,
    };

    // h of a block of rows.
    private static void Activate(void* state, int first, int rows)
    {
        ref Work work = ref *(Work*)state;
        nint at = (nint)first * work.Columns;
        SwiGluRows.Forward(work.Gate + at, work.Up + at, work.Hidden + at, (nint)rows * work.Columns);
    }

    // dg, du and, in the place of dh, h of a block of rows.
    private static void Differentiate(void* state, int first, int rows)
    {
        ref Work work = ref *(Work*)state;
        nint at = (nint)first * work.Columns;
        SwiGluRows.Backward(
            work.Gate + at, work.Up + at, work.Hidden + at, work.GateGradient + at, work.UpGradient + at, work.Hidden + at,
            (nint)rows * work.Columns);
    }

    private struct Work
    {
        public NormalizedRows Normalized;
        public float* Gate;
        public float* Up;
        public float* Hidden; // h, or its gradient
        public float* GateGradient;
        public float* UpGradient;
        public int Columns;
    }
}
