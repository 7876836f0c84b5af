using System.Globalization;
using System.Text;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Training.Pretraining;
using Tandem.Worlds.Ladder;

namespace Tandem.Capability;

/// <summary>The ladder's card for people: what each rung is and what it was measured to know.</summary>
public static class LadderCard
{
    private static readonly (string Kind, string Title)[] s_columns =
    [
        ("PayoffDepth1", "payoff 1"), ("PayoffDepth2", "payoff 2"), ("PayoffDepth3", "payoff 3"),
        ("ViolationDepth1", "violation 1"), ("ViolationDepth2", "violation 2"), ("ViolationDepth3", "violation 3"),
    ];

    /// <summary>Writes the card as Markdown.</summary>
    public static string Write(LadderManifest manifest)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        var card = new StringBuilder();
        card.AppendLine("# The pre-trained ladder");
        card.AppendLine();
        card.AppendLine(culture, $"Decoder-only transformers pre-trained on the text of the task family `{manifest.TaskFamily}`, stored as BF16. Made by");
        card.AppendLine();
        card.AppendLine(culture, $"    {manifest.Command}");
        card.AppendLine();
        card.AppendLine(culture, $"Answers: the share of those right that are asked for the first time in {string.Join(" or ", manifest.Rungs.Select(r => r.AnswerRows).Distinct())} held-out rows of the full mixture, the same rows for every rung, with its 95% Wilson interval; \"2\" is the depth of the chain. What a rung infers from the rest of a story, without following the chain, counts as right. n is how many were asked; the last row is what always giving a kind's commonest answer gets right.");
        card.AppendLine();
        card.AppendLine(culture, $"| rung | parameters | width × layers | seed | tokens | all answers | {string.Join(" | ", s_columns.Select(c => c.Title))} | SHA-256 |");
        card.AppendLine(culture, $"|---|---:|---|---:|---:|---:|{string.Concat(s_columns.Select(_ => "---:|"))}---|");
        foreach (LadderRung rung in manifest.Rungs)
        {
            IEnumerable<AnswerCount?> cells = s_columns.Select(c => rung.Answers.TryGetValue(c.Kind, out AnswerCount count) ? count : (AnswerCount?)null);
            card.AppendLine(culture, $"| {rung.Name} | {rung.ParameterCount:N0} | {rung.Architecture.HiddenSize} × {rung.Architecture.Layers} | {rung.Seed} | {rung.Tokens / 1e6:0.#} M | {Share(All(rung))} | {string.Join(" | ", cells.Select(Share))} | `{rung.Sha256[..12]}` |");
        }

        if (manifest.Rungs.Count > 0)
        {
            AnswerCount[] rows = [All(manifest.Rungs[0]), .. s_columns.Select(c => manifest.Rungs[0].Answers.GetValueOrDefault(c.Kind))];
            card.AppendLine(culture, $"| n | | | | | {string.Join(" | ", rows.Select(r => r.Asked.ToString("N0", culture)))} | |");
            card.AppendLine(culture, $"| no model | | | | | {string.Join(" | ", rows.Select(r => r.Asked == 0 ? "–" : ((double)r.Commonest / r.Asked).ToString("0.00", culture)))} | |");
        }

        foreach (LadderRung rung in manifest.Rungs.Where(r => r.Note is not null))
        {
            card.AppendLine();
            card.AppendLine(culture, $"{rung.Name}: {rung.Note}");
        }

        return card.ToString();
    }

    private static AnswerCount All(LadderRung rung) => new(
        rung.Answers.Values.Sum(c => c.Right), rung.Answers.Values.Sum(c => c.Asked), rung.Answers.Values.Sum(c => c.Commonest));

    private static string Share(AnswerCount? count)
    {
        if (count is not { Asked: > 0 } answers)
            return "–";
        Estimate share = Proportion.Wilson(answers.Right, (int)answers.Asked);
        return string.Create(CultureInfo.InvariantCulture, $"{share.Value:0.00} ({share.Lower:0.00}–{share.Upper:0.00})");
    }
}
