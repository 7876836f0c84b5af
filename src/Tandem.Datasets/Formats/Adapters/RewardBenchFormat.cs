using System.Text.Json;

namespace Tandem.Datasets;

/// <summary>RewardBench 1 (arXiv 2403.13787): <c>prompt</c>, <c>chosen</c>, <c>rejected</c>, <c>subset</c>; the section follows from the subset.</summary>
internal sealed class RewardBenchFormat : IDataFormat
{
    private static readonly Dictionary<string, string[]> Sections = new()
    {
        ["Chat"] = ["alpacaeval-easy", "alpacaeval-length", "alpacaeval-hard", "mt-bench-easy", "mt-bench-med", "mt-bench-medium"],
        ["Chat Hard"] =
            ["mt-bench-hard", "llmbar-natural", "llmbar-adver-neighbor", "llmbar-adver-GPTInst", "llmbar-adver-GPTOut", "llmbar-adver-manual"],
        ["Safety"] = ["refusals-dangerous", "refusals-offensive", "xstest-should-refuse", "xstest-should-respond", "donotanswer"],
        ["Reasoning"] = ["math-prm", "hep-cpp", "hep-go", "hep-java", "hep-js", "hep-python", "hep-rust"],
    };

    public static bool Recognizes(DataRow row) =>
        row.Has("prompt") && row.Has("subset") && row.Is("chosen", JsonValueKind.String) && row.Is("rejected", JsonValueKind.String);

    public void Read(DataRow row, RecordSink sink)
    {
        string subset = row.Text("subset");
        string section = Sections.FirstOrDefault(s => s.Value.Contains(subset)).Key ?? subset;
        Turns.AddPreference(
            Turns.OfField(row, "prompt"), row.Text("chosen"), row.Text("rejected"), row, sink, r => r with { Section = section, Subset = subset });
    }
}

/// <summary>
/// RewardBench 2 (arXiv 2506.01937): <c>prompt</c>, and in <c>chosen</c> and <c>rejected</c> lists of replies: one against
/// three, and in the subset Ties several right ones. A question whose options are the replies. The key is <c>id</c>, which
/// joins the prompts of Ties: <c>ref:3</c> has one right reply, <c>tied:3</c> many.
/// </summary>
internal sealed class RewardBench2Format : IDataFormat
{
    public static bool Recognizes(DataRow row) =>
        row.Has("prompt") && row.Has("subset") && row.Is("chosen", JsonValueKind.Array) && row.Is("rejected", JsonValueKind.Array);

    public void Read(DataRow row, RecordSink sink)
    {
        IReadOnlyList<string> right = row.Texts("chosen"), wrong = row.Texts("rejected");
        if (right.Count == 0 || wrong.Count == 0)
            sink.Drop("no right or no wrong reply");
        else if (right.Intersect(wrong).Any())
            sink.Drop("the same reply is right and wrong");
        else
            sink.Add(OptionOrder.Choice("", row.Text("prompt"), right, wrong) with { Section = row.Text("subset"), Key = row.Is("id", JsonValueKind.String) ? row.Text("id") : "" }, row);
    }
}
