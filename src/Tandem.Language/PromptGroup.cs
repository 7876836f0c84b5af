using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Questions whose prompts begin with the same tokens, which go through the model once for all of them.</summary>
/// <param name="Questions">Their places in the list of all.</param>
/// <param name="Shared">The tokens in common; the whole prompt of a question by itself.</param>
/// <param name="Tokens">The tokens that go through the model, with those that fill up lanes.</param>
/// <param name="Left">The tokens at the end of each continuation that do not go through the model.</param>
internal sealed record PromptGroup(List<int> Questions, int Shared, int Tokens, int Left)
{
    /// <summary>Packs all questions, group by group, and gives what is in the batch before it is packed anew.</summary>
    /// <param name="questions">The questions.</param>
    /// <param name="left">See <see cref="Left"/>.</param>
    /// <param name="width">The model's width.</param>
    /// <param name="batchTokens">Tokens of a batch, beside those of a longer prompt.</param>
    /// <param name="batch">What is packed.</param>
    /// <returns>The questions of each batch in the order of their rows.</returns>
    public static IEnumerable<List<PackedQuestion>> Batches(
        IReadOnlyList<ContinuationQuestion> questions, int left, int width, int batchTokens, TokenBatch batch)
    {
        var packed = new List<PackedQuestion>();
        foreach (PromptGroup group in Of(questions, left, width, batchTokens))
        {
            if (packed.Count > 0 && batch.Count + group.Tokens > batchTokens)
            {
                yield return packed;
                packed.Clear();
            }

            if (packed.Count == 0)
                batch.Clear();
            group.AddTo(batch, questions, packed);
        }

        if (packed.Count > 0)
            yield return packed;
    }

    /// <summary>Groups all questions, neighbours in the order of their prompts first.</summary>
    /// <param name="questions">The questions.</param>
    /// <param name="left">See <see cref="Left"/>.</param>
    /// <param name="width">The model's width.</param>
    /// <param name="mostTokens">Tokens of a group; but a quarter of them has room behind a beginning of any length.</param>
    public static List<PromptGroup> Of(IReadOnlyList<ContinuationQuestion> questions, int left, int width, int mostTokens)
    {
        int[] order = [.. Enumerable.Range(0, questions.Count)];
        Array.Sort(order, (a, b) =>
        {
            int difference = questions[a].Prompt.Span.SequenceCompareTo(questions[b].Prompt.Span);
            return difference != 0 ? difference : a - b;
        });
        var groups = new List<PromptGroup>();
        foreach (int next in order)
        {
            if (groups.Count > 0 && groups[^1].With(next, questions, width, mostTokens) is { } larger)
                groups[^1] = larger;
            else
                groups.Add(new PromptGroup([next], questions[next].Prompt.Length, questions[next].Tokens(left), left));
        }

        return groups;
    }

    private void AddTo(TokenBatch batch, IReadOnlyList<ContinuationQuestion> questions, List<PackedQuestion> packed)
    {
        int beginning = batch.Count;
        batch.Add(questions[Questions[0]].Prompt.Span[..Shared]);
        foreach (int index in Questions)
        {
            ContinuationQuestion question = questions[index];
            ReadOnlySpan<int> branch = question.Prompt.Span[Shared..];
            int next = batch.AddBranch(Shared, branch, [.. question.Continuations.Select(continuation => continuation[..^Left])]) + branch.Length;
            packed.Add(new PackedQuestion(question, index, branch.IsEmpty ? beginning + Shared - 1 : next - 1, next));
        }
    }

    // The group with one more question; null where that takes longer than the question by itself.
    private PromptGroup? With(int next, IReadOnlyList<ContinuationQuestion> questions, int width, int mostTokens)
    {
        int shared = questions[next].Prompt.Span.CommonPrefixLength(questions[Questions[0]].Prompt.Span[..Shared]);
        if (shared == 0)
            return null;
        int tokens = shared, before = 0;
        foreach (int question in (IEnumerable<int>)[.. Questions, next])
        {
            before = tokens;
            tokens = shared + RoundUp(tokens - shared) + questions[question].Tokens(Left) - shared;
        }

        // Attention goes through the scores of hidden keys too: 4 operations per column against the 24 of a layer's weights.
        long hidden = (long)(before - shared) * (tokens - before), saved = (long)Tokens + questions[next].Tokens(Left) - tokens;
        return tokens <= Math.Max(mostTokens, shared + (mostTokens / 4)) && hidden < 6L * width * saved ? new PromptGroup([.. Questions, next], shared, tokens, Left) : null;
    }

    private static int RoundUp(int tokens) => (tokens + VectorMath.Lanes - 1) / VectorMath.Lanes * VectorMath.Lanes;
}

/// <summary>A question in a batch.</summary>
/// <param name="Question">The question.</param>
/// <param name="Index">Its place in the list of all.</param>
/// <param name="Last">The row of its prompt's last token.</param>
/// <param name="Next">The row of its first continuation's first token; the others follow.</param>
internal readonly record struct PackedQuestion(ContinuationQuestion Question, int Index, int Last, int Next);
