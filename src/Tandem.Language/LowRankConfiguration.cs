using System.Numerics;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>The projections of a decoder layer that may be adapted.</summary>
[Flags]
public enum LowRankTargets
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>q_proj.</summary>
    Query = 1,

    /// <summary>k_proj.</summary>
    Key = 2,

    /// <summary>v_proj.</summary>
    Value = 4,

    /// <summary>o_proj.</summary>
    Output = 8,

    /// <summary>gate_proj.</summary>
    Gate = 16,

    /// <summary>up_proj.</summary>
    Up = 32,

    /// <summary>down_proj.</summary>
    Down = 64,

    /// <summary>The four projections of attention.</summary>
    Attention = Query | Key | Value | Output,

    /// <summary>All projections.</summary>
    All = Attention | Gate | Up | Down,
}

/// <summary>
/// Low-rank adaptation (LoRA, arXiv 2106.09685): a frozen projection W is used as W + (α/r)·B·A with trainable A[r, in] and
/// B[out, r].
/// </summary>
public sealed record LowRankConfiguration
{
    // In the order of the flags.
    private static readonly string[] s_names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

    /// <summary>r, from 1 to 1024.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>α, above 0.</summary>
    public float Alpha { get; init; } = 16;

    /// <summary>The projections that are adapted, in every layer.</summary>
    public LowRankTargets Targets { get; init; } = LowRankTargets.All;

    /// <summary>
    /// The probability with which an element of an adapter's input is dropped in training, in [0, 1). The mask depends on
    /// <see cref="Transformer.SeedDropout"/>, on the forward pass since then and on the projection.
    /// </summary>
    public float Dropout { get; init; }

    /// <summary>Whether the scale is α/√r in place of α/r (rsLoRA, arXiv 2312.03732), PEFT's use_rslora.</summary>
    public bool RankStabilized { get; init; }

    /// <summary>What B·A is multiplied by: α/r, or α/√r.</summary>
    public float Scale => RankStabilized ? (float)(Alpha / Math.Sqrt(Rank)) : Alpha / Rank;

    /// <summary>Checks the values.</summary>
    /// <exception cref="UserFaultException">One is out of its range.</exception>
    public LowRankConfiguration Validate()
    {
        if (Rank is < 1 or > 1024)
            throw Fault($"rank is {Rank}; allowed: 1 to 1024");
        if (!float.IsFinite(Alpha) || Alpha <= 0)
            throw Fault($"alpha is {Alpha}; allowed: above 0");
        if (!(Dropout is >= 0 and < 1))
            throw Fault($"dropout is {Dropout}; allowed: from 0, below 1");
        if (Targets == LowRankTargets.None || (Targets & ~LowRankTargets.All) != 0)
            throw Fault($"the targets are {Targets}; allowed: one projection or more");
        return this;

        static UserFaultException Fault(string what) => new($"Low-rank adapters: {what}.", "Correct it.", FaultKind.Usage);
    }

    /// <summary>The parameters of the adapters of a model, after whose projections they are named as in PEFT.</summary>
    internal IEnumerable<ParameterShape> ParameterShapes(TransformerConfiguration configuration)
    {
        foreach (ParameterShape shape in configuration.ParameterShapes())
        {
            if (shape.IsVector || !Targets.HasFlag(TargetOf(shape.Name)) || TargetOf(shape.Name) == LowRankTargets.None)
                continue;
            yield return new ParameterShape(LowRankAdapter.NameOfA(shape.Name), Rank, shape.Columns);
            yield return new ParameterShape(LowRankAdapter.NameOfB(shape.Name), shape.Rows, Rank);
        }
    }

    /// <summary>The name of a projection, as in PEFT's target_modules.</summary>
    internal static string NameOf(LowRankTargets target) => s_names[BitOperations.Log2((uint)target)];

    /// <summary>The projection of a name; None for no projection's.</summary>
    internal static LowRankTargets Named(string name) =>
        Array.IndexOf(s_names, name) is >= 0 and int bit ? (LowRankTargets)(1 << bit) : LowRankTargets.None;

    private static LowRankTargets TargetOf(string name) =>
        name.Split('.') is [.., string projection, "weight"] ? Named(projection) : LowRankTargets.None;
}
