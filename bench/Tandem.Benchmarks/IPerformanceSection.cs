using System.Text;

namespace Tandem.Benchmarks;

/// <summary>
/// What one command measured: a section of docs/performance.md. Its public properties are its numbers in
/// docs/performance/&lt;processor&gt;.json; what only describes it is implemented explicitly and stays out of that file.
/// </summary>
internal interface IPerformanceSection
{
    /// <summary>Where and when it was measured.</summary>
    Machine Machine { get; }

    /// <summary>The section's heading.</summary>
    string Title { get; }

    /// <summary>The command and arguments that measure it.</summary>
    string Command { get; }

    /// <summary>Writes what stands below the command, as Markdown that ends with a line break.</summary>
    void AppendBody(StringBuilder text);
}
