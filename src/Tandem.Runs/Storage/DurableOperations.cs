namespace Tandem.Runs;

/// <summary>
/// Announces each operation that changes the run directory just before it happens. Tests throw from here to stop a run
/// at every such boundary, as a crash would.
/// </summary>
internal sealed class DurableOperations(Action<string>? before)
{
    public static readonly DurableOperations Unobserved = new(null);

    public void Before(string operation) => before?.Invoke(operation);
}
