using Tandem.Generations;
using Tandem.Worlds;

namespace Tandem.Signals;

/// <summary>The simulated human with a budget: labels as many items as the budget allows and abstains on the others.</summary>
public sealed class HumanSource(SupervisionConfiguration configuration, int budget) : ISignalSource<ChoiceItem>
{
    /// <inheritdoc/>
    public string Name => "human (simulated)";

    /// <summary>Items labelled so far.</summary>
    public int LabelsGiven { get; private set; }

    /// <inheritdoc/>
    public SourceLabels Label(SupervisionRequest<ChoiceItem> request)
    {
        var human = new SimulatedHuman(configuration, request.Random);
        var rows = new float[]?[request.Items.Count];
        for (int i = 0; i < Math.Min(budget, rows.Length); i++)
        {
            HumanLabel label = human.Label(request.Items[i]);
            int options = request.Items[i].Options.Count;
            rows[i] = request.Question switch
            {
                SupervisionQuestion.Choice => Targets.OneHot(label.Good, options),
                SupervisionQuestion.Competence => Targets.OneHot(label.MostCompetent, options),
                _ => [.. label.Violations.Select(v => v ? 1f : 0f)],
            };
        }

        LabelsGiven += human.LabelsGiven;
        return new SourceLabels(Name, request.Question, rows);
    }
}

/// <summary>Training targets.</summary>
public static class Targets
{
    /// <summary>All weight on one option.</summary>
    public static float[] OneHot(int option, int options)
    {
        var row = new float[options];
        row[option] = 1f;
        return row;
    }
}
