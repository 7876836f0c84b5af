using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Tandem.Language;
using Tandem.Training.Optimization;

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
    /// <param name="script">Where torch_step.py is.</param>
    /// <param name="model">The weights to begin from.</param>
    /// <param name="tokens">As <see cref="TrainingStep.DrawTokens"/> gives them.</param>
    /// <param name="sequences">The sequences among the tokens.</param>
    /// <param name="threads">The threads to run on.</param>
    /// <param name="steps">The least number of steps that are timed.</param>
    /// <param name="trialSteps">The steps that are timed with each of the settings, of which the fastest are taken.</param>
    /// <param name="seconds">The least time to measure for.</param>
    public static StepResult Measure(
        string script, Transformer model, int[] tokens, int sequences, int threads, int steps, int trialSteps, double seconds) => Exchange(
        script, model, "tokens.bin", MemoryMarshal.AsBytes(tokens.AsSpan()).ToArray(), threads, seconds,
        ["--sequences", Text(sequences), "--steps", Text(steps), "--trial-steps", Text(trialSteps), .. Options(TrainingStep.Optimizer)],
        root => new StepResult(
            threads, root.GetProperty("best").GetDouble(), root.GetProperty("median").GetDouble(), Doubles(root.GetProperty("losses")),
            root.GetProperty("settings").GetString()!));

    /// <summary>Scores the options of questions with the same weights.</summary>
    public static OptionPeer ScoreOptions(
        string script, Transformer model, IReadOnlyList<ContinuationQuestion> questions, int threads, double seconds) => Exchange(
        script, model, "questions.json",
        JsonSerializer.SerializeToUtf8Bytes(questions.Select(q => new object[] { q.Prompt.ToArray(), q.Continuations.Select(c => c.ToArray()) })),
        threads, seconds, [],
        root => new OptionPeer(
            root.GetProperty("best").GetDouble(), root.GetProperty("median").GetDouble(), root.GetProperty("settings").GetString()!,
            Doubles(root.GetProperty("scores"))));

    /// <summary>Continues prompts with the same weights, by the usual loop and by a tuned one.</summary>
    public static (WorkRate Usual, WorkRate Tuned, int[][] UsualTokens, int[][] TunedTokens) Generate(
        string script, Transformer model, int[][] prompts, int[] limits, int threads, double seconds) => Exchange(
        script, model, "prompts.json", JsonSerializer.SerializeToUtf8Bytes(new object[] { prompts, limits }), threads, seconds, [],
        root =>
        {
            JsonElement usual = root.GetProperty("usual"), tuned = root.GetProperty("tuned");
            return (Rate(usual), Rate(tuned), Tokens(usual), Tokens(tuned));

            static int[][] Tokens(JsonElement loop) => loop.GetProperty("tokens").Deserialize<int[][]>()!;
        });

    /// <summary>Fine-tunes on batches of questions and answers from the same weights, by the usual loop and by a tuned one.</summary>
    public static (WorkRate Usual, WorkRate Tuned, double[] UsualLosses, double[] TunedLosses) FineTune(
        string script, Transformer model, IEnumerable<AnswerExample[]> batches, int losses, int threads, double seconds) => Exchange(
        script, model, "batches.json",
        JsonSerializer.SerializeToUtf8Bytes(batches.Select(batch => batch.Select(example => new[] { example.Prompt, example.Answer }))),
        threads, seconds, ["--losses", Text(losses), "--clip", Text(FineTuningStep.LargestNorm), .. Options(FineTuningStep.Optimizer)],
        root =>
        {
            JsonElement usual = root.GetProperty("usual"), tuned = root.GetProperty("tuned");
            return (Rate(usual), Rate(tuned), Doubles(usual.GetProperty("losses")), Doubles(tuned.GetProperty("losses")));
        });

    // Gives a script the model, a file and options, and reads the line that it prints.
    private static T Exchange<T>(
        string script, Transformer model, string file, byte[] content, int threads, double seconds, string[] options, Func<JsonElement, T> read)
    {
        string directory = Directory.CreateTempSubdirectory("tandem-benchmark-").FullName;
        try
        {
            model.Save(directory);
            File.WriteAllBytes(Path.Combine(directory, file), content);
            string output = Run(threads, [script, directory, "--threads", Text(threads), "--seconds", Text(seconds), .. options])
                ?? throw new InvalidOperationException($"{Path.GetFileName(script)} failed; its messages are above.");
            using JsonDocument json = JsonDocument.Parse(output);
            return read(json.RootElement);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static WorkRate Rate(JsonElement loop) => new(
        loop.GetProperty("best").GetDouble(), loop.GetProperty("median").GetDouble(), loop.GetProperty("settings").GetString()!);

    private static double[] Doubles(JsonElement list) => [.. list.EnumerateArray().Select(e => e.GetDouble())];

    private static string[] Options(OptimizerConfiguration optimizer) =>
    [
        "--learning-rate", Text(optimizer.LearningRate), "--weight-decay", Text(optimizer.WeightDecay), "--beta1", Text(optimizer.Beta1),
        "--beta2", Text(optimizer.Beta2), "--epsilon", Text(optimizer.Epsilon),
    ];

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
