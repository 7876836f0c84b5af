using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors;

namespace Tandem.Language.Tests;

/// <summary>
/// Batches of random shapes whose sequences have branches, against a sequence of its own for each branch. Sums over keys
/// run through 16 lanes by the place of the key in its sequence, so bits are equal where a branch has its keys in the lanes
/// that they have alone: for the beginning, for the first branch with a token, and after a multiple of 16 hidden keys.
/// </summary>
public sealed class BranchTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void Hidden_OfBranches_IsThatOfSequencesOfTheirOwn(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        using var tape = new Tape(_pool);
        Check(shapes =>
        {
            BranchedSequence[] sequences = Draw(transformer, shapes);
            var batch = new TokenBatch();
            foreach (BranchedSequence sequence in sequences)
                batch.AddBranches(sequence.Beginning, sequence.Ends);
            tape.Begin(recording: false);
            float[][] found = Rows(transformer.Hidden(tape, batch));
            int row = 0;
            foreach (var (beginning, ends) in sequences)
            {
                int next = row + beginning.Length, hidden = 0;
                foreach (int[] end in ends.Select(end => end.ToArray()))
                {
                    float[][] own = Alone(transformer, tape, [.. beginning, .. end]);
                    AssertRows(own[..beginning.Length], found[row..(row + beginning.Length)], sameBits: true);
                    AssertRows(own[beginning.Length..], found[next..(next + end.Length)], sameBits: hidden % 16 == 0);
                    next += end.Length;
                    hidden += end.Length;
                }

                row = next;
            }

            Assert.Equal(batch.Count, row);
        });
    }

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void HiddenOf_AnyRowsOfBranchedBatches_HasTheBitsOfHidden(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        using var tape = new Tape(_pool);
        Check(shapes =>
        {
            var batch = new TokenBatch();
            foreach (BranchedSequence sequence in Draw(transformer, shapes))
                batch.AddBranches(sequence.Beginning, sequence.Ends);
            tape.Begin(recording: false);
            float[][] all = Rows(transformer.Hidden(tape, batch));
            var random = new RandomStream((ulong)batch.Count);
            int[] wanted = [.. Enumerable.Range(0, 1 + random.NextInt32(2 * batch.Count)).Select(_ => random.NextInt32(batch.Count))];
            AssertRows([.. wanted.Select(row => all[row])], Rows(transformer.HiddenOf(tape, batch, wanted)), sameBits: true);
        });
    }

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void Score_ContinuationsTogether_IsThatOfEachAlone(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        Check(shapes =>
        {
            ContinuationQuestion[] questions = [.. Draw(transformer, shapes)
                .Select(s => new ContinuationQuestion(s.Beginning, [.. s.Ends.Select(end => (ReadOnlyMemory<int>)(int[])[1, .. end.Span])]))];
            ContinuationScore[][] together = ContinuationScorer.Score(transformer, questions, _pool);
            Assert.Equal(together, ContinuationScorer.Score(transformer, questions, _pool, batchTokens: 1));
            Assert.Equal(together.Reverse(), ContinuationScorer.Score(transformer, [.. questions.Reverse()], _pool, batchTokens: 40));
            for (int i = 0; i < questions.Length; i++)
            {
                int hidden = 0;
                for (int k = 0; k < together[i].Length; k++)
                {
                    ReadOnlyMemory<int> continuation = questions[i].Continuations[k];
                    ContinuationScore alone = ContinuationScorer.Score(
                        transformer, [new ContinuationQuestion(questions[i].Prompt, [continuation])], _pool)[0][0];
                    Assert.Equal(continuation.Length, together[i][k].Tokens);
                    Assert.Equal(
                        alone.LogProbability, together[i][k].LogProbability, hidden % 16 == 0 ? 0 : 1e-5 * continuation.Length);
                    hidden += continuation.Length - 1;
                }
            }
        });
    }

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void Score_QuestionsWithCommonBeginnings_HasTheBitsOfEachAlone(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        using var rewards = SmallModels.Random(SmallModels.Kinds[kind] with { ScoreHeads = 1 });
        Check(shapes =>
        {
            // Each beginning with each set of ends, as questions about the same text; some questions are the same.
            ContinuationQuestion[] questions =
            [
                .. Draw(transformer, shapes).SelectMany(s => s.Ends.Select(question => new ContinuationQuestion(
                    (int[])[.. s.Beginning, .. question.Span],
                    [.. s.Ends.Select((end, i) => (ReadOnlyMemory<int>)(int[])[1 + (i % 2), .. end.Span])]))),
            ];
            ContinuationScore[][] alone = [.. questions.Select(question => ContinuationScorer.Score(transformer, [question], _pool)[0])];
            Assert.Equal(alone, ContinuationScorer.Score(transformer, questions, _pool));
            Assert.Equal(alone.Reverse(), ContinuationScorer.Score(transformer, [.. questions.Reverse()], _pool, batchTokens: 150));
            float[][] rewardsAlone = [.. questions.Select(question => ScoreHeadScorer.Score(rewards, [question], _pool)[0])];
            Assert.DoesNotContain(0f, rewardsAlone.SelectMany(scores => scores));
            Assert.Equal(rewardsAlone, ScoreHeadScorer.Score(rewards, questions, _pool));
            Assert.Equal(rewardsAlone.Reverse(), ScoreHeadScorer.Score(rewards, [.. questions.Reverse()], _pool, batchTokens: 150));
        });
    }

    [Theory]
    [InlineData(0, 12, 3 * 530)] // nothing in common
    [InlineData(500, 12, 500 + (2 * 32) + 30)] // a text in common; two of the three questions fill up lanes
    [InlineData(20, 4096, 20 + 512 + 510 + 530)] // little: the third would go through the scores of too many keys of others
    [InlineData(20, 12, 3 * 530)] // little, and a model so small that already the second does
    [InlineData(5000, 12, 5000 + (2 * 32) + 30)] // more than a forward pass takes of several questions
    public void PromptGroups_OfThreeQuestions_ShareWhatSavesWork(int common, int width, int tokens)
    {
        int number = 0;
        ContinuationQuestion[] questions =
        [
            .. Enumerable.Range(0, 3).Select(_ => new ContinuationQuestion(
                (int[])[.. new int[common], .. Enumerable.Range(0, common >= 500 ? 10 : 510 - common).Select(_ => ++number)],
                [new int[11], new int[11]])),
        ];
        List<PromptGroup> groups = PromptGroup.Of(questions, 1, width, 4096);
        Assert.Equal([0, 1, 2], groups.SelectMany(group => group.Questions).Order());
        Assert.Equal(tokens, groups.Sum(group => group.Tokens));
    }

    public void Dispose() => _pool.Dispose();

    // Lengths of beginnings, and of ends with 16 well represented and empty ones among them.
    private static void Check(Action<List<(int Beginning, List<int> Ends)>> property)
    {
        Gen<int> ends = Gen.OneOf(Gen.Choose(0, 5), Gen.Choose(0, 40), Gen.Elements(0, 16, 32));
        Gen<(int, List<int>)> sequence = Gen.Choose(1, 40).SelectMany(
            _ => Gen.Choose(1, 5).SelectMany(count => Gen.ListOf(ends, count)), (beginning, list) => (beginning, list.ToList()));
        Gen<List<(int, List<int>)>> batch = Gen.Choose(1, 3).SelectMany(count => Gen.ListOf(sequence, count)).Select(list => list.ToList());
        Prop.ForAll(batch.ToArbitrary(), property).Check(Config.QuickThrowOnFailure.WithMaxTest(25));
    }

    private static BranchedSequence[] Draw(Transformer transformer, List<(int Beginning, List<int> Ends)> shapes)
    {
        ulong seed = 0;
        return [.. shapes.Select(shape => new BranchedSequence(
            Tokens(shape.Beginning), [.. shape.Ends.Select(length => (ReadOnlyMemory<int>)Tokens(length))]))];

        int[] Tokens(int count) => SmallModels.Tokens(transformer.Configuration, count, seed++);
    }

    private static float[][] Alone(Transformer transformer, Tape tape, int[] tokens)
    {
        var batch = new TokenBatch();
        batch.Add(tokens);
        tape.Begin(recording: false);
        return Rows(transformer.Hidden(tape, batch));
    }

    private static float[][] Rows(Tensor x) => [.. Enumerable.Range(0, x.Rows).Select(i => x.Row(i).ToArray())];

    private static void AssertRows(float[][] expected, float[][] found, bool sameBits)
    {
        Assert.Equal(expected.Length, found.Length);
        foreach (var (expectedRow, foundRow) in expected.Zip(found))
        {
            if (sameBits)
            {
                Assert.Equal(expectedRow.Select(BitConverter.SingleToInt32Bits), foundRow.Select(BitConverter.SingleToInt32Bits));
                continue;
            }

            foreach (var (e, f) in expectedRow.Zip(foundRow))
                Assert.Equal(e, f, 1e-5f);
        }
    }

    private sealed record BranchedSequence(int[] Beginning, IReadOnlyList<ReadOnlyMemory<int>> Ends);
}
