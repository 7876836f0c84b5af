using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Tandem.Tensors;
using Xunit.Abstractions;

namespace Tandem.Language.Tests;

/// <summary>Runs alone, for it measures memory.</summary>
[CollectionDefinition("memory", DisableParallelization = true)]
public sealed class MemoryCollection;

/// <summary>Files that were damaged or made to do harm: a fault that the user can read, or a model; nothing else.</summary>
[Collection("memory")]
public sealed class HostileFileTests(ITestOutputHelper output) : IDisposable
{
    private const int Mutations = 700;
    private const long MostManaged = 8 << 20, MostNative = 128 << 20;
    private static readonly LowRankConfiguration Adapters = new() { Rank = 3 };
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("model/model-00001-of-00002.safetensors", 1)]
    [InlineData("model/config.json", 2)]
    [InlineData("model/model.safetensors.index.json", 3)]
    [InlineData("model/generation_config.json", 4)]
    [InlineData("adapter/adapter_config.json", 5)]
    [InlineData("adapter/adapter_model.safetensors", 6)]
    public void Load_MutatedFile_IsAFaultOrAModelWithinItsMemory(string name, int seed)
    {
        using (var plain = SmallModels.Random(SmallModels.Qwen))
        {
            plain.Save(_folder["model"], new ModelSaveOptions
            {
                MaximumShardBytes = plain.Configuration.ParameterCount * 3,
                Generation = new GenerationConfiguration { DoSample = true, Temperature = 0.7, TopK = 20, EndTokens = [5, 6] },
            });
        }

        using (var adapted = new Transformer(SmallModels.Qwen, ParameterStorage.FrozenSingle, Adapters))
            adapted.SaveAdapters(_folder["adapter"]);
        string path = _folder[name];
        byte[] original = File.ReadAllBytes(path);
        Load();
        var random = new RandomStream((ulong)seed);
        long most = 0, native = Peak();
        int faults = 0, loads = 0;
        for (int i = 0; i < Mutations; i++)
        {
            File.WriteAllBytes(path, Mutated(original, random, i));
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                Load();
                loads++;
            }
            catch (UserFaultException fault)
            {
                Assert.DoesNotContain('\n', fault.Message);
                faults++;
            }

            most = Math.Max(most, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        native = Peak() - native;
        output.WriteLine($"{faults} faults, {loads} loads; at most {most / 1024} KiB managed in one, the process grew by {native >> 20} MiB");
        Assert.True(faults > Mutations / 4, $"only {faults} faults");
        Assert.InRange(most, 0, MostManaged);
        Assert.InRange(native, 0, MostNative);
    }

    public void Dispose() => _folder.Dispose();

    private void Load()
    {
        using Transformer model = PretrainedModel.Open(_folder["model"]).LoadAdapted(_folder["adapter"]);
    }

    private static byte[] Mutated(byte[] original, RandomStream random, int number)
    {
        byte[] bytes = [.. original];
        switch (number % 9)
        {
            case 0:
                return bytes[..random.NextInt32(bytes.Length)];
            case 1:
                for (int i = 0; i < 1 + random.NextInt32(5); i++)
                    bytes[random.NextInt32(Math.Min(bytes.Length, 4096))] ^= (byte)(1 << random.NextInt32(8));
                return bytes;
            case 2:
                BinaryPrimitives.WriteUInt64LittleEndian(bytes, (1UL << random.NextInt32(64)) + (ulong)random.NextInt32(3) - 1);
                return bytes;
        }

        // The others change the text: of a safetensors file its header, whose length is then put right.
        bool isText = original[0] == '{';
        int start = isText ? 0 : 8, length = isText ? original.Length : (int)BinaryPrimitives.ReadUInt64LittleEndian(original);
        string text = Encoding.Latin1.GetString(original, start, length);
        text = (number % 9) switch
        {
            3 => Replaced(text, IsDigit, random, ["9", "-1", "18446744073709551616", "9223372036854775807", "1e300", "0.5", "00"]),
            4 => Replaced(text, c => c == '"', random, ["", "\"\"", "\\ud800", "\u0000", "\"a\":\"b\",\""]),
            5 => Replaced(text, c => c is ':' or ',' or '[' or ']' or '{' or '}', random, ["", ",", "[", "}", ":null,\"a\":", new string('[', 20_000)]),
            6 => Duplicated(text, random),
            7 => Typed(text, random),
            _ => Replaced(text, c => c == ':', random, [":null,\"x\":", ":[1],\"x\":", ":{\"a\":1},\"x\":", ":true,\"x\":", ":\"\\u0000\",\"x\":", ":1e9999,\"x\":"]),
        };
        byte[] changed = Encoding.Latin1.GetBytes(text);
        if (isText)
            return changed;
        byte[] prefix = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, changed.Length);
        return [.. prefix, .. changed, .. original.AsSpan(8 + length)];
    }

    private static bool IsDigit(char c) => char.IsAsciiDigit(c);

    private static string Replaced(string text, Func<char, bool> which, RandomStream random, string[] by)
    {
        int[] places = [.. Enumerable.Range(0, text.Length).Where(i => which(text[i]))];
        int place = random.Choose(places);
        return string.Concat(text.AsSpan(0, place), random.Choose(by), text.AsSpan(place + 1));
    }

    // A property that stands there twice, or one tensor's place given to another.
    private static string Duplicated(string text, RandomStream random)
    {
        int[] commas = [.. Enumerable.Range(0, text.Length).Where(i => text[i] == ',')];
        if (commas.Length < 2)
            return text + text;
        int first = random.NextInt32(commas.Length - 1);
        int last = Math.Min(commas.Length - 1, first + 1 + random.NextInt32(5));
        return text.Insert(commas[random.NextInt32(commas.Length)], text[commas[first]..commas[last]]);
    }

    private static string Typed(string text, RandomStream random)
    {
        string[] types = ["F32", "F64", "F16", "BF16", "I64", "BOOL", "F8_E4M3", "f32", "qwen2", "llama", "LORA", "CAUSAL_LM", "silu", "true", "false"];
        string[] present = [.. types.Where(type => text.Contains(type, StringComparison.Ordinal))];
        if (present.Length == 0)
            return text.Replace("1", random.NextInt32(1 << 20).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        string old = random.Choose(present);
        int at = text.IndexOf(old, random.NextInt32(text.LastIndexOf(old, StringComparison.Ordinal) + 1), StringComparison.Ordinal);
        return text.Remove(at, old.Length).Insert(at, random.Choose(types));
    }

    // The most memory that the process has held at once; 0 where the system does not tell.
    private static long Peak()
    {
        if (!File.Exists("/proc/self/status"))
            return 0;
        string line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }
}
