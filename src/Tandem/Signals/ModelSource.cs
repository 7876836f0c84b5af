using Tandem.Generations;
using Tandem.Training.FineTuning;
using Tandem.Worlds;

namespace Tandem.Signals;

/// <summary>
/// A trained model as a source: its choice and competence heads as distributions over the options, its violation head
/// as a probability for each option.
/// </summary>
public sealed class ModelSource(Laboratory laboratory, TrainedModel model) : ISignalSource<ChoiceItem>
{
    /// <inheritdoc/>
    public string Name => model.Name;

    /// <inheritdoc/>
    public SourceLabels Label(SupervisionRequest<ChoiceItem> request)
    {
        OptionScores scores = laboratory.Score(model, request.Items);
        var rows = new float[]?[request.Items.Count];
        for (int i = 0; i < rows.Length; i++)
        {
            if (scores.Choice(i) < 0 || scores.MostCompetent(i) < 0)
                continue;
            rows[i] = request.Question switch
            {
                SupervisionQuestion.Choice => scores.Distribution(i, ScoreHead.Choice),
                SupervisionQuestion.Competence => scores.Distribution(i, ScoreHead.Competence),
                _ => [.. Enumerable.Range(0, request.Items[i].Options.Count).Select(k => (float)scores.ViolationProbability(i, k))],
            };
        }

        return new SourceLabels(Name, request.Question, rows);
    }
}
