namespace Tandem.Tensors.Tests;

public sealed class OperationTests
{
    public static IEnumerable<object[]> Names => OperationCases.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Operation_AgainstScalarReference_GivesValuesAndGradients(string name)
    {
        OperationCase operation = OperationCases.Find(name);
        float[][] found = operation.Run(threads: 1);
        double[][] expected = operation.Expected();
        Assert.Equal(expected.Length, found.Length);
        for (int part = 0; part < expected.Length; part++)
        {
            Assert.Equal(expected[part].Length, found[part].Length);
            double size = expected[part].Select(Math.Abs).DefaultIfEmpty(0).Max();
            for (int i = 0; i < expected[part].Length; i++)
            {
                double difference = Math.Abs(expected[part][i] - found[part][i]);
                Assert.True(
                    difference <= 2e-6 * Math.Max(1, size),
                    $"part {part}, element {i}: {found[part][i]} instead of {expected[part][i]}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Operation_OnAnyVectorPathAndThreads_GivesTheSameBits(string name)
    {
        OperationCase operation = OperationCases.Find(name);
        float[][] expected = operation.Run(threads: 1);
        try
        {
            foreach (VectorPath path in Enum.GetValues<VectorPath>())
            {
                InstructionSet.Force(path);
                foreach (int threads in new[] { 1, 2, 3 })
                {
                    float[][] found = operation.Run(threads);
                    for (int part = 0; part < expected.Length; part++)
                        AssertSameBits(expected[part], found[part], $"{path}, {threads} threads, part {part}");
                }
            }
        }
        finally
        {
            InstructionSet.Force(null);
        }
    }

    [Fact]
    public void Operation_OverManyChunks_GivesTheSameBitsOnAnyThreads()
    {
        var reference = new LargeStep(1).Run();
        foreach (int threads in new[] { 2, 3, 64 })
        {
            var found = new LargeStep(threads).Run();
            for (int part = 0; part < reference.Length; part++)
                AssertSameBits(reference[part], found[part], $"{threads} threads, part {part}");
        }
    }

    private static void AssertSameBits(float[] expected, float[] found, string where)
    {
        Assert.True(
            expected.Select(BitConverter.SingleToInt32Bits).SequenceEqual(found.Select(BitConverter.SingleToInt32Bits)), where);
    }
}
