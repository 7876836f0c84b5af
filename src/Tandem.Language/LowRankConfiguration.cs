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
    /// <summary>r, from 1 to 1024.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>α, above 0.</summary>
    public float Alpha { get; init; } = 16;

    /// <summary>The projections that are adapted, in every layer.</summary>
    public LowRankTargets Targets { get; init; } = LowRankTargets.All;

    /// <summary>What B·A is multiplied by: α/r.</summary>
    public float Scale => Alpha / Rank;

    /// <summary>Checks the values.</summary>
    /// <exception cref="UserFaultException">One is out of its range.</exception>
    public LowRankConfiguration Validate()
    {
        if (Rank is < 1 or > 1024)
            throw Fault($"rank is {Rank}; allowed: 1 to 1024");
        if (!float.IsFinite(Alpha) || Alpha <= 0)
            throw Fault($"alpha is {Alpha}; allowed: above 0");
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

    private static LowRankTargets TargetOf(string name) => name.Split('.') is [.., string projection, "weight"] ? projection switch
    {
        "q_proj" => LowRankTargets.Query,
        "k_proj" => LowRankTargets.Key,
        "v_proj" => LowRankTargets.Value,
        "o_proj" => LowRankTargets.Output,
        "gate_proj" => LowRankTargets.Gate,
        "up_proj" => LowRankTargets.Up,
        "down_proj" => LowRankTargets.Down,
        _ => LowRankTargets.None,
    } : LowRankTargets.None;
}
