using Tandem.Tensors;

namespace Tandem.Training.Pretraining;

/// <summary>
/// An unbounded, seeded source of pre-training text: rows of T+1 tokens in which a weight says how much each token's
/// prediction counts. Rows are independent of each other, so that row i can be drawn from a stream forked by i, on any
/// thread and in any order.
/// </summary>
public interface IPretrainingCorpus
{
    /// <summary>
    /// The names of the kinds of answer, by the index in <see cref="PretrainingRow.AnswerKinds"/>. Index 0 is
    /// "not an answer" and is never reported.
    /// </summary>
    IReadOnlyList<string> AnswerKindNames { get; }

    /// <summary>What rows depend on besides their stream and stage, as text: training is resumed with the same only.</summary>
    string Settings { get; }

    /// <summary>
    /// Fills a row, overwriting every element of its four arrays. Allocates nothing in the steady state and is safe
    /// to call from several threads when each has its own <paramref name="random"/> and <paramref name="row"/>.
    /// </summary>
    /// <param name="random">The only source of randomness: the same stream gives the same row.</param>
    /// <param name="stage">Which mixture of rows the curriculum asks for.</param>
    /// <param name="row">The row to fill; its length is the caller's choice.</param>
    void Next(RandomStream random, CurriculumStage stage, PretrainingRow row);
}

/// <summary>
/// One row of pre-training text and what it is worth. All four arrays have T+1 elements: a model reads the tokens
/// 0 … T−1 and predicts the tokens 1 … T.
/// </summary>
/// <param name="Tokens">The tokens, T+1 of them.</param>
/// <param name="Weights">
/// <c>Weights[t]</c> is the loss weight of predicting <c>Tokens[t]</c> from the tokens before it; 0 leaves it out.
/// <c>Weights[0]</c> is never used.
/// </param>
/// <param name="AnswerKinds">0 when the token is not an answer, else an index into <see cref="IPretrainingCorpus.AnswerKindNames"/>.</param>
/// <param name="FirstAsked">
/// Whether the token is an answer that cannot be copied from an earlier answer of this row. The curriculum and the
/// evaluation count these answers only.
/// </param>
public sealed record PretrainingRow(int[] Tokens, float[] Weights, byte[] AnswerKinds, bool[] FirstAsked)
{
    /// <summary>Creates an empty row for a model that reads <paramref name="length"/> tokens (T).</summary>
    public PretrainingRow(int length)
        : this(new int[length + 1], new float[length + 1], new byte[length + 1], new bool[length + 1])
    {
    }

    /// <summary>T: the number of tokens that a model reads, one less than the number of tokens.</summary>
    public int Length => Tokens.Length - 1;
}

/// <summary>
/// The stages of the pre-training curriculum. Retrieval is learned in hundreds of steps when it is trained first and
/// alone, and hardly at all from the full mixture.
/// </summary>
public enum CurriculumStage
{
    /// <summary>Facts, then direct one-hop questions about them.</summary>
    Recall,

    /// <summary>A quarter of recall rows, the rest mostly short chains.</summary>
    Easy,

    /// <summary>The full mixture.</summary>
    Mix,
}
