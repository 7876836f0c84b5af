using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Tandem.Datasets.Hub;
using Tandem.Tensors;

namespace Tandem.Datasets.Tests.Hub;

/// <summary>Rows by the page, as lines of a file.</summary>
public sealed class RowsDownloadTests
{
    private static readonly HubRepository Dataset = HubRepository.Parse(RepositoryKind.Dataset, "acme/questions");

    private static string[] Serve(HubFixture f, int count = 250)
    {
        string[] rows = [.. Enumerable.Range(0, count).Select(i => string.Create(
            CultureInfo.InvariantCulture, $$"""{"id":{{i}},"text":"Größe \u201c{{i}}\u201d\nnext","score":1.50,"big":12345678901234567890}"""))];
        f.Server.Rows[("acme/questions", "default", "train")] = rows;
        return rows;
    }

    private static RowsRequest Request(HubFixture f) => new(Dataset, new RowsSplit("default", "train"), f["rows.jsonl"]);

    private static int[] Offsets(HubFixture f) =>
        [.. FakeHub.Gets(f.Server.Hub, "/rows").Select(r => int.Parse(r.Query("offset")!, CultureInfo.InvariantCulture))];

    private static void AssertComplete(HubFixture f, string[] rows)
    {
        string[] lines = File.ReadAllLines(f["rows.jsonl"]);
        Assert.Equal(rows.Length, lines.Length);
        Assert.All(lines.Zip(rows), pair => Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(pair.First).RootElement, JsonDocument.Parse(pair.Second).RootElement)));
        Assert.Empty(Directory.EnumerateFiles(Path.GetDirectoryName(f["rows.jsonl"])!, "*.incomplete*"));
    }

    [Fact]
    public async Task PullRows_ASplit_IsOneObjectPerLineWithItsProvenance()
    {
        using var f = new HubFixture();
        string[] rows = Serve(f);
        RowsResult result = await f.Client().PullRowsAsync(Request(f), f);
        AssertComplete(f, rows);
        Assert.Equal([0, 100, 200], Offsets(f));
        byte[] content = await File.ReadAllBytesAsync(f["rows.jsonl"]);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), result.Sha256);
        Assert.Equal((250L, 250L, (long)content.Length), (result.Rows, result.TotalRows, result.Bytes));
        using JsonDocument sidecar = JsonDocument.Parse(await File.ReadAllTextAsync(f["rows.jsonl.provenance.json"]));
        Assert.Equal(result.Sha256, sidecar.RootElement.GetProperty("sha256").GetString());
        Assert.Equal(f.Clock.GetUtcNow(), sidecar.RootElement.GetProperty("fetched_at").GetDateTimeOffset());
        Assert.Equal(f.Server.RowsRevision, sidecar.RootElement.GetProperty("revision").GetString());
        Assert.Equal($"{f.Server.RowsAddress}/rows?dataset=acme%2Fquestions&config=default&split=train", sidecar.RootElement.GetProperty("url").GetString());
    }

    [Fact]
    public async Task PullRows_Again_FetchesNothing()
    {
        using var f = new HubFixture();
        Serve(f);
        RowsResult first = await f.Client().PullRowsAsync(Request(f), f);
        int requests = f.Server.Hub.Requests.Count;
        Assert.Equal(first, await f.Client().PullRowsAsync(Request(f), f));
        Assert.Equal(requests, f.Server.Hub.Requests.Count);
    }

    [Fact]
    public async Task PullRows_Interrupted_GoesOnAfterTheLastCompleteRow()
    {
        using var f = new HubFixture();
        string[] rows = Serve(f);
        f.Settings = f.Settings with { Retries = 1 };
        f.Server.Plan("/rows", r => r, r => FakeReply.Of(500), r => FakeReply.Of(500));
        await Assert.ThrowsAsync<UserFaultException>(() => f.Client().PullRowsAsync(Request(f), f));
        Assert.False(File.Exists(f["rows.jsonl"]));
        await File.AppendAllTextAsync(f["rows.jsonl.incomplete"], "{\"id\":100,\"te");
        await f.Client().PullRowsAsync(Request(f), f);
        Assert.Equal([0, 100, 100, 100, 200], Offsets(f));
        AssertComplete(f, rows);
    }

    [Fact]
    public async Task PullRows_DatasetChangedMeanwhile_BeginsAgain()
    {
        using var f = new HubFixture();
        Serve(f);
        f.Settings = f.Settings with { Retries = 1 };
        f.Server.Plan("/rows", r => r, r => FakeReply.Of(500), r => FakeReply.Of(500));
        await Assert.ThrowsAsync<UserFaultException>(() => f.Client().PullRowsAsync(Request(f), f));
        f.Server.RowsRevision = new string('2', 40);
        string[] rows = Serve(f, 120);
        RowsResult result = await f.Client().PullRowsAsync(Request(f), f);
        AssertComplete(f, rows);
        Assert.Equal(f.Server.RowsRevision, result.Revision);
        Assert.Contains(f.Notes, n => n.Contains("changed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task PullRows_LeftoversOfAnotherSplit_AreNotContinued()
    {
        using var f = new HubFixture();
        string[] rows = Serve(f);
        await File.WriteAllTextAsync(f["rows.jsonl.incomplete"], "{}\n{}\n");
        await File.WriteAllTextAsync(f["rows.jsonl.incomplete.json"], """{"url":"https://example.org/rows","revision":null}""");
        await f.Client().PullRowsAsync(Request(f), f);
        AssertComplete(f, rows);
    }

    [Fact]
    public async Task PullRows_Limit_TakesTheFirst()
    {
        using var f = new HubFixture();
        string[] rows = Serve(f);
        RowsResult result = await f.Client().PullRowsAsync(Request(f) with { Limit = 130 }, f);
        AssertComplete(f, rows[..130]);
        Assert.Equal((130L, 250L), (result.Rows, result.TotalRows));
        Assert.Equal(["100", "30"], FakeHub.Gets(f.Server.Hub, "/rows").Select(r => r.Query("length")));
    }

    [Fact]
    public async Task PullRows_CutCells_AreAFault()
    {
        using var f = new HubFixture();
        Serve(f, 1);
        f.Server.Plan("/rows", r => FakeReply.Json("""{"rows":[{"row_idx":0,"row":{"text":"lon"},"truncated_cells":["text"]}],"num_rows_total":1}"""));
        var fault = await Assert.ThrowsAsync<UserFaultException>(() => f.Client().PullRowsAsync(Request(f), f));
        Assert.Contains("without --rows", fault.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(f["rows.jsonl"]));
    }

    [Theory]
    [InlineData("""{"rows":[{"row_idx":5,"row":{}}],"num_rows_total":1}""")]
    [InlineData("""{"rows":[{"row_idx":0,"row":[]}],"num_rows_total":1}""")]
    [InlineData("""{"rows":{},"num_rows_total":1}""")]
    [InlineData("""{"rows":[],"num_rows_total":9}""")]
    [InlineData("""[]""")]
    public async Task PullRows_NonsenseFromTheServer_IsAFault(string reply)
    {
        using var f = new HubFixture();
        Serve(f, 1);
        f.Server.Plan("/rows", r => FakeReply.Json(reply));
        await Assert.ThrowsAsync<UserFaultException>(() => f.Client().PullRowsAsync(Request(f), f));
        Assert.False(File.Exists(f["rows.jsonl"]));
    }

    [Fact]
    public async Task PullRows_AFileOfTheUsers_IsNotOverwritten()
    {
        using var f = new HubFixture();
        Serve(f);
        await File.WriteAllTextAsync(f["rows.jsonl"], "mine");
        await Assert.ThrowsAsync<UserFaultException>(() => f.Client().PullRowsAsync(Request(f), f));
        Assert.Equal("mine", await File.ReadAllTextAsync(f["rows.jsonl"]));
    }

    [Fact]
    public async Task PullRows_DiskRunsFull_KeepsWholePages()
    {
        using var f = new HubFixture();
        string[] rows = Serve(f);
        f.Store = new LimitedStore { Left = 15_000 };
        var fault = await Assert.ThrowsAsync<UserFaultException>(() => f.Client().PullRowsAsync(Request(f), f));
        Assert.Contains("No space left", fault.Message, StringComparison.Ordinal);
        f.Store = new SystemFileStore();
        await f.Client().PullRowsAsync(Request(f), f);
        AssertComplete(f, rows);
        Assert.Equal([0, 100, 100, 200], Offsets(f));
    }

    [Fact]
    public async Task Splits_OfADataset_AreListed()
    {
        using var f = new HubFixture();
        Serve(f);
        Assert.Equal([new RowsSplit("default", "train")], await f.Client().SplitsAsync("acme/questions"));
        var fault = await Assert.ThrowsAsync<UserFaultException>(() => f.Client().SplitsAsync("acme/other"));
        Assert.Contains("tandem data pull acme/other", fault.Message, StringComparison.Ordinal);
    }
}
