namespace Tandem.Tensors;

/// <summary>
/// A fault that the user can fix: a bad configuration, a corrupt file, a full disk, a diverging loss.
/// The message is one line that says what is wrong, where, and the remedy. The command line prints it without a stack trace.
/// </summary>
public sealed class UserFaultException : Exception
{
    /// <summary>Creates a fault.</summary>
    /// <param name="message">What is wrong and where: the value found and the range or names allowed.</param>
    /// <param name="remedy">What the user does about it, as an instruction.</param>
    /// <param name="kind">Decides the exit code.</param>
    /// <param name="inner">The underlying error, if any.</param>
    public UserFaultException(string message, string remedy, FaultKind kind = FaultKind.Failure, Exception? inner = null)
        : base($"{message} {remedy}", inner)
    {
        Remedy = remedy;
        Kind = kind;
    }

    /// <summary>What the user does about it.</summary>
    public string Remedy { get; }

    /// <summary>Whether the request was wrong, or its execution failed.</summary>
    public FaultKind Kind { get; }
}

/// <summary>The class of a <see cref="UserFaultException"/>.</summary>
public enum FaultKind
{
    /// <summary>Execution failed: disk, checkpoint, divergence. Exit code 1.</summary>
    Failure = 1,

    /// <summary>The command line or the configuration is wrong. Exit code 2.</summary>
    Usage = 2,
}
