using Tandem.Tensors;

namespace Tandem.Language.Tests;

public sealed class MimeticInitializationTests
{
    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void Apply_AnyKind_AlignsQueriesWithKeysAndOutputsWithValues(int kind)
    {
        TransformerConfiguration configuration = SmallModels.Kinds[kind];
        using var transformer = new Transformer(configuration);
        transformer.Initialize(new RandomStream(2));

        MimeticInitialization.Apply(transformer);

        int size = configuration.HeadSize;
        for (int layer = 0; layer < configuration.Layers; layer++)
        {
            Tensor Projection(string name) => transformer.Parameters[$"model.layers.{layer}.self_attn.{name}_proj.weight"].Tensor;
            for (int head = 0; head < configuration.Heads; head++)
            {
                int group = head * configuration.KeyValueHeads / configuration.Heads;
                for (int d = 0; d < size; d++)
                {
                    Assert.Equal(Projection("k").Row((group * size) + d).ToArray(), Projection("q").Row((head * size) + d).ToArray());
                    for (int c = 0; c < configuration.HiddenSize; c++)
                    {
                        Assert.Equal(
                            0.5f * Projection("v").Row((group * size) + d)[c],
                            Projection("o").Row(c)[(head * size) + d]);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    public void Apply_FirstHeadsOfTheFirstLayer_ScoreHighestOneAndTwoTokensBack(int head, int distance)
    {
        TransformerConfiguration configuration = SmallModels.Qwen with
        {
            HiddenSize = 32,
            Heads = 2,
            KeyValueHeads = 2,
            HeadSize = 16,
            MaximumPositions = 128,
        };
        using var transformer = new Transformer(configuration);
        MimeticInitialization.Apply(transformer);
        float[] Bias(string name) =>
            transformer.Parameters[$"model.layers.0.self_attn.{name}_proj.bias"].Tensor.Values.Slice(head * 16, 16).ToArray();
        float[] query = Bias("q");
        float[] key = Bias("k");

        int best = Enumerable.Range(0, 128).MaxBy(back => Score(query, key, back, configuration.RotaryBase));

        Assert.Equal(distance, best);
    }

    // The attention score of a key `back` tokens before the query, by the definition of rotary positions (arXiv 2104.09864).
    private static double Score(float[] query, float[] key, int back, double rotaryBase)
    {
        int half = query.Length / 2;
        double score = 0;
        for (int j = 0; j < half; j++)
        {
            double angle = back * Math.Pow(rotaryBase, -2.0 * j / query.Length);
            double turnedFirst = (query[j] * Math.Cos(angle)) - (query[j + half] * Math.Sin(angle));
            double turnedSecond = (query[j + half] * Math.Cos(angle)) + (query[j] * Math.Sin(angle));
            score += (turnedFirst * key[j]) + (turnedSecond * key[j + half]);
        }

        return score;
    }
}
