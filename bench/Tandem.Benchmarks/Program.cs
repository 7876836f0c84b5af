using System.Globalization;
using Tandem.Benchmarks;
using Tandem.Benchmarks.Kernels;
using Tandem.Language;
using Tandem.Tensors;

const string Usage = """
    usage: Tandem.Benchmarks step [--seconds S] [--sequences N] [--10m]
                                                          training step against PyTorch; writes docs/performance.md and .json
           Tandem.Benchmarks options <file> [--seconds S] scoring the answers of CosmosQA's questions (its .csv) against PyTorch;
                                                          adds to docs/performance.md and .json
           Tandem.Benchmarks decode [--seconds S]         cached decoding and prompts; adds to docs/performance.md and .json
           Tandem.Benchmarks report                       docs/performance.md again, from the .json
           Tandem.Benchmarks gemm [--milliseconds M]      matrix products at training shapes against OpenBLAS; adds to
                                                          docs/performance.md and .json
           Tandem.Benchmarks kernels [--milliseconds M]   single kernels beside the machine's limits; adds to
                                                          docs/performance.md and .json
           Tandem.Benchmarks profile <threads> [seconds] [width layers heads]
                                                          training steps only, of the 1M model or another, for a profiler
    step and decode exit with 1 when they allocate more managed memory than bench/budget.json allows.
    """;
switch (args.FirstOrDefault())
{
    case "gemm":
        GemmBenchmark.Run(Repository(), Option("--milliseconds", 100) / 1000.0);
        return 0;
    case "step":
        return StepComparison.Run(Repository(), Option("--seconds", 10), Option("--sequences", 32), args.Contains("--10m"));
    case "options" when args.Length > 1:
        OptionComparison.Run(Repository(), args[1], Option("--seconds", 20));
        return 0;
    case "decode":
        return DecodeComparison.Run(Repository(), Option("--seconds", 5));
    case "kernels":
        KernelComparison.Run(Repository(), Option("--milliseconds", 100));
        return 0;
    case "report":
        PerformanceReport.Update(Repository(), null);
        return 0;
    case "profile" when args.Length > 1:
        TransformerConfiguration shape = args.Length < 6 ? TrainingStep.OneMillion : TrainingStep.OneMillion with
        {
            HiddenSize = Integer(args[3]),
            Layers = Integer(args[4]),
            Heads = Integer(args[5]),
            KeyValueHeads = Integer(args[5]),
            HeadSize = 0,
            IntermediateSize = 3 * Integer(args[3]),
            VocabularySize = 128,
        };
        using (var model = new Transformer(shape))
        {
            model.Initialize(new RandomStream(1));
            using var step = new TrainingStep(model, TrainingStep.DrawTokens(32, 128, shape.VocabularySize), 32, Integer(args[1]));
            StepResult result = step.Measure(5, args.Length > 2 ? Integer(args[2]) : 5);
            Console.WriteLine($"best {result.BestTokensPerSecond:F0} tokens/s, median {result.MedianTokensPerSecond:F0}, losses {string.Join(' ', result.Losses)}");
        }

        return 0;
    default:
        Console.Error.WriteLine(Usage);
        return 2;
}

int Option(string name, int otherwise) => Array.IndexOf(args, name) is > 0 and int at ? Integer(args[at + 1]) : otherwise;

static int Integer(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static string Repository()
{
    for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
    {
        if (File.Exists(Path.Combine(folder, "Tandem.slnx")))
            return folder;
    }

    return Environment.CurrentDirectory;
}
