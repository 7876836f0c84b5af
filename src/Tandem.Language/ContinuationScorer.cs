using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// How probable a model finds continuations of a prompt, as multiple-choice questions are scored. A prompt goes through the
/// model once for all of its continuations, and what prompts begin with in common, be it a text or examples, once for all of
/// them; nothing is padded; logits are computed where they are read. The other questions do not change a question's bits.
/// </summary>
public static class ContinuationScorer
{
    /// <summary>The score of every continuation: <c>result[question][continuation]</c>.</summary>
    /// <param name="model">A model with a language head.</param>
    /// <param name="questions">The questions.</param>
    /// <param name="pool">The threads; their number does not change the result.</param>
    /// <param name="batchTokens">Tokens of a forward pass, beside those of a longer prompt; does not change the result.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary, or a question longer than MaximumPositions.</exception>
    public static ContinuationScore[][] Score(
        Transformer model, IReadOnlyList<ContinuationQuestion> questions, WorkerPool pool, int batchTokens = 4096)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(questions);
        using var tape = new Tape(pool);
        var batch = new TokenBatch();
        var rows = new List<int>(); // of the batch
        var sources = new List<int>(); // for each target its place among them
        var targets = new List<int>();
        var result = new ContinuationScore[questions.Count][];
        List<PromptGroup> groups = PromptGroup.Of(questions, model.Configuration.HiddenSize, batchTokens);
        for (int first = 0; first < groups.Count;)
        {
            batch.Clear();
            rows.Clear();
            sources.Clear();
            targets.Clear();
            int end = first;
            do
                Add(groups[end++], questions, batch, rows, sources, targets);
            while (end < groups.Count && batch.Count + groups[end].Tokens <= batchTokens);

            tape.Begin(recording: false);
            Tensor hidden = tape.GatherRows(model.HiddenOf(tape, batch, [.. rows]), [.. sources]); // [targets, C]
            float[] logProbabilities = new float[targets.Count];
            tape.LogProbabilities(model.Logits(tape, hidden), [.. targets], logProbabilities);
            int at = 0;
            foreach (int question in groups[first..end].SelectMany(group => group.Questions))
                result[question] = [.. questions[question].Continuations.Select(continuation => Sum(logProbabilities, ref at, continuation.Length))];
            first = end;
        }

        return result;
    }

    private static ContinuationScore Sum(float[] logProbabilities, ref int at, int tokens)
    {
        double sum = 0;
        foreach (float logProbability in logProbabilities.AsSpan(at, tokens))
            sum += logProbability;
        at += tokens;
        return new ContinuationScore(sum, tokens);
    }

    // A continuation's first token is foretold by the prompt's last, and nothing by its own last, which is left out.
    private static void Add(
        PromptGroup group, IReadOnlyList<ContinuationQuestion> questions, TokenBatch batch, List<int> rows, List<int> sources, List<int> targets)
    {
        int beginning = batch.Count;
        batch.Add(questions[group.Questions[0]].Prompt.Span[..group.Shared]);
        foreach (int index in group.Questions)
        {
            ContinuationQuestion question = questions[index];
            ReadOnlySpan<int> branch = question.Prompt.Span[group.Shared..];
            int next = batch.AddBranch(group.Shared, branch, [.. question.Continuations.Select(continuation => continuation[..^1])]) + branch.Length;
            int last = rows.Count;
            rows.Add(branch.IsEmpty ? beginning + group.Shared - 1 : next - 1);
            foreach (ReadOnlyMemory<int> continuation in question.Continuations)
            {
                sources.Add(last);
                sources.AddRange(Enumerable.Range(rows.Count, continuation.Length - 1));
                rows.AddRange(Enumerable.Range(next, continuation.Length - 1));
                targets.AddRange(continuation.Span);
                next += continuation.Length - 1;
            }
        }
    }
}

/// <summary>A prompt and the continuations to score.</summary>
public sealed record ContinuationQuestion
{
    /// <summary>Creates a question.</summary>
    /// <param name="prompt">One token or more.</param>
    /// <param name="continuations">One or more, each one token or more.</param>
    /// <exception cref="ArgumentException">The prompt or a continuation is empty, or there is no continuation.</exception>
    public ContinuationQuestion(ReadOnlyMemory<int> prompt, IReadOnlyList<ReadOnlyMemory<int>> continuations)
    {
        ArgumentNullException.ThrowIfNull(continuations);
        if (prompt.IsEmpty)
            throw new ArgumentException("A prompt needs at least one token.", nameof(prompt));
        if (continuations.Count == 0)
            throw new ArgumentException("A question needs at least one continuation.", nameof(continuations));
        for (int i = 0; i < continuations.Count; i++)
        {
            if (continuations[i].IsEmpty)
                throw new ArgumentException($"Continuation {i} has no token: nothing can be said of its probability.", nameof(continuations));
        }

        (Prompt, Continuations) = (prompt, continuations);
    }

    /// <summary>What the continuations follow.</summary>
    public ReadOnlyMemory<int> Prompt { get; }

    /// <summary>The continuations.</summary>
    public IReadOnlyList<ReadOnlyMemory<int>> Continuations { get; }

    /// <summary>The tokens that go through the model.</summary>
    internal int Tokens => Prompt.Length + Continuations.Sum(continuation => continuation.Length - 1);
}

/// <summary>How probable a continuation is.</summary>
/// <param name="LogProbability">The logarithm of its probability given the prompt, in nats.</param>
/// <param name="Tokens">Its tokens, for scores per token.</param>
public readonly record struct ContinuationScore(double LogProbability, int Tokens);
