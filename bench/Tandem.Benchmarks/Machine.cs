using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>Where and when something was measured.</summary>
internal sealed record Machine(string Processor, int Cores, string VectorPath, string Runtime, string? PyTorch, string Date)
{
    /// <summary>This machine, today.</summary>
    public static Machine This(string? pyTorch) => new(
        ProcessorName(), Environment.ProcessorCount, InstructionSet.Active.ToString(), RuntimeInformation.FrameworkDescription, pyTorch,
        DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));

    /// <summary>What it was compared with.</summary>
    [JsonIgnore]
    public string Peer => PyTorch is null ? "No peer was installed" : $"Peer: PyTorch {PyTorch}";

    /// <summary>What is the same of all that this machine measures.</summary>
    [JsonIgnore]
    public string Hardware => $"{Processor}, {Cores} cores, {VectorPath}";

    /// <summary>The hardware as a file's name.</summary>
    [JsonIgnore]
    public string FileName => string.Join('-', Hardware.ToLowerInvariant().Split([' ', ',', '/', '(', ')', '@', '\\', ':'], StringSplitOptions.RemoveEmptyEntries)) + ".json";

    public override string ToString() =>
        $"{Processor}, {Cores} cores; vector path {VectorPath}; {Runtime}; {Date}";

    private static string ProcessorName()
    {
        const string file = "/proc/cpuinfo";
        string? line = File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }
}
