using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors;

namespace Tandem.Language.Tests;

public class SafeTensorsTests
{
    [Fact]
    public void WriteThenRead_AllValuesOfEveryType_AreBitExact()
    {
        using var folder = new TemporaryFolder();
        float[] floats = [0f, -0f, 1.5f, float.NaN, float.PositiveInfinity, float.Epsilon, float.MinValue, 3.1415927f];
        long[] integers = [long.MinValue, -1, 0, long.MaxValue];
        byte[] bytes = [0, 1, 255];
        SafeTensors.Write(
            folder["x.safetensors"],
            [
                SafeTensorData.FromBytes("bytes", SafeTensorType.U8, [3], bytes),
                SafeTensorData.FromFloats("matrix", [2, 4], floats),
                SafeTensorData.FromIntegers("integers", [4], integers),
                SafeTensorData.FromFloats("scalar", [], [7f]),
                SafeTensorData.FromFloats("empty", [0, 5], []),
            ],
            new Dictionary<string, string> { ["note"] = "a \"quoted\" é" });

        using var file = SafeTensorsFile.Open(folder["x.safetensors"]);
        Assert.Equal(["bytes", "empty", "integers", "matrix", "scalar"], file.Entries.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("a \"quoted\" é", file.Metadata["note"]);
        Assert.Equal([2L, 4L], file.Entry("matrix").Shape);
        Assert.Equal(floats.Select(BitConverter.SingleToInt32Bits), file.ReadFloats("matrix").Select(BitConverter.SingleToInt32Bits));
        Assert.Equal(integers, file.ReadIntegers("integers"));
        Assert.Equal(bytes, file.ReadBytes("bytes"));
        Assert.Equal([7f], file.ReadFloats("scalar"));
        Assert.Empty(file.ReadFloats("empty"));
        Assert.Equal(["x.safetensors"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Write_MixedWidths_AlignsEveryTensorToItsElement()
    {
        using var file = SafeTensorsFile.Read(Written(
            SafeTensorData.FromBytes("a", SafeTensorType.U8, [3], new byte[3]),
            SafeTensorData.FromFloats("b", [1], [1f]),
            SafeTensorData.FromIntegers("c", [1], [1])));

        Assert.All(file.Entries.Values, e => Assert.Equal(0, e.Offset % e.Type.Size()));
    }

    [Fact]
    public unsafe void HalfStorage_AllHalfPatterns_RoundTripExactly()
    {
        float[] values = [.. Enumerable.Range(0, 1 << 16).Select(i => (float)BitConverter.UInt16BitsToHalf((ushort)i)).Where(float.IsFinite)];
        Assert.Equal(values, RoundTrip(values, StorageType.F16));

        float[] brain = [.. Enumerable.Range(0, 1 << 16).Select(i => new BFloat16((ushort)i).Widen()).Where(float.IsFinite)];
        Assert.Equal(brain, RoundTrip(brain, StorageType.BF16));
    }

    [Fact]
    public void BFloat16_RandomFloats_AreRoundedToNearestEven()
    {
        var random = new RandomStream(3);
        for (int i = 0; i < 20000; i++)
        {
            float value = BitConverter.UInt32BitsToSingle((uint)random.NextUInt64());
            ushort rounded = BFloat16.Round(value).Bits;
            if (float.IsNaN(value))
            {
                Assert.True(float.IsNaN(new BFloat16(rounded).Widen()));
                continue;
            }

            // The neighbours by truncation; distances are exact in double precision.
            uint bits = BitConverter.SingleToUInt32Bits(value);
            ushort below = (ushort)(bits >> 16);
            ushort above = (ushort)(below + 1);
            double toBelow = Math.Abs((double)value - new BFloat16(below).Widen());
            double toAbove = Math.Abs(Widened(above) - value);
            ushort expected = toBelow < toAbove || (toBelow == toAbove && below % 2 == 0) ? below : above;
            Assert.Equal(expected, rounded);
        }

        // The value that follows the largest finite one when the exponent is not bounded.
        static double Widened(ushort pattern) => float.IsInfinity(new BFloat16(pattern).Widen())
            ? Math.CopySign(Math.Pow(2, 128), new BFloat16(pattern).Widen())
            : new BFloat16(pattern).Widen();
    }

    [Theory]
    [InlineData(1.0f / 3, 0x3555)] // IEEE 754 half of 1/3
    [InlineData(65504f, 0x7BFF)]
    [InlineData(1.00048828125f, 0x3C00)] // halfway between 1 and the next half: ties to even
    public unsafe void F16_KnownValues_HaveTheirPatterns(float value, int pattern)
    {
        float[] values = [value];
        fixed (float* pointer = values)
        {
            using var file = SafeTensorsFile.Read(Written(SafeTensorData.FromMemory("x", [1], pointer, StorageType.F16)));
            Assert.Equal(pattern, BinaryPrimitives.ReadUInt16LittleEndian(file.ReadBytes("x")));
        }
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "hole")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "the file holds 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "the file holds 12")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "does not fit its byte range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "does not fit its byte range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "expected an integer")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", 8, "expected an integer")]
    [InlineData("""{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", 8, "expected an integer")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807,16],"data_offsets":[0,0]}}""", 0, "does not fit its byte range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "does not fit its byte range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}""", 8, "does not fit its byte range")]
    [InlineData("""{"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}""", 8, "the file holds 8")]
    [InlineData("""{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", 8, "unknown type F31")]
    [InlineData("""{"a":{"dtype":"11","shape":[2],"data_offsets":[0,8]}}""", 8, "unknown type 11")]
    [InlineData("""{"a":{"dtype":5,"shape":[2],"data_offsets":[0,8]}}""", 8, "not valid")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "lacks")]
    [InlineData("""{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "not valid")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}""", 8, "data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}""", 8, "9 dimensions")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "not valid")]
    [InlineData("""{"__metadata__":{"k":3}}""", 0, "not valid")]
    [InlineData("""[1,2]""", 0, "not a JSON object")]
    [InlineData("""{"a":""", 0, "not valid")]
    [InlineData("""{"a":[[[[[[[[[[]]]]]]]]]]}""", 0, "not valid")]
    public void Open_MalformedHeader_IsAFaultThatNamesTheFile(string header, int dataBytes, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["bad.safetensors"], [.. Content(header, dataBytes)]);

        var fault = Assert.Throws<UserFaultException>(() => SafeTensorsFile.Open(folder["bad.safetensors"]));

        Assert.Contains(folder["bad.safetensors"], fault.Message, StringComparison.Ordinal);
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', fault.Message);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(3UL)]
    [InlineData(100_000_001UL)]
    [InlineData(1UL << 40)]
    [InlineData(ulong.MaxValue)]
    public void Open_HeaderLengthBeyondTheFile_IsAFault(ulong length)
    {
        byte[] bytes = new byte[10];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);

        Assert.Throws<UserFaultException>(() => SafeTensorsFile.Read(new MemoryStream(bytes)));
    }

    [Fact]
    public void Open_AbsentFile_IsAFaultThatNamesIt()
    {
        var fault = Assert.Throws<UserFaultException>(() => SafeTensorsFile.Open("/nowhere/model.safetensors"));
        Assert.Contains("/nowhere/model.safetensors", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TruncatedAnywhere_IsAFault()
    {
        byte[] bytes = Written(SafeTensorData.FromFloats("a", [2, 3], new float[6]), SafeTensorData.FromIntegers("b", [1], [4])).ToArray();
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<UserFaultException>(() => SafeTensorsFile.Read(new MemoryStream(bytes[..length])));
    }

    [Fact]
    public void Read_FlippedBits_GivesAFaultOrAConsistentFile()
    {
        byte[] original = Written(
            SafeTensorData.FromFloats("layer.weight", [4, 3], new float[12]),
            SafeTensorData.FromBytes("mask", SafeTensorType.BOOL, [5], new byte[5]),
            SafeTensorData.FromIntegers("ids", [2], [4, 5])).ToArray();
        var flips = Gen.ArrayOf(Gen.Choose(0, (original.Length * 8) - 1)).Where(f => f.Length is > 0 and < 6);

        Prop.ForAll(flips.ToArbitrary(), bits =>
        {
            byte[] bytes = [.. original];
            foreach (int bit in bits)
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using var file = SafeTensorsFile.Read(new MemoryStream(bytes));
                foreach (var entry in file.Entries.Values)
                    Assert.Equal(entry.ByteCount, file.ReadBytes(entry.Name).Length);
            }
            catch (UserFaultException)
            {
                // A clear refusal is the other allowed outcome.
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void CopyTo_IntegersAsFloats_IsAFault()
    {
        using var file = SafeTensorsFile.Read(Written(SafeTensorData.FromIntegers("ids", [2], [4, 5])));
        Assert.Throws<UserFaultException>(() => file.ReadFloats("ids"));
        Assert.Throws<UserFaultException>(() => file.ReadFloats("absent"));
    }

    [Fact]
    public void Write_TwoTensorsOfOneName_Throws() => Assert.Throws<ArgumentException>(() => Written(
        SafeTensorData.FromFloats("a", [1], [1f]), SafeTensorData.FromFloats("a", [1], [2f])));

    [Fact]
    public void Write_FailsHalfway_LeavesTheOldFileAndNoOther()
    {
        using var folder = new TemporaryFolder();
        AtomicFile.WriteText(folder["x"], "old");

        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(folder["x"], stream =>
        {
            stream.WriteByte(1);
            throw new InvalidOperationException();
        }));

        Assert.Equal("old", File.ReadAllText(folder["x"]));
        Assert.Equal([folder["x"]], Directory.GetFiles(folder.Path));
    }

    private static MemoryStream Written(params SafeTensorData[] tensors)
    {
        var stream = new MemoryStream();
        SafeTensors.Write(stream, tensors);
        stream.Position = 0;
        return stream;
    }

    private static IEnumerable<byte> Content(string header, int dataBytes)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, Encoding.UTF8.GetByteCount(header));
        return length.Concat(Encoding.UTF8.GetBytes(header)).Concat(new byte[dataBytes]);
    }

    private static unsafe float[] RoundTrip(float[] values, StorageType storage)
    {
        fixed (float* pointer = values)
        {
            using var file = SafeTensorsFile.Read(Written(SafeTensorData.FromMemory("x", [values.Length], pointer, storage)));
            Assert.Equal(storage.Element(), file.Entry("x").Type);
            return file.ReadFloats("x");
        }
    }
}
