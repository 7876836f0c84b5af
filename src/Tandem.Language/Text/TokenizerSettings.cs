using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>What tokenizer_config.json says about the tokens that open and close a text.</summary>
/// <param name="BeginText">The text of the token that opens a text, if there is one.</param>
/// <param name="EndText">The text of the token at which a text ends, if there is one.</param>
/// <param name="AddsBegin">Whether every text gets the former; null leaves it to tokenizer.json.</param>
/// <param name="AddsEnd">Whether every text gets the latter; null leaves it to tokenizer.json.</param>
internal sealed record TokenizerSettings(string? BeginText, string? EndText, bool? AddsBegin, bool? AddsEnd)
{
    public static readonly TokenizerSettings None = new(null, null, null, null);

    /// <summary>Reads a file; one that is absent says nothing.</summary>
    /// <exception cref="UserFaultException">It is malformed.</exception>
    public static TokenizerSettings Load(string path) => ReadBytes(path) is { } json ? Parse(json, path) : None;

    /// <summary>Reads the text of a file.</summary>
    /// <exception cref="UserFaultException">It is malformed.</exception>
    public static TokenizerSettings Parse(ReadOnlyMemory<byte> json, string place)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            return new TokenizerSettings(Text(root, "bos_token"), Text(root, "eos_token"), Flag(root, "add_bos_token"), Flag(root, "add_eos_token"));
        }
        catch (Exception error) when (TokenizerFile.IsMalformed(error))
        {
            throw new UserFaultException($"{place}: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}.", "Fetch the model's files again.", inner: error);
        }
    }

    /// <summary>The bytes of a file; null if it is absent.</summary>
    /// <exception cref="UserFaultException">It cannot be read.</exception>
    public static byte[]? ReadBytes(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllBytes(path) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException(
                $"Cannot read {path}: {error.Message.ReplaceLineEndings(" ")}", "Check the path of the model directory.", inner: error);
        }
    }

    /// <summary>The tokens before and behind every text, from those of tokenizer.json.</summary>
    public (int[] Before, int[] After) Frame(int[] before, int[] after, int? begin, int? end)
    {
        if (AddsBegin is { } addsBegin && begin is { } first)
            before = addsBegin == before.Contains(first) ? before : addsBegin ? [first, .. before] : [.. before.Where(t => t != first)];
        if (AddsEnd is { } addsEnd && end is { } last)
            after = addsEnd == after.Contains(last) ? after : addsEnd ? [.. after, last] : [.. after.Where(t => t != last)];
        return (before, after);
    }

    /// <summary>The text of a token, which is given as such or as an object.</summary>
    public static string? Text(JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        return value.ValueKind == JsonValueKind.Object ? value.GetProperty("content").GetString() : value.GetString();
    }

    private static bool? Flag(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value.GetBoolean() : null;
}
