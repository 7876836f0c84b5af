using System.Globalization;

namespace Tandem.Tensors.Tests;

/// <summary>
/// One operation on random inputs: how the tape computes it, and a scalar reference in double precision whose central
/// differences are the reference for the gradients.
/// </summary>
internal sealed record OperationCase(
    string Name,
    (int Rows, int Columns)[] Inputs,
    (int Rows, int Columns)[] Parameters,
    Func<Tape, Tensor[], Parameter[], Tensor> Fast,
    Func<double[][], double[]> Reference)
{
    public override string ToString() => Name;

    /// <summary>Output, then the gradient of Σ c·output for each input and parameter.</summary>
    public unsafe float[][] Run(int threads, ulong seed = 7)
    {
        using var pool = new WorkerPool(threads);
        using var tape = new Tape(pool);
        using var parameters = NewParameters(seed);
        return Step(tape, parameters, seed);
    }

    /// <summary>The output for given inputs and parameters, and the gradients of the inputs when each output's is given.</summary>
    public float[][] Compute(WorkerPool pool, float[][] values, float[] gradients)
    {
        using var tape = new Tape(pool);
        using var parameters = new ParameterSet(
            [.. Parameters.Select((p, i) => new ParameterShape(string.Create(CultureInfo.InvariantCulture, $"p{i}"), p.Rows, p.Columns)),
            new ParameterShape("coefficients", 1, gradients.Length)]);
        for (int i = 0; i < Parameters.Length; i++)
            values[Inputs.Length + i].CopyTo(parameters.All[i].Tensor.Values);
        gradients.CopyTo(parameters["coefficients"].Tensor.Values);
        tape.Begin(recording: true);
        Tensor[] inputs = [.. Inputs.Select((shape, i) => tape.Input(values[i], shape.Rows, shape.Columns, wantsGradient: true))];
        Tensor output = Fast(tape, inputs, [.. parameters.All.Take(Parameters.Length)]);
        float[] found = output.Values.ToArray();
        tape.Backward(tape.Linear(tape.Reshape(output, 1, output.Length), parameters["coefficients"]));
        return [found, .. inputs.Select(x => x.Gradients.ToArray())];
    }

    public float[][] Step(Tape tape, ParameterSet parameters, ulong seed)
    {
        float[][] values = Values(seed);
        tape.Begin(recording: true);
        var inputs = new Tensor[Inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
            inputs[i] = tape.Input(values[i], Inputs[i].Rows, Inputs[i].Columns, wantsGradient: true);
        var own = parameters.All.Take(Parameters.Length).ToArray();
        Tensor output = Fast(tape, inputs, own);
        Parameter coefficients = parameters["coefficients"];
        Coefficients(output.Length, seed).CopyTo(coefficients.Tensor.Values);
        coefficients.IsTrainable = false;
        Tensor loss = output.Length == 0
            ? tape.Scale(tape.Input([0f], 1, 1, wantsGradient: true), 1f)
            : tape.Linear(tape.Reshape(output, 1, output.Length), coefficients);
        parameters.ZeroGradients();
        tape.Backward(loss);
        return
        [
            output.Values.ToArray(),
            .. inputs.Select(x => x.Gradients.ToArray()),
            .. own.Select(p => p.Tensor.Gradients.ToArray()),
        ];
    }

    public ParameterSet NewParameters(ulong seed)
    {
        float[][] values = Values(seed);
        int outputLength = Reference(Array.ConvertAll(values, v => Array.ConvertAll(v, x => (double)x))).Length;
        var shapes = Parameters
            .Select((p, i) => new ParameterShape(string.Create(CultureInfo.InvariantCulture, $"p{i}"), p.Rows, p.Columns))
            .Append(new ParameterShape("coefficients", 1, outputLength));
        var set = new ParameterSet(shapes);
        for (int i = 0; i < Parameters.Length; i++)
            values[Inputs.Length + i].CopyTo(set.All[i].Tensor.Values);
        return set;
    }

    /// <summary>What <see cref="Run"/> should give, from the reference and its central differences.</summary>
    public double[][] Expected(ulong seed = 7)
    {
        double[][] values = Array.ConvertAll(Values(seed), v => Array.ConvertAll(v, x => (double)x));
        double[] output = Reference(values);
        float[] coefficients = Coefficients(output.Length, seed);
        var results = new List<double[]> { output };
        const double step = 1e-5;
        foreach (double[] input in values)
        {
            var gradient = new double[input.Length];
            for (int i = 0; i < input.Length; i++)
            {
                double original = input[i];
                input[i] = original + step;
                double above = Loss();
                input[i] = original - step;
                gradient[i] = (above - Loss()) / (2 * step);
                input[i] = original;
            }

            results.Add(gradient);
        }

        return [.. results];

        double Loss() => Reference(values).Zip(coefficients, (y, c) => y * c).Sum();
    }

    public float[][] Values(ulong seed)
    {
        var random = new RandomStream(seed).Fork("values");
        return [.. Inputs.Concat(Parameters).Select(shape => Gaussian(random, shape.Rows * shape.Columns))];
    }

    private static float[] Coefficients(int count, ulong seed) => Gaussian(new RandomStream(seed).Fork("coefficients"), count);

    private static float[] Gaussian(RandomStream random, int count)
    {
        var values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (float)random.NextGaussian();
        return values;
    }
}
