namespace Tandem.Tensors.Operations;

/// <summary>
/// Σ w·(softplus(z) - t·z) / normalizer, element by element; dz = w / normalizer · (σ(z) - t). It runs over a few scores
/// per example, so it is plain scalar code in double precision.
/// </summary>
internal sealed unsafe class BinaryCrossEntropyOperation : Operation
{
    private Tensor _logits, _result;
    private int _logitsNode;
    private float* _targets;
    private float* _weights;
    private float _normalizer;

    /// <summary>result = the weighted loss.</summary>
    public void Forward(Tape tape, Tensor logits, float* targets, float* weights, float normalizer, Tensor result)
    {
        (_logits, _normalizer, _result) = (logits, normalizer, result);
        _targets = targets;
        _weights = weights;
        _logitsNode = tape.NodeOf(logits);
        double total = 0.0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (weights[i] == 0f)
                continue;
            double z = logits.Data[i];
            double softplus = Math.Max(z, 0.0) + Math.Log(1.0 + Math.Exp(-Math.Abs(z)));
            total += weights[i] * (softplus - (targets[i] * z));
        }

        result.Data[0] = (float)(total / normalizer);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        bool accumulate = tape.Claim(_logitsNode);
        double scale = (double)_result.Gradient[0] / _normalizer;
        float* gradient = _logits.Gradient;
        for (int i = 0; i < _logits.Length; i++)
        {
            float value = 0f;
            if (_weights[i] != 0f)
            {
                double sigmoid = 1.0 / (1.0 + Math.Exp(-(double)_logits.Data[i]));
                value = (float)(scale * _weights[i] * (sigmoid - _targets[i]));
            }

            gradient[i] = accumulate ? gradient[i] + value : value;
        }
    }
}
