using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tandem.Language;

namespace Tandem.Benchmarks;

/// <summary>The speed of a tokenizer on one core.</summary>
/// <param name="Machine">Where it was measured.</param>
/// <param name="Tokenizer">The tokenizer's directory or file.</param>
/// <param name="Vocabulary">Its size.</param>
/// <param name="Text">The text's file.</param>
/// <param name="Bytes">The text in UTF-8.</param>
/// <param name="Tokens">The text in tokens.</param>
/// <param name="LoadSeconds">Reading the tokenizer, the best of several.</param>
/// <param name="Encode">Text to tokens, in 10⁶ bytes per second, on words met before.</param>
/// <param name="Decode">Tokens to text, in 10⁶ bytes per second.</param>
internal sealed record TokenizeReport(
    Machine Machine, string Tokenizer, int Vocabulary, string Text, long Bytes, int Tokens, double LoadSeconds, WorkRate Encode, WorkRate Decode) : IPerformanceSection
{
    string IPerformanceSection.Title => "Tokenizers";

    string IPerformanceSection.Command => "tokenize <tokenizer.json> <text file>";

    void IPerformanceSection.AppendBody(StringBuilder text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(culture, $"- {Machine}. One thread; the text is encoded once before, so that words are known.");
        text.AppendLine();
        text.AppendLine("| Tokenizer | Vocabulary | Text | Tokens | Loading, s | Encoding, MB/s | Decoding, MB/s |");
        text.AppendLine("|---|---:|---|---:|---:|---:|---:|");
        text.AppendLine(culture, $"| {Tokenizer} | {Vocabulary:N0} | {Text}, {Bytes / 1e6:F1} MB | {Tokens:N0} | {LoadSeconds:F3} | {Encode.Best:F0} ({Encode.Median:F0}) | {Decode.Best:F0} ({Decode.Median:F0}) |");
    }
}

/// <summary>Encodes and decodes a text with a tokenizer, on one thread.</summary>
internal static class TokenizeBenchmark
{
    public static void Run(string repository, string? tokenizerPath, string? textPath, double seconds)
    {
        if (!File.Exists(textPath) || !(File.Exists(tokenizerPath) || Directory.Exists(tokenizerPath)))
        {
            Console.WriteLine("not measured: tokenize needs a tokenizer.json and a text file");
            return;
        }

        long start = Stopwatch.GetTimestamp();
        ITokenizer tokenizer = Tokenizers.Load(tokenizerPath);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"first loading, with compilation: {Stopwatch.GetElapsedTime(start).TotalSeconds:F3} s"));
        Timing load = Timing.Of(() => tokenizer = Tokenizers.Load(tokenizerPath), 3, 0);
        string text = File.ReadAllText(textPath);
        double megabytes = Encoding.UTF8.GetByteCount(text) / 1e6;
        int[] tokens = [];
        Timing encode = Timing.Of(() => tokens = tokenizer.Encode(text), 5, seconds / 2);
        Timing decode = Timing.Of(() => tokenizer.Decode(tokens), 5, seconds / 2);
        var report = new TokenizeReport(
            Machine.This(null), Path.GetFileName(Path.TrimEndingDirectorySeparator(tokenizerPath)), tokenizer.VocabularySize, Path.GetFileName(textPath),
            (long)(megabytes * 1e6), tokens.Length, load.Best, new WorkRate(megabytes / encode.Best, megabytes / encode.Median, ""),
            new WorkRate(megabytes / decode.Best, megabytes / decode.Median, ""));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"loading {load.Best:F3} s; encoding {report.Encode.Best:F1} MB/s, median {report.Encode.Median:F1}; decoding {report.Decode.Best:F1} MB/s, median {report.Decode.Median:F1}"));
        PerformanceReport.Update(repository, report);
    }
}
