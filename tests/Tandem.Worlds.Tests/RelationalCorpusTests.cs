using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors;
using Tandem.Training.Pretraining;
using Tandem.Worlds.Relational;

namespace Tandem.Worlds.Tests;

public sealed class RelationalCorpusTests
{
    private static readonly WorldVocabulary Words = RelationalWords.Vocabulary;
    private readonly RelationalCorpus _corpus = new();

    private PretrainingRow Row(ulong seed, CurriculumStage stage, int length = 128)
    {
        var row = new PretrainingRow(length);
        _corpus.Next(new RandomStream(seed), stage, row);
        return row;
    }

    [Fact]
    public void Vocabulary_Words_FitTheEmbeddingAndRoundTrip()
    {
        Assert.InRange(Words.Count, 1, 128);
        int[] all = [.. Enumerable.Range(0, Words.Count)];
        Assert.Equal(all, Words.Encode(Words.Decode(all)));
        Assert.Equal("coin", Words[RelationalWords.FirstItem]);
        Assert.Equal("jar", Words[RelationalWords.FirstBox]);
        Assert.Equal("ada", Words[RelationalWords.FirstPerson]);
        Assert.Equal("wet", Words[RelationalWords.FirstValue]);
        foreach (Relation relation in Enum.GetValues<Relation>())
            Assert.Equal(Words[RelationalWords.Token(relation)] + "?", Words[RelationalWords.QueryToken(relation)]);
        Assert.Throws<UserFaultException>(() => Words["zebra"]);
    }

    [Theory]
    [InlineData(CurriculumStage.Recall)]
    [InlineData(CurriculumStage.Easy)]
    [InlineData(CurriculumStage.Mix)]
    public void Row_AnySeed_AnswersAgreeWithAnIndependentSimulator(CurriculumStage stage) =>
        Prop.ForAll<DoNotSize<ulong>>(sized =>
        {
            ulong seed = sized.Item;
            PretrainingRow row = Row(seed, stage);
            string[] words = [.. row.Tokens.Select(t => Words[t])];
            var world = new NaiveWorld();
            for (int t = 1; t + 3 < words.Length && words[t] != "<pad>";)
            {
                if (words[t] == "now")
                {
                    if (t + 5 < words.Length && words[t + 3] is "nil" or "one" or "two" or "fine" or "wrong")
                    {
                        (int payoff, bool violates) = world.Judge(words[t + 1], words[t + 2]);
                        string[] expected = [new[] { "nil", "one", "two" }[payoff], violates ? "wrong" : "fine"];
                        Assert.Equal(expected.Order(), words[(t + 3)..(t + 5)].Order());
                        Assert.Equal(".", words[t + 5]);
                        t += 3;
                    }

                    t += 3;
                }
                else
                {
                    if (row.AnswerKinds[t + 2] == (byte)QueryKind.Recall)
                        Assert.Equal(world.Fact(words[t + 1], words[t][..^1]), words[t + 2]);
                    else if (words[t].EndsWith('?'))
                        Assert.Equal(world.Answer(words[t], words[t + 1]), words[t + 2]);
                    else
                        world.Tell(words[t], words[t + 1], words[t + 2]);
                    t += 3;
                }
            }
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(CurriculumStage.Recall)]
    [InlineData(CurriculumStage.Easy)]
    [InlineData(CurriculumStage.Mix)]
    public void Row_AnySeed_WeighsAnswersAndNeverAsksTwice(CurriculumStage stage) =>
        Prop.ForAll<DoNotSize<ulong>>(sized =>
        {
            ulong seed = sized.Item;
            PretrainingRow row = Row(seed, stage);
            var world = new NaiveWorld();
            var asked = new HashSet<string>();
            Assert.Equal(RelationalWords.Begin, row.Tokens[0]);
            Assert.Equal(0f, row.Weights[0]);
            for (int t = 1; t < row.Tokens.Length; t++)
            {
                bool answer = row.AnswerKinds[t] != 0;
                Assert.Equal(answer, row.Weights[t] == 1f);
                Assert.True(answer || !row.FirstAsked[t]);
                Assert.Equal(row.Tokens[t] == RelationalWords.Pad, row.Weights[t] == 0f);
                string word = Words[row.Tokens[t]];
                string before = Words[row.Tokens[t - 1]];
                if (!answer && t >= 2 && row.AnswerKinds[t - 1] == 0 && before is "in" or "of" or "feels" or "pays" or "says" or "is" or "got")
                    world.Tell(Words[row.Tokens[t - 2]], before, word);
                // A single answer follows its query at once; the two of an action follow "now VERB OBJECT".
                if (answer && Words[row.Tokens[t - 2]] is var query && query.EndsWith('?'))
                {
                    bool direct = query is "in?" or "got?" || row.AnswerKinds[t] == (int)QueryKind.Recall;
                    Assert.True(asked.Add(query + (direct ? before : world.Top(before))), $"{query} {before} is asked twice");
                }
                else if (answer && row.AnswerKinds[t - 1] == 0 && Words[row.Tokens[t - 2]] == "take")
                {
                    Assert.True(asked.Add("take" + world.Top(before)), $"take {before} is asked twice");
                }
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task Row_SameSeed_IsIdenticalOnOtherThreads()
    {
        for (ulong i = 0; i < 50; i++)
        {
            ulong seed = i;
            PretrainingRow here = Row(seed, CurriculumStage.Mix);
            PretrainingRow there = await Task.Factory.StartNew(
                () => Row(seed, CurriculumStage.Mix), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            Assert.Equal(here.Tokens, there.Tokens);
            Assert.Equal(here.Weights, there.Weights);
            Assert.Equal(here.AnswerKinds, there.AnswerKinds);
            Assert.Equal(here.FirstAsked, there.FirstAsked);
        }
    }

    [Fact]
    public void Row_ReusedBuffer_IsOverwrittenCompletely()
    {
        PretrainingRow reused = Row(1, CurriculumStage.Mix);
        _corpus.Next(new RandomStream(2), CurriculumStage.Recall, reused);
        PretrainingRow fresh = Row(2, CurriculumStage.Recall);
        Assert.Equal(fresh.Tokens, reused.Tokens);
        Assert.Equal(fresh.AnswerKinds, reused.AnswerKinds);
        Assert.Equal(fresh.FirstAsked, reused.FirstAsked);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(64)]
    [InlineData(512)]
    public void Row_OtherLengths_AreFilled(int length)
    {
        for (ulong seed = 0; seed < 50; seed++)
        {
            PretrainingRow row = Row(seed, CurriculumStage.Mix, length);
            Assert.Equal(length + 1, row.Tokens.Length);
            Assert.All(row.Tokens, token => Assert.InRange(token, 0, Words.Count - 1));
        }
    }

    [Fact]
    public void Mix_ManyRows_HoldsEveryKindOfAnswerAndTheShareOfAgentQueries()
    {
        int[] kinds = new int[_corpus.AnswerKindNames.Count];
        double queries = 0;
        double agent = 0;
        var random = new RandomStream(3);
        var row = new PretrainingRow(128);
        for (int i = 0; i < 2000; i++)
        {
            _corpus.Next(random, CurriculumStage.Mix, row);
            foreach (byte kind in row.AnswerKinds)
                kinds[kind]++;
        }

        for (int kind = 1; kind < kinds.Length; kind++)
        {
            Assert.True(kinds[kind] > 200, $"{_corpus.AnswerKindNames[kind]}: {kinds[kind]}");
            if (kind < (int)QueryKind.ViolationDepth0 || kind == (int)QueryKind.AgentPayoff)
                queries += kinds[kind];
        }

        agent = kinds[(int)QueryKind.AgentPayoff] / queries;
        Assert.InRange(agent, 0.05, 0.09);
    }

    [Fact]
    public void Corpus_ShareOfHands_ChangesHowManyRowsHaveOne()
    {
        int Hands(double share)
        {
            IPretrainingCorpus corpus = new RelationalWorld().Corpus(new Dictionary<string, double> { ["hand_share"] = share });
            var row = new PretrainingRow(128);
            return Enumerable.Range(0, 200).Count(seed =>
            {
                corpus.Next(new RandomStream((ulong)seed), CurriculumStage.Mix, row);
                return row.Tokens.Contains(RelationalWords.Hand);
            });
        }

        Assert.Equal(0, Hands(0));
        Assert.InRange(Hands(1), 150, 200);
    }

    [Theory]
    [InlineData("hand_share", 1.5, "[0, 1]")]
    [InlineData("hand_shares", 0.5, "hand_share, take_query_share and agent_query_share")]
    public void Corpus_WrongProportion_IsAFaultThatNamesTheRange(string name, double share, string said)
    {
        UserFaultException fault = Assert.Throws<UserFaultException>(
            () => new RelationalWorld().Corpus(new Dictionary<string, double> { [name] = share }));
        Assert.Contains(said, fault.Message);
    }
}
