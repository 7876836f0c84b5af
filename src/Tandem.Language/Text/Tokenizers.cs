using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Loads tokenizers of any kind.</summary>
public static class Tokenizers
{
    /// <summary>Reads a tokenizer.json: a <see cref="WordTokenizer"/> if its model is WordLevel, else a <see cref="BytePairTokenizer"/>.</summary>
    /// <param name="path">The file, or the model directory that holds it.</param>
    /// <exception cref="UserFaultException">A file is absent, malformed, or has a component that is not supported.</exception>
    public static ITokenizer Load(string path)
    {
        string file = Directory.Exists(path) ? Path.Combine(path, "tokenizer.json") : path;
        byte[] json = TokenizerSettings.ReadBytes(file) ?? throw new UserFaultException($"There is no {file}.", "Check the path of the model directory.");
        return IsWordLevel(json) ? WordTokenizer.Load(file) : BytePairTokenizer.Load(file);
    }

    // A malformed file is left to the reader that can say what is wrong.
    private static bool IsWordLevel(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            for (reader.Read(); reader.Read() && reader.TokenType == JsonTokenType.PropertyName; reader.Skip())
            {
                bool isModel = reader.ValueTextEquals("model");
                if (!reader.Read() || !isModel || reader.TokenType != JsonTokenType.StartObject)
                    continue;
                for (; reader.Read() && reader.TokenType == JsonTokenType.PropertyName; reader.Skip())
                {
                    bool isType = reader.ValueTextEquals("type");
                    reader.Read();
                    if (isType)
                        return reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("WordLevel");
                }
            }
        }
        catch (JsonException)
        {
            return false;
        }

        return false;
    }
}
