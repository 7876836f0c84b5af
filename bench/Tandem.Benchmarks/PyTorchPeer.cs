using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Tandem.Language;

namespace Tandem.Benchmarks;

/// <summary>Questions per second and the score of every option, question by question.</summary>
internal sealed record OptionPeer(double Best, double Median, string Settings, double[] Scores);

/// <summary>The same work by PyTorch, in a process of its own: see bench/peers.</summary>
internal static class PyTorchPeer
{
    /// <summary>Debian's interpreter, whose PyTorch bench/peers/setup.sh installs; PYTHON names another one.</summary>
    private static string Interpreter => Environment.GetEnvironmentVariable("PYTHON") ?? "/usr/bin/python3";

    /// <summary>The version of PyTorch and of its BLAS, or null when it is not installed.</summary>
    public static string? Version()
    {
        try
        {
            string? version = Run(1, ["-c", "import torch; print(torch.__version__)"])?.Trim();
            string blas = Path.Exists("/usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3") ? ", OpenBLAS with OpenMP" : "";
            return version is null ? null : version + blas;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Measures steps from the same weights and tokens.</summary>
    public static StepResult Measure(string script, Transformer model, int[] tokens, int sequences, int threads, int steps, double seconds)
    {
        string directory = Directory.CreateTempSubdirectory("tandem-benchmark-").FullName;
        try
        {
            model.Save(directory);
            File.WriteAllBytes(Path.Combine(directory, "tokens.bin"), MemoryMarshal.AsBytes(tokens.AsSpan()));
            var optimizer = TrainingStep.Optimizer;
            string output = Run(threads,
            [
                script, directory, "--sequences", Text(sequences), "--threads", Text(threads), "--steps", Text(steps),
                "--seconds", Text(seconds), "--learning-rate", Text(optimizer.LearningRate), "--weight-decay", Text(optimizer.WeightDecay),
                "--beta1", Text(optimizer.Beta1), "--beta2", Text(optimizer.Beta2), "--epsilon", Text(optimizer.Epsilon),
            ]) ?? throw new InvalidOperationException("The PyTorch step failed; its messages are above.");
            using JsonDocument json = JsonDocument.Parse(output);
            JsonElement root = json.RootElement;
            return new StepResult(
                threads, root.GetProperty("best").GetDouble(), root.GetProperty("median").GetDouble(),
                [.. root.GetProperty("losses").EnumerateArray().Select(e => e.GetDouble())], root.GetProperty("settings").GetString()!);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Scores the options of questions with the same weights.</summary>
    public static OptionPeer ScoreOptions(string script, Transformer model, IReadOnlyList<ContinuationQuestion> questions, int threads, double seconds)
    {
        string directory = Directory.CreateTempSubdirectory("tandem-benchmark-").FullName;
        try
        {
            model.Save(directory);
            File.WriteAllText(
                Path.Combine(directory, "questions.json"),
                JsonSerializer.Serialize(questions.Select(q => new object[] { q.Prompt.ToArray(), q.Continuations.Select(c => c.ToArray()) })));
            string output = Run(threads, [script, directory, "--threads", Text(threads), "--seconds", Text(seconds)])
                ?? throw new InvalidOperationException("PyTorch's scoring failed; its messages are above.");
            using JsonDocument json = JsonDocument.Parse(output);
            JsonElement root = json.RootElement;
            return new OptionPeer(
                root.GetProperty("best").GetDouble(), root.GetProperty("median").GetDouble(), root.GetProperty("settings").GetString()!,
                [.. root.GetProperty("scores").EnumerateArray().Select(e => e.GetDouble())]);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);

    private static string? Run(int threads, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Interpreter, arguments) { RedirectStandardOutput = true };
        start.Environment["OMP_NUM_THREADS"] = Text(threads);
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : null;
    }
}
