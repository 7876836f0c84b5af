namespace Tandem.Training.Optimization;

/// <summary>
/// What the peak learning rates are multiplied by at each step: a number from 0 to 1. Steps are counted from 0; past
/// the last step the last value holds.
/// </summary>
public abstract record LearningRateSchedule
{
    /// <summary>The factor of the step that follows after <paramref name="step"/> steps were taken.</summary>
    public abstract double At(long step);
}

/// <summary>
/// Linear warm-up from 0, then half a cosine to 0: Hugging Face's <c>get_cosine_schedule_with_warmup</c>, in which the
/// first step has rate 0.
/// </summary>
/// <param name="TotalSteps">The number of steps planned.</param>
/// <param name="WarmupSteps">How many of them warm up.</param>
public sealed record WarmupCosine(long TotalSteps, long WarmupSteps) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step)
    {
        if (step < WarmupSteps)
            return step / (double)Math.Max(1, WarmupSteps);
        double progress = Math.Min(1.0, (step - WarmupSteps) / (double)Math.Max(1, TotalSteps - WarmupSteps));
        return Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * progress)));
    }
}

/// <summary>
/// Linear warm-up, then constant, then linear down to a floor at the last step. The first step has rate
/// 1 / <paramref name="WarmupSteps"/>.
/// </summary>
/// <param name="TotalSteps">The number of steps planned.</param>
/// <param name="WarmupSteps">How many of them warm up.</param>
/// <param name="ConstantFraction">The share of all steps, warm-up counted, before the decay begins.</param>
/// <param name="Floor">The factor of the last step.</param>
public sealed record WarmupConstantLinear(long TotalSteps, long WarmupSteps, double ConstantFraction = 0.5, double Floor = 0.03)
    : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step)
    {
        double warmup = Math.Min(1.0, (step + 1) / (double)Math.Max(1, WarmupSteps));
        double decayStart = TotalSteps * ConstantFraction;
        double progress = Math.Clamp((step - decayStart) / Math.Max(1, TotalSteps - 1 - decayStart), 0, 1);
        return warmup * (1 - (progress * (1 - Floor)));
    }
}

/// <summary>
/// Linear warm-up from 0, then linear to 0: Hugging Face's <c>get_linear_schedule_with_warmup</c>. Without warm-up the
/// first step has rate 1, and the last 1 / <paramref name="TotalSteps"/>.
/// </summary>
/// <param name="TotalSteps">The number of steps planned.</param>
/// <param name="WarmupSteps">How many of them warm up.</param>
public sealed record LinearDecay(long TotalSteps, long WarmupSteps = 0) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step) => step < WarmupSteps
        ? step / (double)Math.Max(1, WarmupSteps)
        : Math.Max(0, (TotalSteps - step) / (double)Math.Max(1, TotalSteps - WarmupSteps));
}

/// <summary>Linear warm-up from 0, then constant: Hugging Face's <c>get_constant_schedule_with_warmup</c>.</summary>
/// <param name="WarmupSteps">How many steps warm up.</param>
public sealed record WarmupConstant(long WarmupSteps) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step) => step < WarmupSteps ? step / (double)Math.Max(1, WarmupSteps) : 1;
}
