using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tandem.Benchmarks.Kernels;

namespace Tandem.Benchmarks;

/// <summary>docs/performance.json, and docs/performance.md made from it; each command replaces its own section.</summary>
internal static class PerformanceReport
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    // The name in the .json file and the type of each section, in the order of the .md file.
    private static readonly (string Name, Type Type)[] s_sections =
    [
        ("Step", typeof(StepReport)),
        ("FineTune", typeof(FineTuneReport)),
        ("Options", typeof(OptionReport)),
        ("Generate", typeof(GenerateReport)),
        ("Decode", typeof(DecodeReport)),
        ("Adapters", typeof(AdapterReport)),
        ("Tokenize", typeof(TokenizeReport)),
        ("Gemm", typeof(GemmReport)),
        ("Kernels", typeof(KernelReport)),
    ];

    /// <summary>Replaces a section, if one is given, and writes both files.</summary>
    public static void Update(string repository, IPerformanceSection? section)
    {
        string docs = Directory.CreateDirectory(Path.Combine(repository, "docs")).FullName;
        string file = Path.Combine(docs, "performance.json");
        JsonObject old = File.Exists(file) ? JsonNode.Parse(File.ReadAllText(file))!.AsObject() : [];
        var sections = new JsonObject();
        var text = new StringBuilder();
        text.AppendLine("# Speed");
        text.AppendLine();
        text.AppendLine("Each section is written by its command, which measures everything in it in one run on one machine; the numbers in full are in `performance.json`. The PyTorch is the one that the operating system packages (`bench/peers/setup.sh` installs it); a current build with another BLAS was not measured.");
        foreach (var (name, type) in s_sections)
        {
            IPerformanceSection? current = type == section?.GetType() ? section : (IPerformanceSection?)old[name].Deserialize(type);
            if (current is null)
                continue;
            sections[name] = JsonSerializer.SerializeToNode(current, type);
            Append(text, current);
        }

        File.WriteAllText(file, sections.ToJsonString(s_json) + "\n");
        File.WriteAllText(Path.Combine(docs, "performance.md"), text.ToString());
        Console.WriteLine($"Written: {docs}/performance.md and performance.json");
    }

    private static void Append(StringBuilder text, IPerformanceSection section)
    {
        text.AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"## {section.Title}");
        text.AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"    dotnet run -c Release --project bench/Tandem.Benchmarks -- {section.Command}");
        text.AppendLine();
        section.AppendBody(text);
    }
}
