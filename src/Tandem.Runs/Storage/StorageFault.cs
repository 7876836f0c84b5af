using Microsoft.Data.Sqlite;
using Tandem.Tensors;

namespace Tandem.Runs;

/// <summary>Turns errors of the file system and of SQLite into faults that say what to do.</summary>
internal static class StorageFault
{
    private const int NoSpaceLeft = 28;
    private const int QuotaExceeded = 122;
    private const int FileTooLarge = 27;
    private const int WindowsDiskFull = unchecked((int)0x80070070);

    private const int SqliteReadOnly = 8;
    private const int SqliteInputOutput = 10;
    private const int SqliteCorrupt = 11;
    private const int SqliteFull = 13;
    private const int SqliteCannotOpen = 14;
    private const int SqliteNotADatabase = 26;

    /// <summary>The fault that an exception at a path amounts to, or null when it is not one of storage.</summary>
    public static UserFaultException? Describe(Exception exception, string path)
    {
        if (exception is UserFaultException)
            return null;
        if (IsFull(exception))
        {
            return new UserFaultException(
                $"{path}: the disk is full ({exception.Message.TrimEnd('.')}).",
                "Free space and run the same command again: it resumes.", FaultKind.Failure, exception);
        }

        return exception switch
        {
            UnauthorizedAccessException => Unwritable(path, exception),
            SqliteException { SqliteErrorCode: SqliteReadOnly or SqliteCannotOpen or SqliteInputOutput } => Unwritable(path, exception),
            IOException => Unwritable(path, exception),
            _ => null,
        };
    }

    /// <summary>Whether the error says that the disk or the quota is used up.</summary>
    public static bool IsFull(Exception exception) => exception switch
    {
        IOException io => io.HResult is NoSpaceLeft or QuotaExceeded or FileTooLarge or WindowsDiskFull,
        SqliteException { SqliteErrorCode: SqliteFull } => true,
        _ => false,
    };

    /// <summary>Whether SQLite says that the file is not a ledger that can be used.</summary>
    public static bool IsCorrupt(SqliteException exception) =>
        exception.SqliteErrorCode is SqliteCorrupt or SqliteNotADatabase;

    private static UserFaultException Unwritable(string path, Exception exception) =>
        new($"{path}: cannot be written ({exception.Message.TrimEnd('.')}).",
            "Check the path and its permissions, or choose another --out.", FaultKind.Failure, exception);
}
