using System.Globalization;
using System.Text.Json;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training;
using Tandem.Training.FineTuning;

namespace Tandem.Benchmarks;

/// <summary>bench/budget.json: the managed bytes that may be allocated once memory has grown to what the work needs.</summary>
/// <param name="TrainingStep">By a step of the 1M model: forward, loss, backward, AdamW.</param>
/// <param name="FineTuningStep">By a step of fine-tuning on options.</param>
/// <param name="DecodedToken">By a decoded token of one sequence.</param>
/// <param name="BatchedDecodedToken">By a decoding step of several sequences.</param>
internal sealed record AllocationBudget(long TrainingStep, long FineTuningStep, long DecodedToken, long BatchedDecodedToken)
{
    private static readonly JsonSerializerOptions s_json = new() { RespectRequiredConstructorParameters = true };

    /// <summary>Reads the budget.</summary>
    /// <exception cref="UserFaultException">The file is missing, or is not a whole budget.</exception>
    public static AllocationBudget Read(string repository)
    {
        string file = Path.Combine(repository, "bench", "budget.json");
        try
        {
            return JsonSerializer.Deserialize<AllocationBudget>(File.ReadAllText(file), s_json)
                ?? throw new JsonException("it holds null");
        }
        catch (Exception exception) when (exception is IOException or JsonException)
        {
            throw new UserFaultException($"{file} cannot be read: {exception.Message.TrimEnd('.')}.", "Restore it from version control.", inner: exception);
        }
    }
}

/// <summary>What a piece of work allocated in managed memory, and what it may.</summary>
/// <param name="Work">The work, in words.</param>
/// <param name="Bytes">Bytes each time, on all threads.</param>
/// <param name="Allowed">The budget's number.</param>
internal sealed record Allocation(string Work, double Bytes, long Allowed)
{
    // A runtime that compiles a method again may allocate once; what the work itself allocates, it allocates in each round.
    private const int Rounds = 3;

    /// <summary>The bytes of one call, on all threads: the least of some rounds of calls.</summary>
    public static double Of(Action action, int calls)
    {
        long least = long.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < calls; i++)
                action();
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        return (double)least / calls;
    }

    /// <summary>The bytes of a step of <see cref="OptionFineTuning"/>, all examples of one shape.</summary>
    public static double OfFineTuningStep(int threads)
    {
        const int items = 16, length = 64, options = 4;
        using var model = new Transformer(TrainingStep.OneMillion with { ScoreHeads = 1 });
        model.Initialize(new RandomStream(1));
        using var pool = new WorkerPool(threads);
        var observer = new AllocationObserver();
        int[] tokens = TrainingStep.DrawTokens(1, length - 1, model.Configuration.VocabularySize);
        var example = new OptionExample(tokens, [.. Enumerable.Range(length - options, options)]) { Choice = [1, 0, 0, 0] };
        OptionFineTuning.Run(
            model, [.. Enumerable.Repeat(example, items * AllocationObserver.Steps)], new OptionFineTuningConfiguration { BatchItems = items },
            pool, observer, CancellationToken.None);
        return observer.Bytes;
    }

    /// <summary>Says what is over the budget; the exit code.</summary>
    public static int Check(IEnumerable<Allocation> allocations)
    {
        int code = 0;
        foreach (Allocation over in allocations.Where(a => a.Bytes > a.Allowed))
        {
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"Over the budget: {over.Work} allocates {over.Bytes:F0} managed bytes, and bench/budget.json allows {over.Allowed}. Make it reuse its memory, or raise the budget and say why."));
            code = 1;
        }

        return code;
    }

    // The least of some rounds of steps after the first ones, like Of.
    private sealed class AllocationObserver : ITrainingObserver
    {
        private const int Calls = 4;
        private long _before = -1;
        private long _least = long.MaxValue;

        /// <summary>One round that is not counted, the others, and a last step, which does more than a step.</summary>
        public static int Steps => (Calls * (Rounds + 1)) + 1;

        public double Bytes => (double)_least / Calls;

        public void OnStep(in Training.TrainingStep step)
        {
            if (step.Step % Calls != 0)
                return;
            long now = GC.GetTotalAllocatedBytes(precise: true);
            if (_before >= 0)
                _least = Math.Min(_least, now - _before);
            _before = now;
        }
    }
}
