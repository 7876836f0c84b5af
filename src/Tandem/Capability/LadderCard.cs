using System.Globalization;
using System.Text;
using Tandem.Worlds.Ladder;

namespace Tandem.Capability;

/// <summary>The ladder's card for people: what each rung is and what it was measured to know.</summary>
public static class LadderCard
{
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
        card.AppendLine(culture, $"Accuracies are over answers asked for the first time in {string.Join(" or ", manifest.Rungs.Select(r => r.AnswerRows).Distinct())} held-out rows of the full mixture, at the end of training or at the last evaluation before a snapshot. Chance is about 0.33 for payoffs and 0.5 for violations; \"2\" is the depth of the chain. A hundred rows hold about 60 such answers of either kind at depth 1, 20 to 30 at depth 2 and 5 at depth 3: the columns of depth 3 say next to nothing.");
        card.AppendLine();
        card.AppendLine("| rung | parameters | width × layers | seed | tokens | all answers | payoff 1 | payoff 2 | payoff 3 | violation 1 | violation 2 | violation 3 | SHA-256 |");
        card.AppendLine("|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|");
        foreach (LadderRung rung in manifest.Rungs)
        {
            string At(string kind) => rung.AnswerAccuracy.TryGetValue(kind, out double value) ? value.ToString("0.00", culture) : "–";
            card.AppendLine(culture, $"| {rung.Name} | {rung.ParameterCount:N0} | {rung.Architecture.HiddenSize} × {rung.Architecture.Layers} | {rung.Seed} | {rung.Tokens / 1e6:0.#} M | {rung.FirstAskedAccuracy:0.00} | {At("PayoffDepth1")} | {At("PayoffDepth2")} | {At("PayoffDepth3")} | {At("ViolationDepth1")} | {At("ViolationDepth2")} | {At("ViolationDepth3")} | `{rung.Sha256[..12]}` |");
        }

        foreach (LadderRung rung in manifest.Rungs.Where(r => r.Note is not null))
        {
            card.AppendLine();
            card.AppendLine(culture, $"{rung.Name}: {rung.Note}");
        }

        return card.ToString();
    }
}
