namespace Tandem.Language;

/// <summary>How floating-point parameters are stored in a file.</summary>
public enum StorageType
{
    /// <summary>IEEE 754 single precision: bit-exact.</summary>
    F32,

    /// <summary>IEEE 754 half precision, rounded to nearest, ties to even.</summary>
    F16,

    /// <summary>The upper half of a single, rounded to nearest, ties to even.</summary>
    BF16,
}

/// <summary>The element types of the safetensors format, under the names it uses.</summary>
public enum SafeTensorType
{
    /// <summary>One byte, 0 or 1.</summary>
    BOOL,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>8-bit float, 5 exponent bits.</summary>
    F8_E5M2,

    /// <summary>8-bit float, 4 exponent bits.</summary>
    F8_E4M3,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>Half precision.</summary>
    F16,

    /// <summary>bfloat16.</summary>
    BF16,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>Single precision.</summary>
    F32,

    /// <summary>Double precision.</summary>
    F64,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,
}

/// <summary>Sizes and names of <see cref="SafeTensorType"/> and <see cref="StorageType"/>.</summary>
public static class SafeTensorTypes
{
    /// <summary>The bytes of one element.</summary>
    public static int Size(this SafeTensorType type) => type switch
    {
        SafeTensorType.BOOL or SafeTensorType.U8 or SafeTensorType.I8 => 1,
        SafeTensorType.F8_E5M2 or SafeTensorType.F8_E4M3 => 1,
        SafeTensorType.I16 or SafeTensorType.U16 or SafeTensorType.F16 or SafeTensorType.BF16 => 2,
        SafeTensorType.I32 or SafeTensorType.U32 or SafeTensorType.F32 => 4,
        _ => 8,
    };

    /// <summary>The element type that a storage type is written as.</summary>
    public static SafeTensorType Element(this StorageType storage) => storage switch
    {
        StorageType.F16 => SafeTensorType.F16,
        StorageType.BF16 => SafeTensorType.BF16,
        _ => SafeTensorType.F32,
    };
}
