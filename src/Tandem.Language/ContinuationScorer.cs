using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// How probable a model finds continuations of a prompt, as multiple-choice questions are scored. A prompt goes through the
/// model once for all of its continuations, and so does what continuations begin with in common, and what prompts begin with
/// in common, be it a text or examples; nothing is padded; logits are computed where they are read. A score has the bits that
/// the prompt and its continuation give as a sequence of their own.
/// </summary>
public static class ContinuationScorer
{
    /// <summary>The score of every continuation: <c>result[question][continuation]</c>.</summary>
    /// <param name="model">A model with a language head.</param>
    /// <param name="questions">The questions.</param>
    /// <param name="pool">The threads; their number does not change the result.</param>
    /// <param name="batchTokens">Tokens of a forward pass, beside those of a longer question; does not change the result.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary, or a question longer than MaximumPositions.</exception>
    public static ContinuationScore[][] Score(
        Transformer model, IReadOnlyList<ContinuationQuestion> questions, WorkerPool pool, int batchTokens = 4096)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(questions);
        using var tape = new Tape(pool);
        using var heads = new Tape(pool);
        var batch = new TokenBatch();
        var rows = new List<int>(); // of the batch
        var sources = new List<int>(); // for each target its place among them
        var targets = new List<int>();
        var result = new ContinuationScore[questions.Count][];

        // A continuation's first token is foretold by the prompt's last, and nothing by its own last, which is left out.
        foreach (List<PackedPrompt> packed in PromptTree.Batches(questions, 1, batchTokens, batch))
        {
            rows.Clear();
            sources.Clear();
            targets.Clear();
            foreach (PackedPrompt prompt in packed)
                Add(prompt, rows, sources, targets);

            tape.Begin(recording: false);
            Tensor hidden = model.HiddenOf(tape, batch, [.. rows]); // [rows, C]
            float[] logProbabilities = LogProbabilities(model, heads, hidden, [.. sources], [.. targets]);
            int at = 0;
            foreach (var (question, index, _) in packed.SelectMany(prompt => prompt.Questions))
                result[index] = [.. question.Continuations.Select(continuation => Sum(logProbabilities, ref at, continuation.Length))];
        }

        return result;
    }

    // Logits of a large vocabulary outgrow everything else: they are computed some rows at a time.
    private static unsafe float[] LogProbabilities(Transformer model, Tape tape, Tensor hidden, int[] sources, int[] targets)
    {
        int[] places = [.. Enumerable.Range(0, targets.Length)];
        Array.Sort((int[])sources.Clone(), places);
        int[] columns = [.. places.Select(place => targets[place])];
        float[] found = new float[targets.Length];
        for (int first = 0, at = 0; first < hidden.Rows; first += model.RowsOfLogits)
        {
            int count = Math.Min(model.RowsOfLogits, hidden.Rows - first);
            int[] rows = [.. places.Skip(at).Select(place => sources[place] - first).TakeWhile(row => row < count)];
            tape.Begin(recording: false);
            var some = new Tensor(hidden.Data + ((long)first * hidden.Columns), null, count, hidden.Columns); // [count, C]
            tape.LogProbabilities(model.Logits(tape, some), rows, columns.AsSpan(at, rows.Length), found.AsSpan(at, rows.Length));
            at += rows.Length;
        }

        Array.Sort(places, found);
        return found;
    }

    private static ContinuationScore Sum(float[] logProbabilities, ref int at, int tokens)
    {
        double sum = 0;
        foreach (float logProbability in logProbabilities.AsSpan(at, tokens))
            sum += logProbability;
        at += tokens;
        return new ContinuationScore(sum, tokens);
    }

    private static void Add(PackedPrompt prompt, List<int> rows, List<int> sources, List<int> targets)
    {
        int last = rows.Count;
        rows.Add(prompt.Last);
        rows.AddRange(Enumerable.Range(prompt.First, prompt.Count));
        foreach (var (question, _, ofContinuations) in prompt.Questions)
        {
            foreach (var (continuation, own) in question.Continuations.Zip(ofContinuations))
            {
                sources.Add(last);
                sources.AddRange(own.Select(row => last + 1 + row - prompt.First));
                targets.AddRange(continuation.Span);
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

    /// <summary>The tokens without some at the end of each continuation.</summary>
    internal int Tokens(int left) => Prompt.Length + Continuations.Sum(continuation => continuation.Length - left);
}

/// <summary>How probable a continuation is.</summary>
/// <param name="LogProbability">The logarithm of its probability given the prompt, in nats.</param>
/// <param name="Tokens">Its tokens, for scores per token.</param>
public readonly record struct ContinuationScore(double LogProbability, int Tokens);
