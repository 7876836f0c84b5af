using System.Text;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Tests.Evaluation;

/// <summary>Bytes as tokens, and one more that ends a text.</summary>
internal sealed class ByteTokenizer : ITokenizer
{
    public const int End = 256;

    public int VocabularySize => 257;

    public int? BeginToken => null;

    public int? EndToken => End;

    public int[] Encode(string text, SpecialTokens specialTokens = SpecialTokens.AsText) => [.. Encoding.UTF8.GetBytes(text).Select(b => (int)b)];

    public string Decode(ReadOnlySpan<int> tokens, bool skipSpecialTokens = false) =>
        Encoding.UTF8.GetString([.. tokens.ToArray().Where(token => token != End).Select(token => (byte)token)]);
}

/// <summary>Random models over bytes.</summary>
internal static class TinyJudgedModel
{
    public const int Positions = 128;

    private static readonly ByteTokenizer s_tokenizer = new();

    public static LanguageModel Create(ulong seed, bool score = false, LowRankConfiguration? adapters = null, int positions = Positions)
    {
        var configuration = new TransformerConfiguration
        {
            VocabularySize = 257,
            HiddenSize = 16,
            IntermediateSize = 32,
            Layers = 2,
            Heads = 2,
            KeyValueHeads = 1,
            TieWordEmbeddings = !score,
            MaximumPositions = positions,
            LanguageHead = !score,
            ScoreHeads = score ? 1 : 0,
        };
        var transformer = new Transformer(configuration, adapters: adapters);
        transformer.Initialize(new RandomStream(seed));

        // A new score head is zero, and would find every reply alike.
        var random = new RandomStream(seed).Fork("score");
        foreach (Parameter parameter in transformer.Parameters.All.Where(parameter => parameter.Name == "score.weight"))
        {
            for (int i = 0; i < parameter.Tensor.Values.Length; i++)
                parameter.Tensor.Values[i] = (float)random.NextGaussian();
        }

        return new LanguageModel("tiny", transformer, s_tokenizer, new PlainFormat(s_tokenizer));
    }

    /// <summary>The tokens of a prompt with a reply, written out: a space between, the end behind.</summary>
    public static (int[] Prompt, int[] Reply) Tokens(string prompt, string reply) => (s_tokenizer.Encode(prompt), [.. s_tokenizer.Encode(" " + reply), ByteTokenizer.End]);
}
