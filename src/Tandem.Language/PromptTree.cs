namespace Tandem.Language;

/// <summary>
/// Questions packed as trees: what the prompts of neighbours in their order begin with in common goes through the model once,
/// and so does what the continuations of a question begin with in common.
/// </summary>
internal sealed class PromptTree
{
    // A beginning that is shorter is not worth a sequence in common: sequences are what the threads of attention share out.
    private const int ShortestShared = 8;

    private readonly IReadOnlyList<ContinuationQuestion> _questions;
    private readonly TokenBatch _batch;
    private readonly int _left;
    private readonly List<int> _prompt = []; // the rows of the last question's prompt

    private PromptTree(IReadOnlyList<ContinuationQuestion> questions, int left, TokenBatch batch) =>
        (_questions, _left, _batch) = (questions, left, batch);

    /// <summary>Packs all questions and gives what is in the batch before it is packed anew.</summary>
    /// <param name="questions">The questions.</param>
    /// <param name="left">The tokens at the end of each continuation that do not go through the model.</param>
    /// <param name="batchTokens">Tokens of a batch, beside those of a longer question.</param>
    /// <param name="batch">What is packed.</param>
    /// <returns>The questions of each batch in the order of their rows.</returns>
    public static IEnumerable<List<PackedQuestion>> Batches(
        IReadOnlyList<ContinuationQuestion> questions, int left, int batchTokens, TokenBatch batch)
    {
        int[] order = [.. Enumerable.Range(0, questions.Count)];
        Array.Sort(order, (a, b) => Compare(questions[a].Prompt, a, questions[b].Prompt, b));
        var tree = new PromptTree(questions, left, batch);
        var packed = new List<PackedQuestion>();
        batch.Clear();
        foreach (int index in order)
        {
            int shared = packed.Count == 0 ? 0 : Shared(questions[packed[^1].Index].Prompt, questions[index].Prompt);
            shared = shared < ShortestShared ? 0 : shared;
            if (packed.Count > 0 && batch.Count + questions[index].Tokens(left) - shared > batchTokens)
            {
                yield return packed;
                packed.Clear();
                batch.Clear();
                shared = 0;
            }

            packed.Add(tree.Add(index, shared));
        }

        if (packed.Count > 0)
            yield return packed;
    }

    private PackedQuestion Add(int index, int shared)
    {
        ContinuationQuestion question = _questions[index];
        _prompt.RemoveRange(shared, _prompt.Count - shared);
        _prompt.AddRange(Rows(shared, question.Prompt[shared..]));
        int last = _prompt[^1], first = _batch.Count;
        int[][] rows = new int[question.Continuations.Count][];
        int[] order = [.. Enumerable.Range(0, rows.Length)];
        Array.Sort(order, (a, b) => Compare(question.Continuations[a], a, question.Continuations[b], b));
        for (int i = 0; i < order.Length; i++)
        {
            ReadOnlyMemory<int> continuation = question.Continuations[order[i]][..^_left];
            int[] before = i == 0 ? [] : rows[order[i - 1]];
            int common = i == 0 ? 0 : Math.Min(before.Length, Shared(question.Continuations[order[i - 1]], continuation));
            rows[order[i]] = [.. before[..common], .. Rows(_prompt.Count + common, continuation[common..])];
        }

        return new PackedQuestion(question, index, last, first, _batch.Count - first, rows);
    }

    // The rows of tokens that follow the last token at the position before.
    private IEnumerable<int> Rows(int position, ReadOnlyMemory<int> tokens)
    {
        int first = _batch.Count;
        if (position == 0)
            _batch.Add(tokens.Span);
        else
            _batch.AddBranch(position, tokens.Span);
        return Enumerable.Range(first, tokens.Length);
    }

    private static int Shared(ReadOnlyMemory<int> a, ReadOnlyMemory<int> b) => a.Span.CommonPrefixLength(b.Span);

    private static int Compare(ReadOnlyMemory<int> a, int indexOfA, ReadOnlyMemory<int> b, int indexOfB)
    {
        int difference = a.Span.SequenceCompareTo(b.Span);
        return difference != 0 ? difference : indexOfA - indexOfB;
    }
}

/// <summary>A question in a batch.</summary>
/// <param name="Question">The question.</param>
/// <param name="Index">Its place in the list of all.</param>
/// <param name="Last">The row of its prompt's last token.</param>
/// <param name="First">The first of the rows that its continuations have; the others follow.</param>
/// <param name="Count">How many they have.</param>
/// <param name="Rows">Of each continuation the rows of its tokens, but of those that do not go through the model.</param>
internal readonly record struct PackedQuestion(ContinuationQuestion Question, int Index, int Last, int First, int Count, int[][] Rows);
