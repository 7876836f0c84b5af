using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tandem.Benchmarks.Kernels;

namespace Tandem.Benchmarks;

/// <summary>docs/performance/&lt;processor&gt;.json, and docs/performance.md made from all of them; each command replaces its own section.</summary>
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

    /// <summary>Replaces a section of its machine's file, if one is given, and writes the text of all files.</summary>
    public static void Update(string repository, IPerformanceSection? section)
    {
        string text = Path.Combine(repository, "docs", "performance.md"), folder = Directory.CreateDirectory(Path.Combine(repository, "docs", "performance")).FullName;
        if (section is not null)
            Replace(Path.Combine(folder, section.Machine.FileName), section);
        File.WriteAllText(text, Text(folder));
        Console.WriteLine($"Written: {text}{(section is null ? "" : $" and performance/{section.Machine.FileName}")}");
    }

    private static void Replace(string file, IPerformanceSection section)
    {
        JsonObject old = Read(file), sections = [];
        foreach (var (name, type) in s_sections)
        {
            if (type == section.GetType())
                sections[name] = JsonSerializer.SerializeToNode(section, type);
            else if (old[name] is { } same)
                sections[name] = same.DeepClone();
        }

        File.WriteAllText(file, sections.ToJsonString(s_json) + "\n");
    }

    private static JsonObject Read(string file) => File.Exists(file) ? JsonNode.Parse(File.ReadAllText(file))!.AsObject() : [];

    private static string Text(string folder)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        var text = new StringBuilder();
        text.AppendLine("# Speed");
        text.AppendLine();
        text.AppendLine("Each section is written by its command, which measures everything in it in one run on one machine; the numbers in full are in a file for each processor. The PyTorch is the one that the operating system packages (`bench/peers/setup.sh` installs it); a current build with another BLAS was not measured.");
        foreach (string file in Directory.GetFiles(folder, "*.json").Order(StringComparer.Ordinal))
        {
            JsonObject read = Read(file);
            IPerformanceSection[] sections =
            [
                .. s_sections.Select(section => (IPerformanceSection?)read[section.Name].Deserialize(section.Type)).OfType<IPerformanceSection>(),
            ];
            if (sections.Length == 0)
                continue;
            text.AppendLine();
            text.AppendLine(culture, $"# {sections[0].Machine.Hardware}");
            text.AppendLine();
            text.AppendLine(culture, $"[The numbers in full](performance/{Path.GetFileName(file)}).");
            foreach (IPerformanceSection section in sections)
                Append(text, section);
        }

        return text.ToString();
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
