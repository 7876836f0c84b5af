using System.Globalization;
using Tandem.Benchmarks;
using Tandem.Benchmarks.Kernels;
using Tandem.Language;
using Tandem.Tensors;

const string Usage = """
    usage: Tandem.Benchmarks step [--seconds S] [--only M]  training step against PyTorch; M: some of 0.1M,1M,10M,100M
           Tandem.Benchmarks finetune <file> [--seconds S] [--only M] [--most N]
                                                          fine-tuning on the answers to CosmosQA's questions (its .csv) against
                                                          PyTorch; M: 10M or 100M; N: questions at most, to try it out
           Tandem.Benchmarks options <file> [--seconds S] scoring the answers of CosmosQA's questions (its .csv) against PyTorch
           Tandem.Benchmarks generate <file> [--seconds S] [--only M] [--most N]
                                                          continuing CosmosQA's contexts against PyTorch
           Tandem.Benchmarks adapters <file> [--seconds S]
                                                          low-rank adapters over a model of Qwen2.5-0.5B's shape
           Tandem.Benchmarks decode [--seconds S]         cached decoding and prompts
           Tandem.Benchmarks tokenize <tokenizer.json> <text file> [--seconds S]
                                                          encoding and decoding a text
           Tandem.Benchmarks report                       docs/performance.md again, from all .json files
           Tandem.Benchmarks gemm [--milliseconds M]      matrix products at training shapes against OpenBLAS
           Tandem.Benchmarks kernels [--milliseconds M]   single kernels beside the machine's limits
           Tandem.Benchmarks profile <threads> [seconds] [width layers heads]
                                                          training steps only, of the 1M model or another, for a profiler
    Each writes its section of docs/performance/<processor>.json, and docs/performance.md from all such files.
    step and decode exit with 1 when they allocate more managed memory than bench/budget.json allows.
    """;
var selection = new Selection(Text("--only"), Option("--most", int.MaxValue));
try
{
    switch (args.FirstOrDefault())
    {
        case "gemm":
            GemmBenchmark.Run(Repository(), Option("--milliseconds", 100) / 1000.0);
            return 0;
        case "step":
            return StepComparison.Run(Repository(), Option("--seconds", 10), selection);
        case "options" when args.Length > 1:
            OptionComparison.Run(Repository(), args[1], Option("--seconds", 20));
            return 0;
        case "finetune" when args.Length > 1:
            FineTuneComparison.Run(Repository(), args[1], Option("--seconds", 20), selection);
            return 0;
        case "generate" when args.Length > 1:
            GenerateComparison.Run(Repository(), args[1], Option("--seconds", 20), selection);
            return 0;
        case "adapters" when args.Length > 1:
            AdapterBenchmark.Run(Repository(), args[1], Option("--seconds", 20));
            return 0;
        case "decode":
            return DecodeComparison.Run(Repository(), Option("--seconds", 5));
        case "tokenize":
            TokenizeBenchmark.Run(Repository(), args.ElementAtOrDefault(1), args.ElementAtOrDefault(2), Option("--seconds", 5));
            return 0;
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
}
catch (UserFaultException fault)
{
    Console.Error.WriteLine(fault.Message);
    return (int)fault.Kind;
}

int Option(string name, int otherwise) => Text(name) is { } text ? Integer(text) : otherwise;

string? Text(string name) => Array.IndexOf(args, name) is > 0 and int at ? args[at + 1] : null;

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
