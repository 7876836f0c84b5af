using System.Text;
using Tandem.Tensors;

namespace Tandem.Datasets.Tests;

public sealed class RowReaderTests
{
    private static readonly JsonLinesReader Lines = new();
    private static readonly JsonReader Json = new();
    private static readonly CsvReader Csv = new();

    [Fact]
    public void JsonLines_RowsAndEmptyLines_CarryTheirLines()
    {
        DataRow[] rows = Read.Rows(Lines, "{\"a\":\"x\",\"n\":3}\r\n\n{\"a\":\"ü\\n\"}");
        Assert.Equal([1L, 3L], rows.Select(r => r.Line));
        Assert.Equal("x", rows[0].Text("a"));
        Assert.Equal(3, rows[0].Integer("n"));
        Assert.Equal("ü\n", rows[1].Text("a"));
        Assert.Equal("sample:3", rows[1].Origin);
    }

    [Fact]
    public void JsonLines_ByteOrderMark_IsNotPartOfTheText() =>
        Assert.Equal("x", Assert.Single(Read.Rows(Lines, "\uFEFF{\"a\":\"x\"}")).Text("a"));

    [Theory]
    [InlineData("{\"a\":1}\n{\"a\":\n", "sample:2: the line is not valid JSON")]
    [InlineData("{\"a\":1}\n[1]\n", "sample:2: the row is a list where an object is expected")]
    [InlineData("[\n{\"a\":1}]", ".json")]
    public void JsonLines_Malformed_NamesTheLine(string text, string expected) =>
        Assert.Contains(expected, Read.Fault(Lines, text), StringComparison.Ordinal);

    [Fact]
    public void JsonLines_InvalidUtf8_NamesTheLine() =>
        Assert.Contains("sample:2: the text is not valid UTF-8", Read.Fault(Lines, [.. "{}\n{\"a\":\""u8, 0xC3, 0x28, .. "\"}"u8]), StringComparison.Ordinal);

    [Fact]
    public void JsonLines_Utf16_IsRefused() =>
        Assert.Contains("UTF-16", Read.Fault(Lines, Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes("{}")).ToArray()), StringComparison.Ordinal);

    [Fact]
    public void JsonLines_LineOverTheLimit_IsRefused()
    {
        var reader = new JsonLinesReader(longestRecord: 100);
        Assert.Contains("sample:2: a record is longer than 100 bytes", Read.Fault(reader, $"{{}}\n{{\"a\":\"{new string('x', 200_000)}\"}}"), StringComparison.Ordinal);
    }

    [Fact]
    public void Json_ListLongerThanTheBuffer_GivesEveryElementWithItsLine()
    {
        string text = "[\n" + string.Join(",\n", Enumerable.Range(0, 3000).Select(i => $"{{\"i\":{i},\n\"t\":\"{new string('x', 100 + (i % 7))}\"}}")) + "\n]\n";
        DataRow[] rows = Read.Rows(Json, text);
        Assert.Equal(Enumerable.Range(0, 3000), rows.Select(r => r.Integer("i")));
        Assert.Equal(Enumerable.Range(0, 3000).Select(i => 2L + (2 * i)), rows.Select(r => r.Line));
    }

    [Fact]
    public void Json_ElementLongerThanTheBuffer_IsReadWhole()
    {
        string story = new('s', 300_000);
        Assert.Equal([story, "b"], Read.Rows(Json, $"[{{\"t\":\"{story}\"}},{{\"t\":\"b\"}}]").Select(r => r.Text("t")));
    }

    [Fact]
    public void Json_ObjectWithAList_SkipsWhatIsBeforeIt()
    {
        DataRow[] rows = Read.Rows(Json, "{\"version\":{\"data\":[1]},\"n\":2,\n\"data\":[{\"a\":\"x\"},\n{\"a\":\"y\"}],\"end\":true}");
        Assert.Equal(["x", "y"], rows.Select(r => r.Text("a")));
        Assert.Equal([2L, 3L], rows.Select(r => r.Line));
    }

    [Fact]
    public void Json_RowsOfTheHub_AreUnwrapped()
    {
        string text = """{"features":[{"name":"a"}],"rows":[{"row_idx":0,"row":{"a":"x"},"truncated_cells":[]}],"num_rows_total":1}""";
        Assert.Equal("x", Assert.Single(Read.Rows(Json, text)).Text("a"));
    }

    [Theory]
    [InlineData("[{\"a\":1},\n{\"a\":}]", "sample:2: ")]
    [InlineData("[{\"a\":1},\n\n{\"a\":1", "sample:3: ")]
    [InlineData("[{\"a\":1}", "sample:1: ")]
    [InlineData("[{\"a\":1}] x", "sample:1: ")]
    [InlineData("[{\"a\":1},\n3]", "sample:2: the row is a number")]
    [InlineData("{\"a\":1}", "without a list of rows")]
    [InlineData("7", "a single value")]
    public void Json_Malformed_NamesTheLine(string text, string expected) =>
        Assert.Contains(expected, Read.Fault(Json, text), StringComparison.Ordinal);

    [Fact]
    public void Json_ElementOverTheLimit_IsRefused() => Assert.Contains(
        "longer than 100 bytes", Read.Fault(new JsonReader(longestRecord: 100), $"[{{\"a\":\"{new string('x', 200_000)}\"}}]"), StringComparison.Ordinal);

    [Fact]
    public void Csv_QuotesLineEndsAndSeparators_AreTheFieldsOwn()
    {
        DataRow[] rows = Read.Rows(Csv, "\uFEFFa,b,c\r\n1,\"x, \"\"y\"\"\r\nz\",\r\n\r\n2,p\"q\",\"\"\r\n");
        Assert.Equal(["a", "b", "c"], rows[0].Fields);
        Assert.Equal("x, \"y\"\r\nz", rows[0].Text("b"));
        Assert.Equal("", rows[0].Text("c"));
        Assert.Equal("p\"q\"", rows[1].Text("b"));
        Assert.Equal([2L, 5L], rows.Select(r => r.Line));
    }

    [Fact]
    public void Csv_LastLineWithoutEnd_IsRead() => Assert.Equal(["1", "2"], Read.Rows(Csv, "a\n1\n2").Select(r => r.Text("a")));

    [Fact]
    public void Csv_EmptyTextInQuotes_IsARecordOfOneColumn() => Assert.Equal("", Assert.Single(Read.Rows(Csv, "a\n\n\"\"\n")).Text("a"));

    [Fact]
    public void Tsv_Tabs_Separate()
    {
        DataRow row = Assert.Single(Read.Rows(new CsvReader('\t'), "a\tb\nx,y\t\"p\tq\"\n"));
        Assert.Equal(("x,y", "p\tq"), (row.Text("a"), row.Text("b")));
    }

    [Theory]
    [InlineData("a,b\n1,2\n\n3\n", "sample:4: the record has 1 fields where the header has 2")]
    [InlineData("a,b\n1,\"2\n3,4\n", "sample:2: a quoted field of the record that begins here is never closed")]
    [InlineData("a,b\n1,\"2\"3\n", "sample:2: text follows the closing quote")]
    [InlineData("a,a\n1,2\n", "sample:1: the header names the column 'a' twice")]
    public void Csv_Malformed_NamesTheRecordsFirstLine(string text, string expected) =>
        Assert.Contains(expected, Read.Fault(Csv, text), StringComparison.Ordinal);

    [Fact]
    public void Csv_InvalidUtf8_NamesTheLine() =>
        Assert.Contains("sample:2: the text is not valid UTF-8", Read.Fault(Csv, [.. "a\n"u8, 0xFF, .. "\n"u8]), StringComparison.Ordinal);

    [Fact]
    public void Csv_EndlessRecord_IsRefused() =>
        Assert.Contains("longer than 100 bytes", Read.Fault(new CsvReader(longestRecord: 100), "a\n" + new string(',', 500)), StringComparison.Ordinal);

    [Theory]
    [InlineData("jsonl")]
    [InlineData("json")]
    [InlineData("csv")]
    public void Reader_LongFile_IsReadWhileRowsAreAskedFor(string kind)
    {
        const int rows = 20_000;
        string text = new('x', 200);
        IEnumerable<string> lines = Enumerable.Range(0, rows).Select(i => kind switch
        {
            "jsonl" => $"{{\"t\":\"{text}\"}}\n",
            "json" => $"{(i == 0 ? "[" : ",")}{{\"t\":\"{text}\"}}{(i == rows - 1 ? "]" : "")}\n",
            _ => i == 0 ? $"t\n{text}\n" : $"{text}\n",
        });
        byte[] bytes = Encoding.UTF8.GetBytes(string.Concat(lines));
        IRowReader reader = kind switch { "jsonl" => Lines, "json" => Json, _ => Csv };
        using var stream = new MemoryStream(bytes);
        int read = 0;
        foreach (DataRow row in reader.Read(stream, "sample"))
        {
            read++;
            Assert.True(stream.Position <= ((double)read / rows * bytes.Length) + (1 << 17), $"row {read} needed {stream.Position} bytes");
        }

        Assert.Equal(rows, read);
    }

    [Fact]
    public void RowFile_Compressed_IsTheSameRows()
    {
        using var folder = new TemporaryFolder();
        string path = folder.WriteCompressed("rows.jsonl.gz", "{\"a\":\"x\"}\n{\"a\":\"y\"}\n");
        Assert.Equal(["x", "y"], RowFile.Read(path).Select(r => r.Text("a")));
    }

    [Fact]
    public void RowFile_DamagedCompression_IsAFault()
    {
        using var folder = new TemporaryFolder();
        string path = folder.WriteCompressed("rows.jsonl.gz", string.Concat(Enumerable.Range(0, 500).Select(i => $"{{\"a\":\"{i * 7919}\"}}\n")));
        byte[] bytes = File.ReadAllBytes(path);
        bytes.AsSpan(bytes.Length / 2, 8).Fill(0xFF);
        folder.Write("damaged.jsonl.gz", bytes);
        Assert.Contains("damaged.jsonl.gz:", Assert.Throws<UserFaultException>(() => RowFile.Read(folder["damaged.jsonl.gz"]).Count()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.json", "{\"a\":\"x\"}\n{\"a\":\"y\"}\n", 2)]
    [InlineData("b.json", "[{\"a\":\"x\"}]", 1)]
    [InlineData("c.json", "{\"data\":[{\"a\":\"x\"}]}", 1)]
    [InlineData("d.json", "{\n\"data\":\n[{\"a\":\"x\"}]}", 1)]
    [InlineData("QuALITY.v1.0.1.train", "{\"a\":\"x\"}\n", 1)]
    [InlineData("e.txt", "x\ny\n\n\nz\n", 2)]
    public void RowFile_EndingOrContent_DecidesTheKind(string name, string text, int rows)
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(rows, RowFile.Read(folder.Write(name, text)).Count());
    }

    [Fact]
    public void RowFile_UnknownKind_ListsTheEndings()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("notes", "hello\n");
        Assert.Contains(".jsonl", Assert.Throws<UserFaultException>(() => RowFile.Read(path).Count()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"anwser\":\"x\"}", "the field 'answer' is missing. Did you mean 'anwser'?")]
    [InlineData("{\"answer\":7}", "the field 'answer' must be a text, and is 7")]
    [InlineData("{\"answer\":[\"x\"]}", "the field 'answer' must be a text, and is a list")]
    [InlineData("{\"answer\":\"\\ud800\"}", "half of a surrogate pair")]
    public void Row_MissingOrMistypedField_IsNamed(string line, string expected)
    {
        DataRow row = Assert.Single(Read.Rows(Lines, line));
        string fault = Assert.Throws<UserFaultException>(() => row.Text("answer")).Message;
        Assert.StartsWith("sample:1: ", fault, StringComparison.Ordinal);
        Assert.Contains(expected, fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Row_FieldInside_IsNamedWithItsPath()
    {
        DataRow row = Assert.Single(Read.Rows(Lines, "{\"items\":[{\"q\":\"x\"},{\"q\":1}]}"));
        Assert.Contains("'items[1].q'", Assert.Throws<UserFaultException>(() => row.Rows("items")[1].Text("q")).Message, StringComparison.Ordinal);
    }
}
