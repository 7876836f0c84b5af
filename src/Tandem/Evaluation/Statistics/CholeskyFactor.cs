namespace Tandem.Evaluation.Statistics;

/// <summary>The lower triangle L with L·Lᵀ = a symmetric positive definite matrix: solves systems of a few unknowns.</summary>
internal sealed class CholeskyFactor
{
    private readonly double[,] _lower;

    /// <summary>Factors a matrix, which is not changed.</summary>
    /// <param name="matrix">[n, n], symmetric and positive definite.</param>
    public CholeskyFactor(double[,] matrix)
    {
        int n = matrix.GetLength(0);
        _lower = new double[n, n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = matrix[i, j];
                for (int k = 0; k < j; k++)
                    sum -= _lower[i, k] * _lower[j, k];
                _lower[i, j] = i == j ? Math.Sqrt(sum) : sum / _lower[j, j];
            }
        }
    }

    /// <summary>The x with matrix · x = right.</summary>
    public double[] Solve(double[] right)
    {
        int n = right.Length;
        double[] x = (double[])right.Clone();
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < i; j++)
                x[i] -= _lower[i, j] * x[j];
            x[i] /= _lower[i, i];
        }

        for (int i = n - 1; i >= 0; i--)
        {
            for (int j = i + 1; j < n; j++)
                x[i] -= _lower[j, i] * x[j];
            x[i] /= _lower[i, i];
        }

        return x;
    }
}
