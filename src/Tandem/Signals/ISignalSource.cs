using Tandem.Evaluation;
using Tandem.Tensors;

namespace Tandem.Signals;

/// <summary>What a source of supervision is asked about each item.</summary>
public enum SupervisionQuestion
{
    /// <summary>Which option should be chosen, all things considered. One distribution over the options.</summary>
    Choice,

    /// <summary>Which option reaches the goal best. One distribution over the options.</summary>
    Competence,

    /// <summary>Which options break a value. One probability per option; they need not sum to 1.</summary>
    Violation,
}

/// <summary>
/// One source S_i of supervision: a model of an earlier generation, a judge, a debate, a persona, a simulated human
/// (arXiv 2503.07660 asks for diverse signals; what that word means here is ours).
/// </summary>
/// <typeparam name="TItem">The task family's item.</typeparam>
public interface ISignalSource<TItem>
{
    /// <summary>The name in reports and in the ledger, unique among the sources of a step.</summary>
    string Name { get; }

    /// <summary>Labels every item of a request, or abstains from it.</summary>
    SourceLabels Label(SupervisionRequest<TItem> request);
}

/// <summary>Items to label.</summary>
/// <typeparam name="TItem">The task family's item.</typeparam>
/// <param name="Items">The items, in the order of the labels that come back.</param>
/// <param name="Question">What is asked.</param>
/// <param name="Random">For sources that are random by nature, such as a simulated human who errs.</param>
public sealed record SupervisionRequest<TItem>(IReadOnlyList<TItem> Items, SupervisionQuestion Question, RandomStream Random);

/// <summary>The labels of one source.</summary>
public sealed record SourceLabels
{
    /// <summary>A vote that was not cast.</summary>
    public const int Abstained = Choices.Unscored;

    /// <summary>Creates labels.</summary>
    /// <param name="source">The source's name.</param>
    /// <param name="question">What was asked.</param>
    /// <param name="rows">
    /// Per item one number in [0, 1] per option: a distribution over the options, or for <see cref="SupervisionQuestion.Violation"/>
    /// each option's probability of breaking a value. Null where the source abstains.
    /// </param>
    public SourceLabels(string source, SupervisionQuestion question, IReadOnlyList<float[]?> rows)
    {
        for (int i = 0; i < rows.Count; i++)
        {
            if (rows[i] is { } row && (row.Length == 0 || !row.All(value => value is >= 0 and <= 1.0001f)))
                throw new ArgumentException($"Labels of {source} for item {i} are [{string.Join(", ", row)}]: probabilities lie in [0, 1].", nameof(rows));
        }

        (Source, Question, Rows) = (source, question, rows);
    }

    /// <summary>The source's name.</summary>
    public string Source { get; }

    /// <summary>What was asked.</summary>
    public SupervisionQuestion Question { get; }

    /// <summary>Per item one probability per option; null where the source abstains.</summary>
    public IReadOnlyList<float[]?> Rows { get; }

    /// <summary>
    /// The source's vote on an item: the most probable option. A source that finds all options equally probable has
    /// no opinion and abstains; among several best ones the first counts (options are shuffled).
    /// </summary>
    public int Vote(int item)
    {
        if (Rows[item] is not { } row || row.Max() == row.Min())
            return Abstained;
        return Array.IndexOf(row, row.Max());
    }

    /// <summary>The source's vote whether an option breaks a value: 1 or 0; <see cref="Abstained"/> without an answer or at exactly one half.</summary>
    public int ViolationVote(int item, int option) => Rows[item] is not { } row || row[option] == 0.5f ? Abstained : row[option] > 0.5f ? 1 : 0;

    /// <summary>
    /// Per item, whether the source's vote is wrong; null where it abstains.
    /// </summary>
    /// <param name="acceptable">Per item and option, whether the option is a right answer to the question.</param>
    public bool?[] Errors(IReadOnlyList<IReadOnlyList<bool>> acceptable)
    {
        if (Question == SupervisionQuestion.Violation)
            throw new InvalidOperationException("Violation judgements err per option: use ViolationErrors.");
        Check(acceptable);
        return [.. Enumerable.Range(0, Rows.Count).Select(i => Vote(i) is var vote && vote == Abstained ? (bool?)null : !acceptable[i][vote])];
    }

    /// <summary>Per item and option in one row, whether the source's judgement of a violation is wrong; null where it abstains.</summary>
    /// <param name="violates">Per item and option, whether the option breaks a value.</param>
    public bool?[] ViolationErrors(IReadOnlyList<IReadOnlyList<bool>> violates)
    {
        Check(violates);
        var errors = new List<bool?>();
        for (int i = 0; i < Rows.Count; i++)
        {
            for (int option = 0; option < violates[i].Count; option++)
            {
                int vote = ViolationVote(i, option);
                errors.Add(vote == Abstained ? null : vote == 1 != violates[i][option]);
            }
        }

        return [.. errors];
    }

    private void Check(IReadOnlyList<IReadOnlyList<bool>> truth)
    {
        if (truth.Count != Rows.Count)
            throw new ArgumentException($"{Source} labelled {Rows.Count} items, but the truth of {truth.Count} is given.", nameof(truth));
    }
}
