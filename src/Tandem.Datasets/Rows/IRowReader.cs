namespace Tandem.Datasets;

/// <summary>Reads rows from one kind of file as a stream: memory holds one row at a time, whatever the file's length.</summary>
public interface IRowReader
{
    /// <summary>The rows in the file's order.</summary>
    /// <param name="stream">The file's bytes, uncompressed. It is read once, from where it stands, and not disposed.</param>
    /// <param name="file">The file's name, for messages.</param>
    /// <exception cref="Tandem.Tensors.UserFaultException">The file is malformed; the message says in which line.</exception>
    IEnumerable<DataRow> Read(Stream stream, string file);
}
