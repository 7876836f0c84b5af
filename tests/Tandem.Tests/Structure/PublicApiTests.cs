using System.Reflection;

namespace Tandem.Tests.Structure;

/// <summary>A change of what a library offers to others shows in the diff of a text file.</summary>
public sealed class PublicApiTests
{
    private const string UpdateVariable = "TANDEM_UPDATE_API";

    [Theory]
    [InlineData("Tandem.Tensors")]
    [InlineData("Tandem.Language")]
    [InlineData("Tandem.Training")]
    [InlineData("Tandem.Worlds")]
    [InlineData("Tandem.Datasets")]
    [InlineData("Tandem.Endpoints")]
    [InlineData("Tandem.Runs")]
    [InlineData("Tandem")]
    public void PublicApi_OfALibrary_IsTheRecordedOne(string library)
    {
        string recorded = Repository.At($"tests/Tandem.Tests/Structure/PublicApi/{library}.txt");
        string actual = PublicApi.Describe(Assembly.Load(library));
        Assert.Contains("Tandem", actual, StringComparison.Ordinal);
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1")
        {
            File.WriteAllText(recorded, actual);
            return;
        }

        string expected = File.Exists(recorded) ? File.ReadAllText(recorded).ReplaceLineEndings("\n") : "";
        string[] removed = [.. Lines(expected).Except(Lines(actual)).Select(line => "- " + line)];
        string[] added = [.. Lines(actual).Except(Lines(expected)).Select(line => "+ " + line)];
        Assert.True(
            expected == actual,
            $"""
            The public API of {library} is not the one in {recorded}:
            {string.Join('\n', removed.Concat(added))}
            If the change is meant, write the file again and review its diff:
            {UpdateVariable}=1 dotnet test -c Release tests/Tandem.Tests --filter PublicApi
            """);
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
