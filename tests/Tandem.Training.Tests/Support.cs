using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Training.Pretraining;
using Xunit.Abstractions;

namespace Tandem.Training.Tests;

/// <summary>Finds the reference fixtures, which lie beside the repository (shared/fixtures) or where TANDEM_FIXTURES says.</summary>
internal static class Fixtures
{
    public static string? Find(string name, ITestOutputHelper output)
    {
        string? path = Root() is { } root ? Path.Combine(root, name) : null;
        if (path is not null && (Directory.Exists(path) || File.Exists(path)))
            return path;
        output.WriteLine("not checked: fixtures absent");
        return null;
    }

    private static string? Root()
    {
        if (Environment.GetEnvironmentVariable("TANDEM_FIXTURES") is { Length: > 0 } set)
            return set;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder != null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared", "fixtures");
            if (Directory.Exists(candidate))
                return candidate;
        }

        return null;
    }
}

/// <summary>A folder that is removed when the test ends.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("tandem-training-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>Remembers what it was told; may cancel or spoil a run at a step.</summary>
internal sealed class RecordingObserver : ITrainingObserver
{
    public List<TrainingStep> Steps { get; } = [];

    public List<TrainingEvaluation> Evaluations { get; } = [];

    public List<(string Kind, string Path, long Step)> Saved { get; } = [];

    public List<long> Inspections { get; } = [];

    public Action<TrainingStep>? AfterStep { get; init; }

    public void OnStep(in TrainingStep step)
    {
        Steps.Add(step);
        AfterStep?.Invoke(step);
    }

    public void OnEvaluation(TrainingEvaluation evaluation) => Evaluations.Add(evaluation);

    public void OnInspection(long step, long totalSteps, Transformer model) => Inspections.Add(step);

    public void OnSaved(string kind, string path, long step) => Saved.Add((kind, path, step));
}

/// <summary>
/// Rows of a cycle "a, a+s, a+2s, …" modulo 8 whose stride s is 1 in recall rows and 1 or 3 later: learnable in a few
/// steps by a tiny model. Every third token is a first-asked answer.
/// </summary>
internal sealed class CycleCorpus : IPretrainingCorpus
{
    public IReadOnlyList<string> AnswerKindNames { get; } = ["none", "third"];

    public string Settings { get; init; } = "cycle";

    public void Next(RandomStream random, CurriculumStage stage, PretrainingRow row)
    {
        int token = random.NextInt32(8);
        int stride = stage == CurriculumStage.Recall || random.NextBoolean(0.5) ? 1 : 3;
        for (int t = 0; t <= row.Length; t++)
        {
            bool answer = t > 2 && t % 3 == 0;
            row.Tokens[t] = token;
            row.Weights[t] = answer ? 1f : 0.1f;
            row.AnswerKinds[t] = answer ? (byte)1 : (byte)0;
            row.FirstAsked[t] = answer;
            token = (token + stride) % 8;
        }
    }
}

internal static class TinyModel
{
    public static Transformer Create(ulong seed = 1, int vocabulary = 16, int width = 16)
    {
        var model = new Transformer(new TransformerConfiguration
        {
            VocabularySize = vocabulary,
            HiddenSize = width,
            IntermediateSize = 24,
            Layers = 2,
            Heads = 2,
            KeyValueHeads = 1,
            MaximumPositions = 64,
            TieWordEmbeddings = true,
            ScoreHeads = ScoreHead.Count,
        });
        model.Initialize(new RandomStream(seed));
        return model;
    }

    public static float[] Values(Transformer model) => [.. model.Parameters.All.SelectMany(p => p.Tensor.Values.ToArray())];

    /// <summary>Questions of 2 to 4 one-token options after a story of 1 to 6 tokens: the option that equals the first token is right.</summary>
    public static List<OptionExample> Questions(int count, ulong seed)
    {
        var random = new RandomStream(seed);
        var result = new List<OptionExample>();
        for (int i = 0; i < count; i++)
        {
            int options = 2 + random.NextInt32(3);
            int[] words = [1, 2, 3, 4, 5, 6, 7, 8];
            random.Shuffle<int>(words);
            int right = random.NextInt32(options);
            int[] story = [words[right], .. Enumerable.Range(0, random.NextInt32(6)).Select(_ => 9 + random.NextInt32(6))];
            float[] target = new float[options];
            target[right] = 1;
            result.Add(new OptionExample([.. story, .. words[..options]], [.. Enumerable.Range(story.Length, options)])
            {
                Choice = i % 3 == 2 ? null : target,
                Competence = i % 3 == 1 ? null : target,
                Violation = i % 3 == 0 ? null : target,
                Weight = 1 + (i % 2),
            });
        }

        return result;
    }
}
