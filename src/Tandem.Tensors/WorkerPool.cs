using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Tandem.Tensors;

/// <summary>
/// Persistent threads that run the chunks of one operation at a time; the calling thread takes part. Which thread runs
/// which chunk is not determined, so results are independent of the number of threads exactly when chunks write to
/// disjoint places and each chunk's work depends on its index alone.
/// </summary>
/// <remarks>
/// Idle threads spin for <see cref="SpinMicroseconds"/> and then sleep, so that back-to-back operations start within
/// about a microsecond and an idle pool costs nothing. Chunks are claimed one by one: a thread that the operating
/// system has suspended delays the operation by the chunk it holds and by nothing else.
/// </remarks>
public sealed unsafe class WorkerPool : IDisposable
{
    /// <summary>How long an idle thread waits for the next operation before it sleeps.</summary>
    internal const double SpinMicroseconds = 60;

    private readonly Thread[] _workers;
    private readonly object _gate = new();
    private SharedState _shared;
    private delegate*<void*, int, void> _body;
    private void* _state;
    private int _chunks;
    private int _running;
    private Exception? _fault;
    private volatile bool _disposed;

    /// <summary>Starts <paramref name="threads"/> − 1 threads; the thread that calls <see cref="Run"/> is the other one.</summary>
    /// <param name="threads">The number of threads that take part, at least 1. With 1, <see cref="Run"/> is a plain loop.</param>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Thread(Work) { IsBackground = true, Name = $"tandem-worker-{i + 1}" };
            _workers[i].Start();
        }
    }

    /// <summary>The number of threads that take part, the calling one included.</summary>
    public int Threads { get; }

    /// <summary>
    /// Calls <paramref name="body"/> once for each chunk index in [0, <paramref name="chunks"/>), on all threads, and
    /// returns when every call has returned. Allocates nothing.
    /// </summary>
    /// <param name="chunks">The number of chunks; 0 does nothing.</param>
    /// <param name="body">Receives <paramref name="state"/> and the chunk index.</param>
    /// <param name="state">Passed through.</param>
    /// <exception cref="InvalidOperationException">The pool is in use: by another thread, or by a chunk of the same operation.</exception>
    /// <exception cref="ObjectDisposedException">The pool was disposed.</exception>
    public void Run(int chunks, delegate*<void*, int, void> body, void* state)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(chunks);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Interlocked.Exchange(ref _running, 1) != 0)
            throw new InvalidOperationException("The worker pool is already running an operation; operations do not nest.");
        try
        {
            if (chunks <= 1 || _workers.Length == 0)
            {
                for (int chunk = 0; chunk < chunks; chunk++)
                    body(state, chunk);
            }
            else
            {
                Dispatch(chunks, body, state);
            }
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        lock (_gate)
        {
            _disposed = true;
            Monitor.PulseAll(_gate);
        }

        foreach (Thread worker in _workers)
            worker.Join();
    }

    private void Dispatch(int chunks, delegate*<void*, int, void> body, void* state)
    {
        _body = body;
        _state = state;
        _chunks = chunks;
        Volatile.Write(ref _shared.Finished, 0);
        uint generation = (uint)(_shared.Claim >> 32) + 1;

        // Publishes the three fields above; full fence before the sleepers are counted.
        Interlocked.Exchange(ref _shared.Claim, ((ulong)generation << 32) | (uint)chunks);
        if (Volatile.Read(ref _shared.Sleeping) > 0)
        {
            lock (_gate)
                Monitor.PulseAll(_gate);
        }

        RunClaimed();
        if (Volatile.Read(ref _shared.Finished) != chunks)
            AwaitChunks(chunks);
        if (_fault is not null)
        {
            Exception fault = _fault;
            _fault = null;
            ExceptionDispatchInfo.Throw(fault);
        }
    }

    // The claim word holds the operation's number and how many chunks are unclaimed. With none left nothing can be
    // claimed, so a late thread never enters an operation that is over while the next one is being written.
    private void RunClaimed()
    {
        while (true)
        {
            ulong claim = Volatile.Read(ref _shared.Claim);
            uint left = (uint)claim;
            if (left == 0)
                return;
            if (Interlocked.CompareExchange(ref _shared.Claim, claim - 1, claim) != claim)
                continue;
            int chunks = _chunks;
            try
            {
                _body(_state, chunks - (int)left);
            }
            catch (Exception fault)
            {
                Interlocked.CompareExchange(ref _fault, fault, null);
            }

            if (Interlocked.Increment(ref _shared.Finished) == chunks && Volatile.Read(ref _shared.CallerSleeping) != 0)
            {
                lock (_gate)
                    Monitor.PulseAll(_gate);
            }
        }
    }

    private void AwaitChunks(int chunks)
    {
        if (SpinUntilFinished(chunks))
            return;
        lock (_gate)
        {
            Interlocked.Exchange(ref _shared.CallerSleeping, 1);
            while (Volatile.Read(ref _shared.Finished) != chunks)
                Monitor.Wait(_gate);
            Volatile.Write(ref _shared.CallerSleeping, 0);
        }
    }

    private bool SpinUntilFinished(int chunks)
    {
        long deadline = 0;
        for (int spin = 0; ; spin++)
        {
            if (Volatile.Read(ref _shared.Finished) == chunks)
                return true;
            Thread.SpinWait(8);
            if ((spin & 15) == 15 && IsPast(ref deadline))
                return false;
        }
    }

    private void Work()
    {
        while (!_disposed)
        {
            if ((uint)Volatile.Read(ref _shared.Claim) != 0)
                RunClaimed();
            else
                AwaitOperation();
        }
    }

    private void AwaitOperation()
    {
        long deadline = 0;
        for (int spin = 0; ; spin++)
        {
            if ((uint)Volatile.Read(ref _shared.Claim) != 0 || _disposed)
                return;
            Thread.SpinWait(8);
            if ((spin & 15) == 15 && IsPast(ref deadline))
                break;
        }

        lock (_gate)
        {
            Interlocked.Increment(ref _shared.Sleeping);
            while ((uint)Volatile.Read(ref _shared.Claim) == 0 && !_disposed)
                Monitor.Wait(_gate);
            Interlocked.Decrement(ref _shared.Sleeping);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsPast(ref long deadline)
    {
        long now = Stopwatch.GetTimestamp();
        if (deadline == 0)
            deadline = now + (long)(SpinMicroseconds * Stopwatch.Frequency / 1e6);
        return now >= deadline;
    }

    // Each word on its own pair of cache lines: the claim is written by all threads while others poll the rest.
    [StructLayout(LayoutKind.Explicit, Size = 640)]
    private struct SharedState
    {
        [FieldOffset(128)]
        public ulong Claim;

        [FieldOffset(256)]
        public int Finished;

        [FieldOffset(384)]
        public int Sleeping;

        [FieldOffset(512)]
        public int CallerSleeping;
    }
}
