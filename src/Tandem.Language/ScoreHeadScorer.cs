using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// The score head at the last token of continuations of a prompt, as reward models score replies. A prompt goes through the
/// model once for all of its continuations, and beginnings in common once, as with <see cref="ContinuationScorer"/>; a score
/// has the bits that the prompt and its continuation give as a sequence of their own.
/// </summary>
public static class ScoreHeadScorer
{
    /// <summary>The first score head of every continuation: <c>result[question][continuation]</c>.</summary>
    /// <param name="model">A model with score heads.</param>
    /// <param name="questions">The prompts with their continuations.</param>
    /// <param name="pool">The threads; their number does not change the result.</param>
    /// <param name="batchTokens">Tokens of a forward pass, beside those of a longer question; does not change the result.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary, or a question longer than MaximumPositions.</exception>
    public static float[][] Score(Transformer model, IReadOnlyList<ContinuationQuestion> questions, WorkerPool pool, int batchTokens = 4096)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(questions);
        using var tape = new Tape(pool);
        var batch = new TokenBatch();
        float[][] result = new float[questions.Count][];
        foreach (List<PackedPrompt> packed in PromptTree.Batches(questions, 0, batchTokens, batch))
        {
            PackedQuestion[] all = [.. packed.SelectMany(prompt => prompt.Questions)];
            int[] rows = [.. all.SelectMany(question => question.Rows).Select(own => own[^1])];
            tape.Begin(recording: false);
            Tensor scores = model.Scores(tape, model.HiddenOf(tape, batch, rows)); // [continuations, heads]
            int at = 0;
            foreach (var (_, index, ofContinuations) in all)
                result[index] = [.. ofContinuations.Select(_ => scores.Row(at++)[0])];
        }

        return result;
    }
}
