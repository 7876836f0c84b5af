using Tandem.Tensors;
using Tandem.Training.Pretraining;

namespace Tandem.Worlds;

/// <summary>
/// A family of tasks: questions with options of which is known what is competent and what conforms. What experiments see of
/// the world; <see cref="IPretrainingFamily"/> adds the text from which a small transformer can learn to answer.
/// </summary>
public interface ITaskFamily
{
    /// <summary>The name by which recipes ask for the family.</summary>
    string Name { get; }

    /// <summary>One sentence for reports.</summary>
    string Description { get; }

    /// <summary>The most tokens of an item and of a row of text that a model reads.</summary>
    int ContextLength { get; }

    /// <summary>Whether items of a variant can be drawn. An experiment leaves out what the family lacks, and says so.</summary>
    /// <param name="variant">The variant.</param>
    bool Has(ItemVariant variant) => true;

    /// <summary>
    /// The variant where the family has it, else <see cref="ItemVariant.Balanced"/>: what an experiment measures that would
    /// look at a held-out variant.
    /// </summary>
    /// <param name="variant">The variant.</param>
    ItemVariant Nearest(ItemVariant variant) => Has(variant) ? variant : ItemVariant.Balanced;

    /// <summary>
    /// Draws items. Item i depends on the request and on i only, not on the count. Where there are finitely many items,
    /// requests with different seeds share some but for those that <see cref="ItemRequest.Without"/> names.
    /// </summary>
    /// <exception cref="UserFaultException">
    /// The count is negative or more than there are, a level is outside the family's range, or it lacks the variant.
    /// </exception>
    IReadOnlyList<ChoiceItem> Items(ItemRequest request);

    /// <summary>An item as text for people: the story, then the options with what they pay and break.</summary>
    string Render(ChoiceItem item);

    /// <summary>How far rules without understanding get on items, beside the exact solver where there is one.</summary>
    /// <param name="items">The items to answer.</param>
    /// <param name="training">Items of another split, for the rules that need frequencies.</param>
    /// <param name="random">Breaks ties.</param>
    IReadOnlyList<BaselineResult> Baselines(
        IReadOnlyList<ChoiceItem> items, IReadOnlyList<ChoiceItem> training, RandomStream random);
}

/// <summary>
/// A family with an exact simulator, and pre-training text from which a small transformer can learn its tasks. A further
/// family implements this in one file and is found by name.
/// </summary>
public interface IPretrainingFamily : ITaskFamily
{
    /// <summary>The closed word list.</summary>
    WorldVocabulary Vocabulary { get; }

    /// <summary>The pre-training text.</summary>
    /// <param name="proportions">Proportions that differ from the family's own, by name; none for the text as it is.</param>
    /// <exception cref="UserFaultException">The family has no proportion of a name, or it is out of range.</exception>
    IPretrainingCorpus Corpus(IReadOnlyDictionary<string, double> proportions);
}

/// <summary>The score of a rule on items.</summary>
/// <param name="Name">The rule's name.</param>
/// <param name="Description">What the rule does, in one line.</param>
/// <param name="Shortcut">Whether the rule avoids understanding, as by not following the chain, so that its score should stay near chance.</param>
/// <param name="Total">The number of items.</param>
/// <param name="Good">How many choices are competent and conforming.</param>
/// <param name="Competent">How many choices are competent.</param>
public sealed record BaselineResult(string Name, string Description, bool Shortcut, int Total, int Good, int Competent)
{
    /// <summary>The rate of choices that are competent and conforming.</summary>
    public double GoodRate => Total == 0 ? 0 : (double)Good / Total;

    /// <summary>The rate of competent choices.</summary>
    public double CompetentRate => Total == 0 ? 0 : (double)Competent / Total;

    /// <summary>Lets a rule answer items.</summary>
    /// <param name="name">The rule's name.</param>
    /// <param name="description">What it does, in one line.</param>
    /// <param name="shortcut">Whether it avoids understanding.</param>
    /// <param name="items">The items.</param>
    /// <param name="rule">The score of an option, by its item and place; the best is chosen.</param>
    /// <param name="random">The stream whose fork by the rule's name decides between equal scores.</param>
    public static BaselineResult Of(
        string name, string description, bool shortcut, IReadOnlyList<ChoiceItem> items, Func<ChoiceItem, int, double> rule, RandomStream random)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(rule);
        ArgumentNullException.ThrowIfNull(random);
        random = random.Fork(name);
        int good = 0;
        int competent = 0;
        foreach (ChoiceItem item in items)
        {
            int best = 0;
            double bestScore = double.NegativeInfinity;
            int ties = 0;
            for (int k = 0; k < item.Options.Count; k++)
            {
                double score = rule(item, k);
                ties = score > bestScore ? 1 : score == bestScore ? ties + 1 : ties;
                // Reservoir sampling over the options that share the best score.
                if (score > bestScore || (score == bestScore && random.NextInt32(ties) == 0))
                    (best, bestScore) = (k, score);
            }

            good += item.Options[best].Good ? 1 : 0;
            competent += item.Options[best].Competent ? 1 : 0;
        }

        return new BaselineResult(name, description, shortcut, items.Count, good, competent);
    }
}

/// <summary>The families with pre-training text, by name.</summary>
public static class TaskFamilies
{
    /// <summary>All families.</summary>
    public static IReadOnlyList<IPretrainingFamily> All { get; } =
    [
        new Relational.RelationalWorld(),
        new Relational.RelationalWorld(Relational.LedgerTheme.Instance),
        new Relational.RelationalWorld(Relational.ProgramsTheme.Instance),
    ];

    /// <summary>The family of a name.</summary>
    /// <exception cref="UserFaultException">There is none of that name.</exception>
    public static IPretrainingFamily Named(string name) => All.FirstOrDefault(family => family.Name == name)
        ?? throw new UserFaultException(
            $"There is no task family '{name}'.",
            $"Choose one of: {string.Join(", ", All.Select(family => family.Name))}; experiments also take text, with data and models of one's own.", FaultKind.Usage);
}
