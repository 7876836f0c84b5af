using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;

namespace Tandem.Paradigms.Sandwiching.Facts;

/// <summary>Two options of an item as a question to be debated by quoting facts of its story.</summary>
internal sealed class FactQuestion
{
    private readonly ChoiceItem _item;
    private readonly int[] _options;

    private FactQuestion(IFactFamily family, ChoiceItem item, int[] options, int right)
    {
        (_item, _options, Facts) = (item, options, family.Facts(item));
        Question = new DebateQuestion(
            item.Id, family.Question(item), [.. options.Select(option => family.OptionText(item, option))], right,
            string.Join('\n', Facts.Select(fact => fact.Text)));
    }

    /// <summary>The question in words.</summary>
    public DebateQuestion Question { get; }

    /// <summary>The facts of the story, in order.</summary>
    public IReadOnlyList<StoryFact> Facts { get; }

    /// <summary>
    /// Draws the distractor, among the options that are not good, and the order of the two answers. Null for an item
    /// without a good option, a distractor or a fact.
    /// </summary>
    public static FactQuestion? Draw(IFactFamily family, ChoiceItem item, RandomStream random)
    {
        int[] all = [.. Enumerable.Range(0, item.Options.Count)];
        int[] good = [.. all.Where(option => item.Options[option].Good)], others = [.. all.Where(option => !item.Options[option].Good)];
        if (good.Length == 0 || others.Length == 0)
            return null;
        int chosen = random.Choose(good), distractor = random.Choose(others), right = random.NextInt32(2);
        var question = new FactQuestion(family, item, right == 0 ? [chosen, distractor] : [distractor, chosen], right);
        return question.Facts.Count == 0 ? null : question;
    }

    /// <summary>
    /// The story reduced to some facts, in the order of the story, the question, and the clauses of the two answers: what a reader who is
    /// shown these facts only reads. The first score is of the answer that stands first.
    /// </summary>
    /// <param name="facts">Indices into <see cref="Facts"/>; repeated ones count once.</param>
    /// <param name="swapped">Whether the second answer stands first.</param>
    public OptionExample Reduce(IEnumerable<int> facts, bool swapped)
    {
        var tokens = new List<int>(_item.Tokens.Length);
        tokens.AddRange(_item.Tokens.AsSpan(0, Facts[0].Start));
        foreach (int fact in facts.Distinct().Order())
            tokens.AddRange(Fact(fact));
        tokens.AddRange(_item.Tokens.AsSpan((Facts[^1].Start + Facts[^1].Length).._item.StoryLength));
        int[] positions = new int[2];
        for (int place = 0; place < 2; place++)
        {
            tokens.AddRange(Clause(swapped ? 1 - place : place));
            positions[place] = tokens.Count - 1;
        }

        return new OptionExample([.. tokens], positions);
    }

    /// <summary>The tokens of an answer's clause, up to the one at which it is scored.</summary>
    public ReadOnlySpan<int> Clause(int answer)
    {
        int option = _options[answer], end = _item.ScorePositions[option] + 1;
        return _item.Tokens.AsSpan((option == 0 ? _item.StoryLength : _item.ScorePositions[option - 1] + 1)..end);
    }

    /// <summary>The tokens of a fact.</summary>
    public ReadOnlySpan<int> Fact(int fact) => _item.Tokens.AsSpan(Facts[fact].Start, Facts[fact].Length);
}
