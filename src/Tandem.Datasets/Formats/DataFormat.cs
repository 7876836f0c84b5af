namespace Tandem.Datasets;

/// <summary>A layout of rows by name.</summary>
public sealed class DataFormat
{
    internal DataFormat(string name, string description, Type recordType, IDataFormat reader, Func<DataRow, bool>? recognizes, bool general = false)
    {
        (Name, Description, RecordType, Reader, Recognizes, General) = (name, description, recordType, reader, recognizes, general);
    }

    /// <summary>The name that <c>--format</c> takes.</summary>
    public string Name { get; }

    /// <summary>The fields, in one line.</summary>
    public string Description { get; }

    /// <summary>The type of the records.</summary>
    public Type RecordType { get; }

    /// <summary>Makes records of rows.</summary>
    public IDataFormat Reader { get; }

    /// <summary>Whether this is a layout that many sets share, to which that of a particular set is preferred.</summary>
    internal bool General { get; }

    /// <summary>Whether a row has this layout; null for one that is never chosen without being named.</summary>
    internal Func<DataRow, bool>? Recognizes { get; }
}
