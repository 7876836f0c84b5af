namespace Tandem.Runs.Tests;

/// <summary>Stands for the death of the process.</summary>
public sealed class SimulatedCrashException : Exception;

/// <summary>
/// Lets a number of durable operations happen, then stops at the next one, and refuses all that follow: a dead process
/// writes nothing more.
/// </summary>
internal sealed class FaultPlan
{
    private int _left;

    public FaultPlan(int operationsBeforeCrash)
    {
        _left = operationsBeforeCrash;
        Operations = new DurableOperations(Before);
    }

    public DurableOperations Operations { get; }

    public List<string> Seen { get; } = [];

    public void Before(string operation)
    {
        if (_left <= 0)
            throw new SimulatedCrashException();
        _left--;
        Seen.Add(operation);
    }
}
