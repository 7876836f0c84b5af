using Tandem.Tensors;

namespace Tandem.Language.Tests;

/// <summary>
/// The forward pass written a second time, for one sequence, in scalar double precision, straight from the definitions:
/// what the tests compare with when no fixtures are there.
/// </summary>
internal sealed class ScalarTransformer
{
    private readonly TransformerConfiguration _configuration;
    private readonly Dictionary<string, double[]> _parameters;

    public ScalarTransformer(Transformer transformer)
    {
        _configuration = transformer.Configuration;
        _parameters = transformer.Parameters.All.ToDictionary(p => p.Name, p => p.Tensor.Values.ToArray().Select(v => (double)v).ToArray());
    }

    public Dictionary<string, double[]> Parameters => _parameters;

    /// <summary>The scale of the adapters, which are used where there are some.</summary>
    public double AdapterScale { get; init; }

    /// <summary>What an element of an adapter's input is multiplied by: its weight's name and the element's number.</summary>
    public Func<string, long, double> Dropped { get; init; } = (_, _) => 1;

    public double[][] Logits(int[] tokens) => Multiply(
        Hidden(tokens), _configuration.TieWordEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight");

    public double[][] Scores(int[] tokens) => Multiply(Hidden(tokens), "score.weight");

    /// <summary>The mean of -log p(token t + 1 | tokens up to t), in nats.</summary>
    public double Loss(int[] tokens)
    {
        var logits = Logits(tokens);
        double total = 0;
        for (int t = 0; t + 1 < tokens.Length; t++)
        {
            double largest = logits[t].Max();
            total += largest + Math.Log(logits[t].Sum(z => Math.Exp(z - largest))) - logits[t][tokens[t + 1]];
        }

        return total / (tokens.Length - 1);
    }

    private double[][] Hidden(int[] tokens)
    {
        int width = _configuration.HiddenSize;
        double[] table = _parameters["model.embed_tokens.weight"];
        double[][] x = [.. tokens.Select(t => table[(t * width)..((t + 1) * width)])];
        for (int i = 0; i < _configuration.Layers; i++)
        {
            string layer = $"model.layers.{i}.";
            var normed = Norm(x, layer + "input_layernorm.weight");
            var mixed = Attention(
                Rotate(HeadNorm(Multiply(normed, layer + "self_attn.q_proj.weight", layer + "self_attn.q_proj.bias"), layer + "self_attn.q_norm.weight"), _configuration.Heads),
                Rotate(HeadNorm(Multiply(normed, layer + "self_attn.k_proj.weight", layer + "self_attn.k_proj.bias"), layer + "self_attn.k_norm.weight"), _configuration.KeyValueHeads),
                Multiply(normed, layer + "self_attn.v_proj.weight", layer + "self_attn.v_proj.bias"));
            x = Add(x, Multiply(mixed, layer + "self_attn.o_proj.weight", layer + "self_attn.o_proj.bias"));

            normed = Norm(x, layer + "post_attention_layernorm.weight");
            var gate = Multiply(normed, layer + "mlp.gate_proj.weight");
            var up = Multiply(normed, layer + "mlp.up_proj.weight");
            var gated = gate.Zip(up, (g, u) => g.Zip(u, (a, b) => a / (1 + Math.Exp(-a)) * b).ToArray()).ToArray();
            x = Add(x, Multiply(gated, layer + "mlp.down_proj.weight"));
        }

        return Norm(x, "model.norm.weight");
    }

    private double[][] Norm(double[][] x, string weight) => [.. x.Select(row =>
    {
        double scale = 1 / Math.Sqrt(row.Average(v => v * v) + _configuration.RmsNormEpsilon);
        return row.Select((v, i) => v * scale * _parameters[weight][i]).ToArray();
    })];

    private double[][] HeadNorm(double[][] x, string weight) => !_parameters.ContainsKey(weight) ? x
        : [.. x.Select(row => row.Chunk(_configuration.HeadSize).SelectMany(head => Norm([head], weight)[0]).ToArray())];

    private double[][] Multiply(double[][] x, string weight, string? bias = null)
    {
        double[][] result = Product(x, weight, bias);
        string a = weight.Replace(".weight", ".lora_A.weight", StringComparison.Ordinal);
        if (!_parameters.ContainsKey(a))
            return result;
        double[][] some = [.. x.Select((row, i) => row.Select((v, j) => v * Dropped(weight, ((long)i * row.Length) + j)).ToArray())];
        double[][] added = Product(Product(some, a), weight.Replace(".weight", ".lora_B.weight", StringComparison.Ordinal));
        return Add(result, [.. added.Select(row => row.Select(v => v * AdapterScale).ToArray())]);
    }

    private double[][] Product(double[][] x, string weight, string? bias = null)
    {
        double[] matrix = _parameters[weight];
        double[]? offset = bias is null ? null : _parameters.GetValueOrDefault(bias);
        int columns = x[0].Length;
        return [.. x.Select(row => Enumerable.Range(0, matrix.Length / columns)
            .Select(o => row.Select((v, i) => v * matrix[(o * columns) + i]).Sum() + (offset?[o] ?? 0)).ToArray())];
    }

    private static double[][] Add(double[][] a, double[][] b) => [.. a.Zip(b, (x, y) => x.Zip(y, (p, q) => p + q).ToArray())];

    private double[][] Rotate(double[][] x, int heads)
    {
        int half = _configuration.HeadSize / 2;
        return [.. x.Select((row, position) =>
        {
            double[] turned = new double[row.Length];
            for (int head = 0; head < heads; head++)
            {
                for (int i = 0; i < half; i++)
                {
                    int first = (head * 2 * half) + i;
                    double angle = position * Frequency(i);
                    turned[first] = (row[first] * Math.Cos(angle)) - (row[first + half] * Math.Sin(angle));
                    turned[first + half] = (row[first + half] * Math.Cos(angle)) + (row[first] * Math.Sin(angle));
                }
            }

            return turned;
        })];
    }

    private double Frequency(int pair)
    {
        double frequency = Math.Pow(_configuration.RotaryBase, -2.0 * pair / _configuration.HeadSize);
        if (_configuration.RotaryScaling is not { } s)
            return frequency;
        double turns = s.OriginalMaximumPositions * frequency / (2 * Math.PI);
        double blend = Math.Clamp((turns - s.LowFrequencyFactor) / (s.HighFrequencyFactor - s.LowFrequencyFactor), 0, 1);
        return frequency * (blend + ((1 - blend) / s.Factor));
    }

    private double[][] Attention(double[][] q, double[][] k, double[][] v)
    {
        int d = _configuration.HeadSize, group = _configuration.Heads / _configuration.KeyValueHeads;
        return [.. q.Select((row, i) =>
        {
            double[] mixed = new double[row.Length];
            for (int head = 0; head < _configuration.Heads; head++)
            {
                int own = head * d, shared = head / group * d;
                double[] weights = [.. Enumerable.Range(0, i + 1).Select(
                    j => Math.Exp(Enumerable.Range(0, d).Sum(c => row[own + c] * k[j][shared + c]) / Math.Sqrt(d)))];
                for (int c = 0; c < d; c++)
                    mixed[own + c] = weights.Select((w, j) => w * v[j][shared + c]).Sum() / weights.Sum();
            }

            return mixed;
        })];
    }
}

/// <summary>Small models of every kind, with all parameters random (norms, biases and score heads too).</summary>
internal static class SmallModels
{
    public static readonly TransformerConfiguration Qwen = new()
    {
        VocabularySize = 23,
        HiddenSize = 16,
        IntermediateSize = 28,
        Layers = 2,
        Heads = 4,
        KeyValueHeads = 2,
        MaximumPositions = 160,
        ScoreHeads = 3,
    };

    public static readonly TransformerConfiguration[] Kinds =
    [
        Qwen,
        Qwen with { TieWordEmbeddings = true, KeyValueHeads = 4, Layers = 3, HiddenSize = 24, HeadSize = 6 },
        Qwen with
        {
            ModelType = "llama", AttentionBias = false, HeadSize = 10, HiddenSize = 20, KeyValueHeads = 1, RotaryBase = 500f,
            RotaryScaling = new RotaryScaling(8f, 1f, 4f, 32),
        },
        Qwen with { ModelType = "qwen3", AttentionBias = false, HeadSize = 6, TieWordEmbeddings = true },
        Qwen with { ModelType = "llama", AttentionBias = true, OutputBias = true, HeadSize = 8, KeyValueHeads = 1 },
    ];

    public static TheoryData<int> KindNumbers { get; } = new(Enumerable.Range(0, Kinds.Length));

    public static Transformer Random(TransformerConfiguration configuration, ulong seed = 1)
    {
        var transformer = new Transformer(configuration);
        var random = new RandomStream(seed);
        transformer.Initialize(random);
        foreach (var parameter in transformer.Parameters.All.Where(p => p.IsVector || p.Name == "score.weight"))
        {
            foreach (ref float value in parameter.Tensor.Values)
                value += 0.3f * (float)random.NextGaussian();
        }

        return transformer;
    }

    public static int[] Tokens(TransformerConfiguration configuration, int count, ulong seed = 2)
    {
        var random = new RandomStream(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextInt32(configuration.VocabularySize))];
    }
}
