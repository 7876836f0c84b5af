using System.Text.Json;
using Tandem.Tensors;
using Xunit.Abstractions;

namespace Tandem.Language.Tests;

public sealed class GenerationTests(ITestOutputHelper output) : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void CachedDecoder_PromptThenTokens_GivesTheBitsOfTheFullForwardPass(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        using var decoder = new CachedDecoder(transformer, _pool, sequences: 2);
        int[] tokens = SmallModels.Tokens(transformer.Configuration, 150);
        float[][] full = FullLogits(transformer, tokens);

        // A prompt beside a sequence that grows from one token.
        Assert.Equal(full[129], decoder.Append(0, tokens.AsSpan(0, 130)).Values.ToArray());
        Assert.Equal(full[0], decoder.Append(1, tokens.AsSpan(0, 1)).Values.ToArray());
        for (int i = 1; i < 20; i++)
        {
            var logits = decoder.Append([1, 0], [tokens[i], tokens[129 + i]]);
            Assert.Equal(full[i], logits.Row(0).ToArray());
            Assert.Equal(full[129 + i], logits.Row(1).ToArray());
        }

        decoder.Cache.Truncate(0, 40);
        Assert.Equal(full[42], decoder.Append(0, tokens.AsSpan(40, 3)).Values.ToArray());
        Assert.Equal(43, decoder.Cache.Length(0));
    }

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void CachedDecoder_PromptsAndTokensPacked_GivesTheBitsOfTheFullForwardPass(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        using var decoder = new CachedDecoder(transformer, _pool, sequences: 11);
        int[] lengths = [140, 1, 118, 30, 150, 150, 150, 150, 150, 150];
        int[][] tokens = [.. lengths.Select((n, i) => SmallModels.Tokens(transformer.Configuration, n + 2, (ulong)i))];
        float[][][] full = [.. tokens.Select(t => FullLogits(transformer, t))];
        int[] sequences = [4, 0, 3, 1, 5, 6, 7, 8, 9, 10];

        // More than a forward pass takes at once: the last prompt is cut.
        var batch = new TokenBatch();
        for (int i = 0; i < lengths.Length; i++)
            batch.Add(tokens[i].AsSpan(0, lengths[i]));
        Tensor logits = decoder.Append(sequences, batch);
        for (int i = 0; i < lengths.Length; i++)
            Assert.Equal(full[i][lengths[i] - 1], logits.Row(i).ToArray());

        // One token, two tokens and a prompt anew together.
        batch.Clear();
        decoder.Cache.Truncate(3, 0);
        batch.Add(tokens[0].AsSpan(140, 1));
        batch.Add(tokens[2].AsSpan(0, 50));
        batch.Add(tokens[3].AsSpan(30, 2));
        logits = decoder.Append([4, 3, 1], batch);
        Assert.Equal(full[0][140], logits.Row(0).ToArray());
        Assert.Equal(full[2][49], logits.Row(1).ToArray());
        Assert.Equal(full[3][31], logits.Row(2).ToArray());
        Assert.Equal([1, 32, 0, 50, 141], Enumerable.Range(0, 5).Select(decoder.Cache.Length));
    }

    [Fact]
    public void CachedDecoder_SteadyState_AllocatesNothing()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        using var decoder = new CachedDecoder(transformer, _pool, sequences: 2);
        var sampler = new Sampler(0.8, 5, 0.9);
        var random = new RandomStream(1);
        int[] sequences = [0, 1], next = [3, 4];
        Decode(30);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Decode(30);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Decode(int count)
        {
            for (int i = 0; i < count; i++)
            {
                var logits = decoder.Append(sequences, next);
                for (int row = 0; row < next.Length; row++)
                    next[row] = sampler.Next(logits.Row(row), random);
            }
        }
    }

    [Fact]
    public void CachedDecoder_WeightsChangedAndSequencesEmptied_GivesTheBitsOfTheChangedModel()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        using var decoder = new CachedDecoder(transformer, _pool, sequences: 2);
        using var generator = new Generator(transformer, _pool, slots: 3);
        int[] tokens = SmallModels.Tokens(transformer.Configuration, 20);
        for (ulong seed = 1; seed < 4; seed++)
        {
            transformer.Initialize(new RandomStream(seed));
            float[][] full = FullLogits(transformer, tokens);
            Assert.Equal(full[18], decoder.Append(1, tokens.AsSpan(0, 19)).Values.ToArray());
            Assert.Equal(full[19], decoder.Append(1, tokens.AsSpan(19)).Values.ToArray());
            decoder.Cache.Truncate(1, 0);

            // More prompts and then fewer: no slot keeps what is of other weights.
            using var fresh = new Generator(transformer, _pool);
            int[][] prompts = [.. Enumerable.Range(0, 4 - (int)seed).Select(i => tokens[i..(i + 5)])];
            int[][] found = generator.GenerateEach(prompts, 6, Sampler.Greedy, new RandomStream(1));
            Assert.Equal([.. prompts.Select(prompt => fresh.Generate(prompt, 6, Sampler.Greedy, new RandomStream(1)))], found);
        }
    }

    [Fact]
    public void CachedDecoder_WrongUse_Throws()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        using var decoder = new CachedDecoder(transformer, _pool, sequences: 2, capacity: 3);
        decoder.Append(0, [1, 2, 3]);
        Assert.Throws<InvalidOperationException>(() => decoder.Append(0, [1]));
        Assert.Throws<ArgumentException>(() => decoder.Append(1, []));
        Assert.Throws<ArgumentException>(() => decoder.Append([1, 1], [1, 2]));
        Assert.Throws<ArgumentException>(() => decoder.Append([1], [1, 2]));
        Assert.Throws<ArgumentException>(() => decoder.Append([], new TokenBatch()));
        var branches = new TokenBatch();
        branches.AddBranches([1], [new[] { 2 }, new[] { 3 }]);
        Assert.Throws<ArgumentException>(() => decoder.Append([1], branches));
    }

    [Fact]
    public void CachedDecoder_OneSequenceFull_ChangesNone()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        using var decoder = new CachedDecoder(transformer, _pool, sequences: 2, capacity: 3);
        decoder.Append(1, [1, 2]);
        var batch = new TokenBatch();
        batch.Add([1, 2]);
        batch.Add([3, 4]);
        Assert.Throws<InvalidOperationException>(() => decoder.Append([0, 1], batch));
        Assert.Equal(0, decoder.Cache.Length(0));
        Assert.Equal(2, decoder.Cache.Length(1));
    }

    [Fact]
    public void Generate_ManyPromptsInFewSlots_GivesEachWhatItGetsAlone()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        int[][] prompts = [.. Enumerable.Range(1, 7).Select(n => SmallModels.Tokens(transformer.Configuration, n, (ulong)n))];
        var sampler = new Sampler(1.0, topP: 0.95);
        int[] stops = [3, 5];
        using var one = new Generator(transformer, _pool, slots: 1, capacity: 40);
        using var three = new Generator(transformer, _pool, slots: 3, capacity: 40);

        int[][] expected = one.GenerateEach(prompts, 25, sampler, new RandomStream(9), stops);
        int[][] actual = three.GenerateEach(prompts, 25, sampler, new RandomStream(9), stops);

        Assert.Equal(expected, actual);
        Assert.All(actual, tokens =>
        {
            Assert.InRange(tokens.Length, 1, 25);
            Assert.DoesNotContain(tokens.SkipLast(1), stops.Contains);
            Assert.True(tokens.Length == 25 || stops.Contains(tokens[^1]));
        });
        Assert.NotEqual(actual, three.GenerateEach(prompts, 25, sampler, new RandomStream(10), stops));
    }

    [Fact]
    public void Generate_LimitsOfTheirOwn_GivesEachTheBeginningOfItsContinuation()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        int[][] prompts = [.. Enumerable.Range(1, 6).Select(n => SmallModels.Tokens(transformer.Configuration, n, (ulong)n))];
        int[] limits = [3, 0, 12, 1, 7, 100];
        var sampler = new Sampler(1.0);
        using var generator = new Generator(transformer, _pool, slots: 2, capacity: 18);

        int[][] whole = generator.GenerateEach(prompts, 100, sampler, new RandomStream(4));
        int[][] limited = generator.GenerateEach(prompts, limits, sampler, new RandomStream(4));

        Assert.Equal([3, 0, 12, 1, 7, 13], limited.Select(tokens => tokens.Length));
        Assert.Equal(whole.Zip(limits, (tokens, limit) => tokens.Take(limit)), limited);
        Assert.Throws<ArgumentException>(() => generator.GenerateEach(prompts, [1, 2], sampler, new RandomStream(4)));
        Assert.Throws<ArgumentOutOfRangeException>(() => generator.GenerateEach([[1]], [-1], sampler, new RandomStream(4)));
    }

    [Fact]
    public void Generate_MoreTokens_AllocatesNothingButTheTokens()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        int[][] prompts = [.. Enumerable.Range(1, 5).Select(n => SmallModels.Tokens(transformer.Configuration, n, (ulong)n))];
        using var generator = new Generator(transformer, _pool, slots: 2);
        var sampler = new Sampler(0.8, 5, 0.9);
        Allocated(40);

        Assert.Equal(prompts.Length * 20 * sizeof(int), Allocated(40) - Allocated(20));

        long Allocated(int tokens)
        {
            var random = new RandomStream(1);
            long before = GC.GetAllocatedBytesForCurrentThread();
            generator.GenerateEach(prompts, tokens, sampler, random);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public void Generate_CapacityReached_EndsThere()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        using var generator = new Generator(transformer, _pool, capacity: 10);
        Assert.Equal(7, generator.Generate([1, 2, 3, 4], 100, Sampler.Greedy, new RandomStream(1)).Length);
        Assert.Empty(generator.Generate([1, 2, 3, 4], 0, Sampler.Greedy, new RandomStream(1)));
        Assert.Throws<UserFaultException>(() => generator.Generate(new int[10], 1, Sampler.Greedy, new RandomStream(1)));
        Assert.Throws<UserFaultException>(() => generator.Generate([], 1, Sampler.Greedy, new RandomStream(1)));
    }

    [Theory]
    [MemberData(nameof(TransformerFixtureTests.CausalModels), MemberType = typeof(TransformerFixtureTests))]
    public void Generate_Greedy_EqualsTransformers(string name)
    {
        if (Fixtures.Find(name, output) is not { } folder)
            return;
        using var transformer = Transformer.Load(folder);
        using var reference = SafeTensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using var generator = new Generator(transformer, _pool);
        int[] expected = [.. reference.ReadIntegers("greedy.ids").Select(i => (int)i)];
        int prompt = (int)reference.Entry("greedy.prompt").Count;
        Assert.Equal(expected[prompt..], generator.Generate(expected[..prompt], expected.Length - prompt, Sampler.Greedy, new RandomStream(1)));

        using var decoder = new CachedDecoder(transformer, _pool);
        float[] logits = reference.ReadFloats("greedy.step_logits");
        for (int step = 0; step < expected.Length - prompt; step++)
        {
            var row = step == 0 ? decoder.Append(0, expected.AsSpan(0, prompt)) : decoder.Append(0, expected.AsSpan(prompt + step - 1, 1));
            for (int j = 0; j < row.Columns; j++)
                Assert.Equal(logits[(step * row.Columns) + j], row.Values[j], 1e-4f);
        }
    }

    [Fact]
    public void Generate_TrainedStoriesModel_TellsTheStory()
    {
        if (Fixtures.Find("stories260K_llama", output) is not { } folder)
            return;
        using var transformer = Transformer.Load(folder);
        using var generator = new Generator(transformer, _pool);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "expected.json")));
        var texts = json.RootElement.GetProperty("greedy").EnumerateObject().ToList();
        Assert.NotEmpty(texts);
        foreach (var text in texts)
        {
            int[] prompt = Integers(text.Value.GetProperty("prompt_ids"));
            int[] expected = Integers(text.Value.GetProperty("ids"));
            Assert.Equal(
                expected[prompt.Length..],
                generator.Generate(prompt, expected.Length - prompt.Length, Sampler.Greedy, new RandomStream(1)));
        }

        JsonElement told = json.RootElement.GetProperty("greedy_from_bos");
        int[] story = Integers(told.GetProperty("ids"));
        int[] continuation = generator.Generate(story[..1], story.Length - 1, Sampler.Greedy, new RandomStream(1));
        Assert.Equal(story[1..], continuation);
        Assert.Equal(told.GetProperty("text").GetString(), Tokenizers.Load(folder).Decode([story[0], .. continuation], skipSpecialTokens: true));

        static int[] Integers(JsonElement list) => [.. list.EnumerateArray().Select(e => e.GetInt32())];
    }

    public void Dispose() => _pool.Dispose();

    private float[][] FullLogits(Transformer transformer, int[] tokens)
    {
        using var tape = new Tape(_pool);
        var batch = new TokenBatch();
        batch.Add(tokens);
        tape.Begin(recording: false);
        var logits = transformer.Logits(tape, transformer.Hidden(tape, batch));
        return [.. Enumerable.Range(0, tokens.Length).Select(i => logits.Row(i).ToArray())];
    }
}
