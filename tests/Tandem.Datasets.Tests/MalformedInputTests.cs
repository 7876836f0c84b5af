using System.Text;
using System.Text.RegularExpressions;
using Tandem.Tensors;

namespace Tandem.Datasets.Tests;

/// <summary>Whatever happens to a file, it is read or refused with the line; nothing else is thrown.</summary>
public sealed partial class MalformedInputTests
{
    private const int Mutations = 400;

    private const string Lines =
        """
        {"question":"What is \u00e9lan?","options":["vigour","a \"plan\"","élan","😀"],"answer":"A"}
        {"question":"Which?","options":["red","blue"],"answer":1,"context":"Two\ncolours."}

        {"question":"Why not?","options":["x","y","z"],"answer":null,"more":{"deep":[1,2.5e3,true,null]}}
        """;

    private const string List =
        """
        {"version": 2, "note": {"by": ["me"]},
         "data": [
          {"question": "What is \u00e9lan?", "options": ["vigour", "a \"plan\"", "élan"], "answer": "A"},
          {"question": "Which?", "options": ["red", "blue"],
           "answer": 1, "context": "Two colours."}
        ], "end": []}
        """;

    private const string Table = "context,question,answer0,answer1,answer2,answer3,label\r\n\"It rained, \"\"hard\"\".\r\nAnd then\",Why?,a,b,é,d,1\r\n\r\nc,q,a,b,c,\"😀\",3\r\n";

    [Theory]
    [InlineData("x.jsonl", Lines, "choice")]
    [InlineData("x.json", List, "choice")]
    [InlineData("x.csv", Table, "cosmosqa")]
    public void Load_MutatedFile_GivesRecordsOrAFaultWithTheLine(string name, string text, string format)
    {
        using var folder = new TemporaryFolder();
        RandomStream random = new RandomStream(20261122).Fork(name);
        byte[] whole = Encoding.UTF8.GetBytes(text);
        int faults = 0, read = 0;
        for (int i = 0; i < Mutations; i++)
        {
            string path = folder.Write(name, Mutated(whole, random));
            try
            {
                Assert.All(DatasetLoader.Load(new DatasetRequest(path) { Format = format }).Records, r => Assert.NotEmpty(r.Id));
                read++;
            }
            catch (UserFaultException fault)
            {
                Assert.Matches(FileAndLine(), fault.Message);
                faults++;
            }

            // Recognition looks at the same bytes, and may refuse them in words of its own.
            try
            {
                DatasetLoader.Load(new DatasetRequest(path));
            }
            catch (UserFaultException fault)
            {
                Assert.Contains(name, fault.Message, StringComparison.Ordinal);
            }
        }

        Assert.True(faults > Mutations / 10 && read > Mutations / 100, $"{faults} faults, {read} read");
    }

    private static byte[] Mutated(byte[] whole, RandomStream random)
    {
        List<byte> bytes = [.. whole];
        int changes = 1 + random.NextInt32(3);
        for (int i = 0; i < changes && bytes.Count > 0; i++)
        {
            int at = random.NextInt32(bytes.Count);
            switch (random.NextInt32(4))
            {
                case 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 1:
                    bytes[at] ^= (byte)(1 << random.NextInt32(8));
                    break;
                case 2:
                    bytes.Insert(at, (byte)random.NextInt32(256));
                    break;
                default:
                    bytes.Insert(at, random.Choose<byte>([.. "\"\\{}[],:\n\r\0"u8]));
                    break;
            }
        }

        return [.. bytes];
    }

    [GeneratedRegex(@"^.*x\.(jsonl|json|csv):\d+: ")]
    private static partial Regex FileAndLine();
}
