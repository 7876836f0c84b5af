namespace Tandem.Endpoints;

/// <summary>Ends a text before the first of some stop strings. Text that may be the beginning of one is held back.</summary>
internal sealed class StopText(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>Whether a stop string came; nothing follows it.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Adds text; returns what is certain to stay.</summary>
    public string Add(string text)
    {
        if (Stopped)
            return "";
        string all = _held + text;
        int first = -1;
        foreach (string stop in stops)
        {
            int at = all.IndexOf(stop, StringComparison.Ordinal);
            if (at >= 0 && (first < 0 || at < first))
                first = at;
        }

        if (first >= 0)
        {
            (Stopped, _held) = (true, "");
            return all[..first];
        }

        int kept = stops.Count == 0 ? 0 : stops.Max(stop => Beginning(all, stop));
        _held = all[^kept..];
        return all[..^kept];
    }

    /// <summary>What was held back, now that nothing more comes.</summary>
    public string Finish()
    {
        string rest = _held;
        _held = "";
        return rest;
    }

    /// <summary>How long the end of a text is that a stop string begins with.</summary>
    private static int Beginning(string text, string stop)
    {
        for (int length = Math.Min(text.Length, stop.Length - 1); length > 0; length--)
        {
            if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
                return length;
        }

        return 0;
    }
}
