namespace Tandem.Tensors;

/// <summary>
/// A register tile of a matrix product, moved down a panel of B. The sum of each element is one chain of fused
/// multiply-adds over k in ascending order, started at zero, in every implementation: tile shape and vector width do not
/// change a bit.
/// </summary>
internal unsafe interface IGemmKernel
{
    /// <summary>The rows of a tile.</summary>
    static abstract int Rows { get; }

    /// <summary>The columns of a tile, and the width of a packed panel of B.</summary>
    static abstract int Columns { get; }

    /// <summary>Stores in C, for all columns of a panel, addend plus sum.</summary>
    /// <param name="rows">Any number; the last tile may be cut.</param>
    /// <param name="depth">The length of the sums, at least 1.</param>
    /// <param name="a">Element (i, k) of tile t is at a[t·aTile + i·aRow + k·aStep].</param>
    /// <param name="aTile">Floats between tiles of A.</param>
    /// <param name="aRow">Floats between rows of a tile of A.</param>
    /// <param name="aStep">Floats between steps of k in A.</param>
    /// <param name="b">Element (k, j) is at b[k·bStep + j].</param>
    /// <param name="bStep">Floats between steps of k in B.</param>
    /// <param name="c">Element (i, j) is at c[i·ldc + j].</param>
    /// <param name="ldc">Floats between rows of C.</param>
    /// <param name="addend">Element (i, j) is at addend[i·addendRow + j]: C itself, a row of biases, or null for none.</param>
    /// <param name="addendRow">Floats between rows of the addend; 0 to add the same row everywhere.</param>
    /// <param name="ahead">Memory that is read soon: fetched while the sums run, from here on.</param>
    /// <param name="aheadStep">Bytes to fetch with each step of k; small enough to spread the lines evenly over the work.</param>
    static abstract void Multiply(
        int rows, int depth, float* a, nint aTile, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc,
        float* addend, nint addendRow, byte* ahead, nint aheadStep);
}

/// <summary>A number of rows that the compiler knows: one method body becomes one kernel per row count.</summary>
internal interface IRowCount
{
    /// <summary>The number.</summary>
    static abstract int Value { get; }
}

internal readonly struct Rows1 : IRowCount { public static int Value => 1; }

internal readonly struct Rows2 : IRowCount { public static int Value => 2; }

internal readonly struct Rows3 : IRowCount { public static int Value => 3; }

internal readonly struct Rows4 : IRowCount { public static int Value => 4; }

internal readonly struct Rows5 : IRowCount { public static int Value => 5; }

internal readonly struct Rows6 : IRowCount { public static int Value => 6; }

internal readonly struct Rows7 : IRowCount { public static int Value => 7; }

internal readonly struct Rows8 : IRowCount { public static int Value => 8; }
