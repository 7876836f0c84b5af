using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tandem.Tensors;

/// <summary>The widths that the kernels are written for. All of them compute the same bits.</summary>
public enum VectorPath
{
    /// <summary>128-bit vectors: any processor (NEON on Arm). Fused multiply-add is emulated where the processor has none.</summary>
    Portable,

    /// <summary>256-bit vectors: x86-64 with AVX2 and FMA.</summary>
    Avx2,

    /// <summary>512-bit vectors: x86-64 with AVX-512.</summary>
    Avx512,
}

/// <summary>The one place where the vector width of the kernels is chosen.</summary>
public static class InstructionSet
{
    /// <summary>The environment variable that forces a path: <c>portable</c>, <c>avx2</c> or <c>avx512</c>.</summary>
    public const string EnvironmentVariable = "TANDEM_VECTOR_PATH";

    private static VectorPath? s_chosen;

    /// <summary>
    /// The path in use: the one that <see cref="EnvironmentVariable"/> names, otherwise the widest that the processor
    /// has. A path wider than the processor is emulated: slow, with the same results.
    /// </summary>
    /// <exception cref="UserFaultException">The environment variable has another value.</exception>
    public static VectorPath Active => s_chosen ??= Parse(Environment.GetEnvironmentVariable(EnvironmentVariable));

    /// <summary>Forces a path for a test; null goes back to the environment and the processor.</summary>
    internal static void Force(VectorPath? path) => s_chosen = path;

    /// <summary>The path of a value of <see cref="EnvironmentVariable"/>.</summary>
    internal static VectorPath Parse(string? value) => value?.Trim().ToUpperInvariant() switch
    {
        null or "" => Widest,
        "PORTABLE" => VectorPath.Portable,
        "AVX2" => VectorPath.Avx2,
        "AVX512" => VectorPath.Avx512,
        _ => throw new UserFaultException(
            $"The environment variable {EnvironmentVariable} is '{value}'; allowed are portable, avx2 and avx512.",
            "Set one of these, or unset it to use the widest that this processor has.",
            FaultKind.Usage),
    };

    // Vector512.IsHardwareAccelerated is false on processors that slow down under 512-bit instructions.
    private static VectorPath Widest =>
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? VectorPath.Avx512
        : Avx2.IsSupported && Fma.IsSupported ? VectorPath.Avx2
        : VectorPath.Portable;
}
