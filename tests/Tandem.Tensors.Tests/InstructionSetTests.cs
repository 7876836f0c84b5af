namespace Tandem.Tensors.Tests;

public sealed class InstructionSetTests
{
    [Theory]
    [InlineData("portable", VectorPath.Portable)]
    [InlineData("AVX2", VectorPath.Avx2)]
    [InlineData(" avx512 ", VectorPath.Avx512)]
    public void Parse_Name_IsThatPath(string value, VectorPath expected) => Assert.Equal(expected, InstructionSet.Parse(value));

    [Fact]
    public void Parse_OtherName_IsAUsageFaultThatNamesTheValue()
    {
        UserFaultException fault = Assert.Throws<UserFaultException>(() => InstructionSet.Parse("sse9"));
        Assert.Equal(FaultKind.Usage, fault.Kind);
        Assert.Contains("sse9", fault.Message, StringComparison.Ordinal);
    }
}
