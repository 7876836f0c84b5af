namespace Tandem.Language;

/// <summary>
/// Questions packed as trees: what the prompts of neighbours in their order begin with in common goes through the model once,
/// and so does what the continuations of a prompt, of one question or several, begin with in common.
/// </summary>
internal sealed class PromptTree
{
    // A beginning that is shorter is not worth a sequence in common: sequences are what the threads of attention share out.
    private const int ShortestShared = 8;

    private readonly IReadOnlyList<ContinuationQuestion> _questions;
    private readonly TokenBatch _batch;
    private readonly int _left;
    private readonly List<int> _prompt = []; // the rows of the last prompt

    private PromptTree(IReadOnlyList<ContinuationQuestion> questions, int left, TokenBatch batch) =>
        (_questions, _left, _batch) = (questions, left, batch);

    /// <summary>Packs all questions and gives what is in the batch before it is packed anew.</summary>
    /// <param name="questions">The questions.</param>
    /// <param name="left">The tokens at the end of each continuation that do not go through the model.</param>
    /// <param name="batchTokens">Tokens of a batch, beside those of a longer question.</param>
    /// <param name="batch">What is packed.</param>
    /// <returns>The prompts of each batch in the order of their rows.</returns>
    public static IEnumerable<List<PackedPrompt>> Batches(
        IReadOnlyList<ContinuationQuestion> questions, int left, int batchTokens, TokenBatch batch)
    {
        int[] order = [.. Enumerable.Range(0, questions.Count)];
        Array.Sort(order, (a, b) =>
        {
            int difference = questions[a].Prompt.Span.SequenceCompareTo(questions[b].Prompt.Span);
            return difference != 0 ? difference : a - b;
        });
        var tree = new PromptTree(questions, left, batch);
        var packed = new List<PackedPrompt>();
        batch.Clear();
        for (int next = 0; next < order.Length;)
        {
            ReadOnlyMemory<int> prompt = questions[order[next]].Prompt;
            int shared = packed.Count == 0 ? 0 : Shared(questions[order[next - 1]].Prompt, prompt);
            shared = shared < ShortestShared ? 0 : shared;
            if (packed.Count > 0 && batch.Count + questions[order[next]].Tokens(left) - shared > batchTokens)
            {
                yield return packed;
                packed.Clear();
                batch.Clear();
                shared = 0;
            }

            // Questions with the same prompt, as many as there is room for.
            int end = next;
            for (int tokens = batch.Count; end < order.Length && prompt.Span.SequenceEqual(questions[order[end]].Prompt.Span); end++)
            {
                tokens += questions[order[end]].Tokens(left) - (end == next ? shared : prompt.Length);
                if (end > next && tokens > batchTokens)
                    break;
            }

            packed.Add(tree.Add(order[next..end], shared));
            next = end;
        }

        if (packed.Count > 0)
            yield return packed;
    }

    // Questions with the same prompt.
    private PackedPrompt Add(int[] indices, int shared)
    {
        _prompt.RemoveRange(shared, _prompt.Count - shared);
        _prompt.AddRange(Rows(shared, _questions[indices[0]].Prompt[shared..]));
        int last = _prompt[^1], first = _batch.Count;
        var packed = new PackedQuestion[indices.Length];
        var continuations = new List<(int Question, int Place, ReadOnlyMemory<int> Tokens)>();
        for (int i = 0; i < indices.Length; i++)
        {
            ContinuationQuestion question = _questions[indices[i]];
            packed[i] = new PackedQuestion(question, indices[i], new int[question.Continuations.Count][]);
            continuations.AddRange(question.Continuations.Select((continuation, place) => (i, place, continuation[..^_left])));
        }

        continuations.Sort((a, b) => a.Tokens.Span.SequenceCompareTo(b.Tokens.Span));
        ReadOnlyMemory<int> before = default;
        int[] rows = [];
        foreach (var (question, place, tokens) in continuations)
        {
            int common = Shared(before, tokens);
            rows = [.. rows[..common], .. Rows(_prompt.Count + common, tokens[common..])];
            (packed[question].Rows[place], before) = (rows, tokens);
        }

        return new PackedPrompt(last, first, _batch.Count - first, packed);
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
}

/// <summary>A prompt in a batch, with the questions that it is the prompt of.</summary>
/// <param name="Last">The row of its last token.</param>
/// <param name="First">The first of the rows that its continuations have; the others follow.</param>
/// <param name="Count">How many they have.</param>
/// <param name="Questions">The questions.</param>
internal sealed record PackedPrompt(int Last, int First, int Count, PackedQuestion[] Questions);

/// <summary>A question in a batch.</summary>
/// <param name="Question">The question.</param>
/// <param name="Index">Its place in the list of all.</param>
/// <param name="Rows">Of each continuation the rows of its tokens, but of those that do not go through the model.</param>
internal readonly record struct PackedQuestion(ContinuationQuestion Question, int Index, int[][] Rows);
