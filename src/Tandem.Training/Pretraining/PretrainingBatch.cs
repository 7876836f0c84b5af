using System.Runtime.InteropServices;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Optimization;

namespace Tandem.Training.Pretraining;

/// <summary>
/// A batch of rows of a corpus, drawn in parallel, and its parts packed for a model. Row i of a run is drawn from the
/// stream forked by i, so that the rows are the same for any number of threads and after a resume.
/// </summary>
internal sealed unsafe class PretrainingBatch : IDisposable
{
    private readonly IPretrainingCorpus _corpus;
    private readonly PretrainingRow[] _rows;
    private readonly RandomStream[] _streams;
    private readonly int[] _targets;
    private readonly float[] _weights;
    private GCHandle _self;
    private RandomStream? _random;
    private string _name = "";
    private long _first;
    private CurriculumStage _stage;

    public PretrainingBatch(IPretrainingCorpus corpus, int rows, int length)
    {
        _corpus = corpus;
        _rows = new PretrainingRow[rows];
        for (int i = 0; i < rows; i++)
            _rows[i] = new PretrainingRow(length);
        _streams = [.. _rows.Select(_ => new RandomStream(0))];
        _targets = new int[rows * length];
        _weights = new float[rows * length];
        _self = GCHandle.Alloc(this);
    }

    /// <summary>The packed tokens of the part last packed.</summary>
    public TokenBatch Tokens { get; } = new();

    /// <summary>For each packed token the one after it.</summary>
    public ReadOnlySpan<int> Targets => _targets.AsSpan(0, Tokens.Count);

    /// <summary>For each packed token the loss weight of the one after it.</summary>
    public ReadOnlySpan<float> Weights => _weights.AsSpan(0, Tokens.Count);

    /// <summary>The sum of the loss weights over the whole batch.</summary>
    public double TotalWeight { get; private set; }

    /// <summary>Draws rows first, first + 1, … of a stage.</summary>
    public void Draw(RandomStream random, string name, long first, CurriculumStage stage, WorkerPool pool)
    {
        (_random, _name, _first, _stage) = (random, name, first, stage);
        pool.Run(_rows.Length, &DrawRow, (void*)GCHandle.ToIntPtr(_self));
        double total = 0;
        foreach (PretrainingRow row in _rows)
        {
            for (int t = 1; t <= row.Length; t++)
                total += row.Weights[t];
        }

        TotalWeight = total;
    }

    /// <summary>Packs rows start … start + count − 1 of the batch.</summary>
    public void Pack(int start, int count)
    {
        Tokens.Clear();
        int packed = 0;
        for (int i = start; i < start + count; i++)
        {
            PretrainingRow row = _rows[i];
            Tokens.Add(row.Tokens.AsSpan(0, row.Length));
            row.Tokens.AsSpan(1).CopyTo(_targets.AsSpan(packed));
            row.Weights.AsSpan(1).CopyTo(_weights.AsSpan(packed));
            packed += row.Length;
        }
    }

    /// <summary>Counts right and all first-asked answers by kind among the rows last packed from <paramref name="start"/>.</summary>
    /// <param name="logits">[N, V], for the packed tokens.</param>
    /// <param name="start">The first row of the part.</param>
    /// <param name="count">The rows of the part.</param>
    /// <param name="right">By kind; added to.</param>
    /// <param name="asked">By kind; added to.</param>
    public void CountAnswers(Tensor logits, int start, int count, Span<long> right, Span<long> asked)
    {
        int packed = 0;
        for (int i = start; i < start + count; i++)
        {
            PretrainingRow row = _rows[i];
            for (int t = 1; t <= row.Length; t++, packed++)
            {
                int kind = row.AnswerKinds[t];
                if (kind == 0 || !row.FirstAsked[t])
                    continue;
                asked[kind]++;
                if (FlatVector.IndexOfMaximum(logits.Row(packed)) == row.Tokens[t])
                    right[kind]++;
            }
        }
    }

    /// <summary>Kind and token of the first-asked answers of the first <paramref name="count"/> rows.</summary>
    public IEnumerable<(int Kind, int Token)> FirstAsked(int count) =>
        from row in _rows.Take(count)
        from t in Enumerable.Range(1, row.Length)
        where row.AnswerKinds[t] != 0 && row.FirstAsked[t]
        select ((int)row.AnswerKinds[t], row.Tokens[t]);

    public void Dispose()
    {
        if (_self.IsAllocated)
            _self.Free();
    }

    private static void DrawRow(void* state, int index)
    {
        var batch = (PretrainingBatch)GCHandle.FromIntPtr((nint)state).Target!;
        RandomStream random = batch._streams[index];
        random.BecomeFork(batch._random!, batch._name, (ulong)(batch._first + index));
        batch._corpus.Next(random, batch._stage, batch._rows[index]);
    }
}
