using System.Text.Json;
using Tandem.Language;

namespace Tandem.Datasets;

/// <summary>
/// UltraFeedback as published (arXiv 2310.01377): <c>instruction</c> and <c>completions</c> with <c>response</c>,
/// <c>overall_score</c> and, in <c>annotations</c>, a rating from 1 to 5 for each of four aspects. The pair is the completion
/// with the highest overall score against the one with the lowest; the first in the file's order where several have it.
/// </summary>
/// <remarks>
/// Some overall scores of 10 are a 1 that was misread. The rule: an overall score of 10 beside a mean aspect rating of at
/// most 2 becomes 1. It is counted.
/// </remarks>
internal sealed class UltraFeedbackFormat : IDataFormat
{
    public const string Misread = "an overall score of 10 beside aspect ratings of at most 2 on average: taken as 1";
    public const string NoDifference = "all completions have the same score";
    public const string TooFew = "fewer than two completions have a score";

    private const double MisreadScore = 10;
    private const double HighestMeanOfMisread = 2;
    private static readonly string[] Aspects = ["instruction_following", "honesty", "truthfulness", "helpfulness"];

    public static bool Recognizes(DataRow row) => row.Has("instruction") && row.Is("completions", JsonValueKind.Array);

    public void Read(DataRow row, RecordSink sink)
    {
        var scored = new List<(string Response, double Score)>();
        foreach (DataRow completion in row.Rows("completions"))
        {
            if (Score(completion, sink) is { } score)
                scored.Add((completion.Text("response"), score));
        }

        if (scored.Count < 2)
        {
            sink.Drop(TooFew);
            return;
        }

        (string best, double highest) = scored.MaxBy(s => s.Score);
        (string worst, double lowest) = scored.MinBy(s => s.Score);
        if (highest == lowest)
            sink.Drop(NoDifference);
        else
            Turns.AddPreference([new ChatTurn(ChatRole.User, row.Text("instruction"))], best, worst, row, sink, r => r with { Margin = highest - lowest, Section = row.OptionalText("source") });
    }

    private static double? Score(DataRow completion, RecordSink sink)
    {
        double? mean = completion.OptionalNumber("fine-grained_score") ?? MeanRating(completion);
        double? overall = completion.OptionalNumber("overall_score");
        if (overall == MisreadScore && mean <= HighestMeanOfMisread)
        {
            sink.Correct(Misread);
            return 1;
        }

        return overall ?? mean;
    }

    private static double? MeanRating(DataRow completion)
    {
        if (!completion.Has("annotations"))
            return null;
        DataRow annotations = completion.Object("annotations");
        double[] ratings =
        [
            .. Aspects.Where(annotations.Has).Select(a => annotations.Object(a).OptionalNumber("Rating")).OfType<double>(),
        ];
        return ratings.Length == 0 ? null : ratings.Average();
    }
}
