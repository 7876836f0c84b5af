namespace Tandem.Datasets.Hub;

/// <summary>Is told how far a download is. Calls come from several threads at once.</summary>
public interface IPullObserver
{
    /// <summary>The files are known.</summary>
    /// <param name="files">How many files are wanted.</param>
    /// <param name="totalBytes">Their length; 0 if it is not known.</param>
    /// <param name="presentBytes">How much of it is there already.</param>
    void Planned(int files, long totalBytes, long presentBytes);

    /// <summary>A file has come so far.</summary>
    /// <param name="file">Its name.</param>
    /// <param name="done">The bytes, or rows, that are there.</param>
    /// <param name="total">All of them; 0 if it is not known.</param>
    void Advanced(string file, long done, long total);

    /// <summary>A file is complete and verified.</summary>
    /// <param name="file">Its name.</param>
    /// <param name="bytes">Its length.</param>
    /// <param name="wasPresent">Whether it was in the cache before.</param>
    void Completed(string file, long bytes, bool wasPresent);

    /// <summary>Something worth a line: a retry, a wait.</summary>
    void Note(string text);
}

/// <summary>Tells nobody.</summary>
internal sealed class SilentObserver : IPullObserver
{
    public static readonly SilentObserver Instance = new();

    public void Planned(int files, long totalBytes, long presentBytes)
    {
    }

    public void Advanced(string file, long done, long total)
    {
    }

    public void Completed(string file, long bytes, bool wasPresent)
    {
    }

    public void Note(string text)
    {
    }
}
