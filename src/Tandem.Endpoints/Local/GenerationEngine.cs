using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Endpoints;

/// <summary>
/// Continues prompts that come at any time, several together: whoever waits enters a free slot, and prompts and single tokens
/// share the passes of one <see cref="CachedDecoder"/>. What a request gets depends on itself alone, whatever runs beside it.
/// </summary>
/// <remarks>One thread of its own runs the model.</remarks>
internal sealed unsafe class GenerationEngine : IDisposable
{
    // Logits of a prompt are computed for so many rows at a time.
    private const int ScoredRows = 64;

    private readonly Transformer _model;
    private readonly CachedDecoder _decoder;
    private readonly Tape _tape;
    private readonly TokenBatch _batch = new();
    private readonly Generation?[] _slots;
    private readonly int[] _sequences; // the slot of each packed sequence
    private readonly Queue<Generation> _waiting = new();
    private readonly int _queueLimit;
    private readonly Thread _thread;
    private int _running;
    private long _steps;
    private bool _stopping;

    /// <summary>Starts the engine.</summary>
    /// <param name="model">A model with a language head.</param>
    /// <param name="pool">Threads that nothing else uses.</param>
    /// <param name="slots">How many prompts are continued at once.</param>
    /// <param name="context">The longest sequence, prompt included, in tokens.</param>
    /// <param name="queueLimit">How many requests may wait for a slot.</param>
    public GenerationEngine(Transformer model, WorkerPool pool, int slots, int context, int queueLimit)
    {
        (_model, _queueLimit, Context) = (model, queueLimit, context);
        _decoder = new CachedDecoder(model, pool, slots, context);
        _tape = new Tape(pool);
        _slots = new Generation?[slots];
        _sequences = new int[slots];
        _thread = new Thread(Run) { IsBackground = true, Name = "generation" };
        _thread.Start();
    }

    /// <summary>The longest sequence, prompt included, in tokens.</summary>
    public int Context { get; }

    /// <summary>How many requests have a slot.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>How many passes the model has made.</summary>
    public long Steps => Interlocked.Read(ref _steps);

    /// <summary>How many requests wait for one.</summary>
    public int Waiting
    {
        get
        {
            lock (_waiting)
                return _waiting.Count;
        }
    }

    /// <summary>Starts requests that belong together, all or none.</summary>
    /// <param name="requests">Prompts shorter than the context.</param>
    /// <param name="cancellation">Ends them.</param>
    /// <exception cref="QueueFullException">They would have to wait behind too many others.</exception>
    public Generation[] Start(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellation)
    {
        foreach (GenerationRequest request in requests)
        {
            if (request.Prompt.Length == 0 || request.Prompt.Length + request.MaximumNewTokens > Context)
                throw new ArgumentException($"{request.Prompt.Length} + {request.MaximumNewTokens} tokens; allowed: 1 to {Context}.", nameof(requests));
        }

        Generation[] generations = [.. requests.Select(request => new Generation(request, cancellation))];
        lock (_waiting)
        {
            ObjectDisposedException.ThrowIf(_stopping, this);
            int free = _slots.Length - _running;
            if (_waiting.Count + generations.Length > free + _queueLimit)
                throw new QueueFullException(_waiting.Count);
            foreach (Generation generation in generations)
                _waiting.Enqueue(generation);
            Monitor.Pulse(_waiting);
        }

        return generations;
    }

    /// <summary>Ends the thread; requests under way end as cancelled.</summary>
    public void Dispose()
    {
        lock (_waiting)
        {
            if (_stopping)
                return;
            _stopping = true;
            Monitor.Pulse(_waiting);
        }

        _thread.Join();
        _decoder.Dispose();
        _tape.Dispose();
    }

    private void Run()
    {
        while (Admit())
        {
            try
            {
                Step();
            }
            catch (Exception error)
            {
                // A fault of the pass is everyone's who took part; the next ones get a fresh start.
                for (int slot = 0; slot < _slots.Length; slot++)
                    Free(slot, error);
            }
        }

        for (int slot = 0; slot < _slots.Length; slot++)
            Free(slot, new OperationCanceledException("The engine is being stopped."));
        foreach (Generation generation in _waiting)
            generation.End(new OperationCanceledException("The engine is being stopped."));
    }

    /// <summary>Frees the slots of those who left and fills free slots; waits while there is nothing to do. False when the engine stops.</summary>
    private bool Admit()
    {
        for (int slot = 0; slot < _slots.Length; slot++)
        {
            if (_slots[slot] is { IsCancelled: true })
                Free(slot);
        }

        lock (_waiting)
        {
            while (!_stopping && _waiting.Count == 0 && _running == 0)
                Monitor.Wait(_waiting);
            if (_stopping)
                return false;
            for (int slot = 0; slot < _slots.Length && _waiting.Count > 0; slot++)
            {
                while (_slots[slot] is null && _waiting.TryDequeue(out Generation? next))
                {
                    if (next.IsCancelled)
                    {
                        next.End();
                        continue;
                    }

                    _slots[slot] = next;
                    _running++;
                    _decoder.Cache.Truncate(slot, 0);
                }
            }
        }

        return true;
    }

    private void Step()
    {
        _batch.Clear();
        for (int slot = 0; slot < _slots.Length; slot++)
        {
            if (_slots[slot] is not { } generation)
                continue;
            if (generation.Count == 0)
            {
                if (generation.Request.ScoresPrompt)
                    generation.SetPrompt(ScorePrompt(generation.Request));
                if (generation.Request.MaximumNewTokens == 0)
                {
                    Free(slot);
                    continue;
                }
            }

            _sequences[_batch.Sequences] = slot;
            if (generation.Count == 0)
                _batch.Add(generation.Request.Prompt);
            else
                _batch.Add([generation.LastToken]);
        }

        if (_batch.Sequences == 0)
            return;
        Interlocked.Increment(ref _steps);
        Tensor logits = _decoder.Append(_sequences.AsSpan(0, _batch.Sequences), _batch); // [sequences, V]
        for (int row = 0; row < logits.Rows; row++)
        {
            int slot = _sequences[row];
            Generation generation = _slots[slot]!;
            try
            {
                if (!generation.Add(Choose(generation.Request, logits.Row(row))))
                    Free(slot);
            }
            catch (UserFaultException fault)
            {
                Free(slot, fault);
            }
        }
    }

    private static GeneratedToken Choose(GenerationRequest request, ReadOnlySpan<float> logits)
    {
        int token = request.Sampler.Next(logits, request.Random);
        return request.Candidates is { } candidates ? LogitReader.Read(logits, token, candidates) : new GeneratedToken(token, double.NaN, []);
    }

    private GeneratedToken[] ScorePrompt(GenerationRequest request)
    {
        int[] prompt = request.Prompt;
        var batch = new TokenBatch();
        batch.Add(prompt);
        _tape.Begin(recording: false);
        Tensor hidden = _model.Hidden(_tape, batch); // [N, C]
        int width = hidden.Columns;

        // Copied, so that the tape can start anew with each block of logits.
        float[] rows = hidden.Values.ToArray();
        var scores = new GeneratedToken[prompt.Length];
        scores[0] = new GeneratedToken(prompt[0], double.NaN, []);
        fixed (float* data = rows)
        {
            for (int start = 0; start < prompt.Length - 1; start += ScoredRows)
            {
                int count = Math.Min(ScoredRows, prompt.Length - 1 - start);
                _tape.Begin(recording: false);
                Tensor logits = _model.Logits(_tape, new Tensor(data + ((long)start * width), null, count, width)); // [count, V]
                for (int row = 0; row < count; row++)
                    scores[start + row + 1] = LogitReader.Read(logits.Row(row), prompt[start + row + 1], request.Candidates ?? 0);
            }
        }

        return scores;
    }

    private void Free(int slot, Exception? fault = null)
    {
        if (_slots[slot] is not { } generation)
            return;
        _slots[slot] = null;
        lock (_waiting)
            _running--;
        generation.End(fault);
    }
}
