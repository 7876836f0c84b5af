using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors;

namespace Tandem.Language.Tests;

/// <summary>Batches of random shapes whose sequences have branches, against a sequence of its own for each branch: the bits are the same.</summary>
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
                int next = row + beginning.Length;
                foreach (int[] end in ends.Select(end => end.ToArray()))
                {
                    float[][] own = Alone(transformer, tape, [.. beginning, .. end]);
                    AssertRows(own[..beginning.Length], found[row..(row + beginning.Length)]);
                    AssertRows(own[beginning.Length..], found[next..(next + end.Length)]);
                    next += end.Length;
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
            AssertRows([.. wanted.Select(row => all[row])], Rows(transformer.HiddenOf(tape, batch, wanted)));
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
            foreach (var (question, scores) in questions.Zip(together))
            {
                foreach (var (continuation, score) in question.Continuations.Zip(scores))
                {
                    var alone = new ContinuationQuestion(question.Prompt, [continuation]);
                    Assert.Equal(ContinuationScorer.Score(transformer, [alone], _pool)[0][0], score);
                    Assert.Equal(continuation.Length, score.Tokens);
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
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void Hidden_OfTreesOfBranches_IsThatOfThePathsToTheirRows(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        using var tape = new Tape(_pool);
        Check(shapes =>
        {
            // Each branch begins at a place that is drawn of the path before it.
            var random = new RandomStream((ulong)shapes.Sum(shape => shape.Beginning));
            var batch = new TokenBatch();
            var paths = new List<int[]>(); // to each row
            foreach (var (beginning, ends) in Draw(transformer, shapes))
            {
                batch.Add(beginning);
                int[] path = beginning;
                paths.AddRange(beginning.Select((_, i) => beginning[..(i + 1)]));
                foreach (int[] end in ends.Select(end => end.ToArray()).Where(end => end.Length > 0))
                {
                    int position = 1 + random.NextInt32(path.Length);
                    batch.AddBranch(position, end);
                    path = [.. path[..position], .. end];
                    paths.AddRange(end.Select((_, i) => path[..(position + i + 1)]));
                }
            }

            tape.Begin(recording: false);
            float[][] found = Rows(transformer.Hidden(tape, batch));
            AssertRows([.. paths.Select(path => Alone(transformer, tape, path)[^1])], found);
        });
    }

    [Fact]
    public void Score_WithMoreLogitsThanAreKeptAtATime_IsThatOfEachAlone()
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[0] with { VocabularySize = 140_000, MaximumPositions = 256 });
        var random = new RandomStream(4);
        ContinuationQuestion[] questions = [.. Enumerable.Range(0, 6).Select(i => new ContinuationQuestion(Draw(2 + (i % 3)), [Draw(1), Draw(40), Draw(25)]))];
        int rows = questions.Sum(question => 1 + 39 + 24);
        Assert.InRange(rows, 2 * transformer.RowsOfLogits, int.MaxValue);
        Assert.Equal(
            questions.Select(question => ContinuationScorer.Score(transformer, [question], _pool)[0]), ContinuationScorer.Score(transformer, questions, _pool));

        ReadOnlyMemory<int> Draw(int count) => (int[])[.. Enumerable.Range(0, count).Select(_ => random.NextInt32(140_000))];
    }

    [Fact]
    public void PromptTrees_OfQuestions_SendBeginningsInCommonOnce()
    {
        // Two texts, of which the second begins like the first; questions about each; continuations that begin alike.
        int[] text = [.. Enumerable.Range(100, 20)], other = [.. text[..12], .. Enumerable.Range(200, 5)], unlike = [.. text[..7], 300, 301];
        ReadOnlyMemory<int>[] continuations = [new[] { 1, 2, 3, 4 }, new[] { 1, 2, 5, 6 }, new[] { 1, 2, 3, 9 }, new[] { 7 }];
        int[][] prompts = [[.. other, 50, 51], [.. text, 40, 41], unlike, [.. text, 40, 42], [.. text, 40, 41]];
        ContinuationQuestion[] questions = [.. prompts.Select(prompt => new ContinuationQuestion(prompt, continuations))];
        var batch = new TokenBatch();
        List<PackedPrompt> packed = Assert.Single(PromptTree.Batches(questions, 1, 4096, batch));

        // Without their last tokens the continuations are 1 2 3, 1 2 5, 1 2 3 and nothing; two questions have the same prompt.
        Assert.Equal([22 + 4 + 1 + 4 + 7 + 4, unlike.Length + 4], batch.Offsets[1..].ToArray().Zip(batch.Offsets.ToArray(), (end, start) => end - start));
        foreach (PackedPrompt prompt in packed)
        {
            Assert.Equal(4, prompt.Count);
            foreach (PackedQuestion question in prompt.Questions)
            {
                Assert.Equal(prompts[question.Index][^1], batch.Tokens[prompt.Last]);
                foreach (var (rows, continuation) in question.Rows.Zip(continuations))
                {
                    Assert.Equal(continuation[..^1].ToArray(), rows.Select(row => batch.Tokens[row]));
                    Assert.All(rows, row => Assert.InRange(row, prompt.First, prompt.First + 3));
                }
            }
        }

        Assert.Equal(questions.Length, PromptTree.Batches(questions, 1, 1, new TokenBatch()).Count());
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

    private static void AssertRows(float[][] expected, float[][] found) =>
        Assert.Equal(expected.Select(row => row.Select(BitConverter.SingleToInt32Bits)), found.Select(row => row.Select(BitConverter.SingleToInt32Bits)));

    private sealed record BranchedSequence(int[] Beginning, IReadOnlyList<ReadOnlyMemory<int>> Ends);
}
