namespace Tandem.Tensors.Operations;

/// <summary>The losses of <see cref="ElementLossOperation"/>.</summary>
internal enum ElementLoss
{
    /// <summary>(x - t)².</summary>
    Squared,

    /// <summary>max(0, t - x).</summary>
    Hinge,
}

/// <summary>
/// Σ w·f(x, t) / normalizer, element by element. It runs over a few scores per example, so it is plain scalar code in double
/// precision.
/// </summary>
internal sealed unsafe class ElementLossOperation : Operation
{
    private ElementLoss _kind;
    private Tensor _x, _result;
    private int _xNode;
    private float* _targets;
    private float* _weights;
    private float _normalizer;

    /// <summary>result = the weighted loss.</summary>
    public void Forward(Tape tape, ElementLoss kind, Tensor x, float* targets, float* weights, float normalizer, Tensor result)
    {
        (_kind, _x, _normalizer, _result) = (kind, x, normalizer, result);
        _targets = targets;
        _weights = weights;
        _xNode = tape.NodeOf(x);
        double total = 0.0;
        for (int i = 0; i < x.Length; i++)
        {
            if (weights[i] == 0f)
                continue;
            double difference = (double)x.Data[i] - targets[i];
            total += weights[i] * (kind == ElementLoss.Squared ? difference * difference : Math.Max(0.0, -difference));
        }

        result.Data[0] = (float)(total / normalizer);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        bool accumulate = tape.Claim(_xNode);
        double scale = (double)_result.Gradient[0] / _normalizer;
        float* gradient = _x.Gradient;
        for (int i = 0; i < _x.Length; i++)
        {
            float value = 0f;
            if (_weights[i] != 0f)
            {
                double difference = (double)_x.Data[i] - _targets[i];
                double slope = _kind == ElementLoss.Squared ? 2.0 * difference : difference >= 0.0 ? 0.0 : -1.0;
                value = (float)(scale * _weights[i] * slope);
            }

            gradient[i] = accumulate ? gradient[i] + value : value;
        }
    }
}
