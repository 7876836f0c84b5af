using Tandem.Tensors;

namespace Tandem.Language.Tests;

public sealed class TransformerTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void LogitsAndScores_PackedSequences_EqualTheScalarForwardPassOfEach(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        var scalar = new ScalarTransformer(transformer);
        using var tape = new Tape(_pool);
        int[][] sequences = [.. new[] { 19, 1, 7 }.Select((n, i) => SmallModels.Tokens(transformer.Configuration, n, (ulong)i))];
        var batch = new TokenBatch();
        foreach (int[] sequence in sequences)
            batch.Add(sequence);
        tape.Begin(recording: false);
        var hidden = transformer.Hidden(tape, batch);
        AssertClose(sequences.SelectMany(scalar.Logits), transformer.Logits(tape, hidden));
        AssertClose(sequences.SelectMany(scalar.Scores), transformer.Scores(tape, hidden));
    }

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void Score_ContinuationsOfPrompts_EqualTheScalarForwardPassOfEach(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        var scalar = new ScalarTransformer(transformer);
        int[][] prompts = [.. new[] { 9, 1, 6 }.Select((n, i) => SmallModels.Tokens(transformer.Configuration, n, (ulong)i))];
        int[][] continuations = [.. new[] { 3, 1, 5, 2 }.Select((n, i) => SmallModels.Tokens(transformer.Configuration, n, (ulong)(10 + i)))];
        ContinuationQuestion[] questions = [.. prompts.Select(p => new ContinuationQuestion(p, [.. continuations.Select(c => (ReadOnlyMemory<int>)c)]))];
        ContinuationScore[][] scores = ContinuationScorer.Score(transformer, questions, _pool);
        for (int i = 0; i < prompts.Length; i++)
        {
            for (int k = 0; k < continuations.Length; k++)
            {
                int[] sequence = [.. prompts[i], .. continuations[k]];
                double[][] logits = [.. scalar.Logits(sequence)];
                double expected = continuations[k]
                    .Select((token, j) => logits[prompts[i].Length + j - 1])
                    .Select((row, j) => row[continuations[k][j]] - Math.Log(row.Sum(Math.Exp))).Sum();
                Assert.Equal(expected, scores[i][k].LogProbability, 1e-4);
                Assert.Equal(continuations[k].Length, scores[i][k].Tokens);
            }
        }

        Assert.Equal(scores, ContinuationScorer.Score(transformer, questions, _pool, batchTokens: 1));
    }

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void HiddenOf_SomeRows_AreThoseOfAllBitForBitWithTheirGradients(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        using var tape = new Tape(_pool);
        var batch = new TokenBatch();
        batch.Add(SmallModels.Tokens(transformer.Configuration, 9));
        batch.Add(SmallModels.Tokens(transformer.Configuration, 4, 2));
        int[] rows = [3, 12, 0, 3], targets = [1, 2, 0, 1];
        (float[] all, float[][] gradients) = Step(() => tape.GatherRows(transformer.Hidden(tape, batch), rows));
        (float[] some, float[][] fewer) = Step(() => transformer.HiddenOf(tape, batch, rows));
        Assert.Equal(all, some);
        foreach (var (expected, found) in gradients.Zip(fewer))
        {
            double largest = expected.Max(Math.Abs);
            for (int i = 0; i < expected.Length; i++)
                Assert.Equal(expected[i], found[i], (1e-5 * largest) + 1e-9);
        }

        Assert.Throws<ArgumentException>(() => transformer.HiddenOf(tape, batch, []));

        (float[] Values, float[][] Gradients) Step(Func<Tensor> hidden)
        {
            tape.Begin(recording: true);
            transformer.Parameters.ZeroGradients();
            Tensor x = hidden();
            float[] values = x.Values.ToArray();
            tape.Backward(tape.TokenCrossEntropy(transformer.Logits(tape, x), targets, [], rows.Length));
            return (values, [.. transformer.Parameters.All.Select(p => p.Tensor.Gradients.ToArray())]);
        }
    }

    [Fact]
    public void ContinuationQuestion_WithoutTokens_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => new ContinuationQuestion(default, [new[] { 1 }]));
        Assert.Throws<ArgumentException>(() => new ContinuationQuestion(new[] { 1 }, []));
        Assert.Throws<ArgumentException>(() => new ContinuationQuestion(new[] { 1 }, [default]));
    }

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void Gradients_EveryParameter_EqualTheSlopeOfTheScalarLoss(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        var scalar = new ScalarTransformer(transformer);
        using var tape = new Tape(_pool);
        int[] tokens = SmallModels.Tokens(transformer.Configuration, 12);
        var batch = new TokenBatch();
        batch.Add(tokens);
        tape.Begin(recording: true);
        transformer.Parameters.ZeroGradients();
        int[] targets = [.. tokens.Skip(1), Tape.IgnoredTarget];
        var loss = tape.TokenCrossEntropy(transformer.Logits(tape, transformer.Hidden(tape, batch)), targets, [], tokens.Length - 1);
        tape.Backward(loss);
        Assert.Equal(scalar.Loss(tokens), loss.Values[0], 1e-5);

        // Along one random direction per parameter, against the central difference in double precision.
        var random = new RandomStream(5);
        foreach (var parameter in transformer.Parameters.All.Where(p => p.Name != "score.weight"))
        {
            double[] values = scalar.Parameters[parameter.Name], original = [.. values];
            double[] direction = [.. values.Select(_ => random.NextGaussian())];
            double slope = (Shifted(1e-5) - Shifted(-1e-5)) / 2e-5;
            double expected = direction.Zip(parameter.Tensor.Gradients.ToArray(), (d, g) => d * g).Sum();
            original.CopyTo(values, 0);
            Assert.True(Math.Abs(slope - expected) < 1e-5 + (1e-4 * Math.Abs(slope)), $"{parameter.Name}: {expected} where the slope is {slope}");

            double Shifted(double step)
            {
                for (int i = 0; i < values.Length; i++)
                    values[i] = original[i] + (step * direction[i]);
                return scalar.Loss(tokens);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(64)]
    public void LogitsAndGradients_AnyNumberOfThreads_HaveTheSameBits(int threads)
    {
        var (expectedLogits, expectedGradients) = Step(_pool);
        using var pool = new WorkerPool(threads);
        var (logits, gradients) = Step(pool);
        Assert.Equal(expectedLogits, logits);
        Assert.Equal(expectedGradients, gradients);

        static unsafe (float[] Logits, float[] Gradients) Step(WorkerPool pool)
        {
            using var transformer = SmallModels.Random(SmallModels.Qwen with { HiddenSize = 64, IntermediateSize = 172, VocabularySize = 200 });
            using var tape = new Tape(pool);
            var batch = new TokenBatch();
            for (int i = 0; i < 6; i++)
                batch.Add(SmallModels.Tokens(transformer.Configuration, 10 + (17 * i), (ulong)i));
            tape.Begin(recording: true);
            transformer.Parameters.ZeroGradients();
            var logits = transformer.Logits(tape, transformer.Hidden(tape, batch));
            tape.Backward(tape.TokenCrossEntropy(logits, batch.Tokens, [], batch.Count));
            return (logits.Values.ToArray(), new Span<float>(transformer.Parameters.Gradients, (int)transformer.Parameters.Length).ToArray());
        }
    }

    [Theory]
    [InlineData(20, true)]
    [InlineData(40_000, true)] // 69 MiB of logits
    [InlineData(40_000, false)]
    public void TokenLoss_OfFewOrManyLogits_HasTheBitsOfTheLossOfLogits(int vocabulary, bool tied)
    {
        const int Sequences = 3, Length = 150, Rows = Sequences * Length;
        using var transformer = SmallModels.Random(SmallModels.Qwen with { VocabularySize = vocabulary, TieWordEmbeddings = tied, HiddenSize = 8, HeadSize = 2 });
        var batch = new TokenBatch();
        for (int i = 0; i < Sequences; i++)
            batch.Add(SmallModels.Tokens(transformer.Configuration, Length, (ulong)i));
        int[] targets = [.. SmallModels.Tokens(transformer.Configuration, Rows, 9).Select((t, i) => i % 10 == 0 ? Tape.IgnoredTarget : t)];
        (float[][] expected, long whole) = Step((tape, hidden) => tape.TokenCrossEntropy(transformer.Logits(tape, hidden), targets, [], Rows));
        (float[][] found, long least) = Step((tape, hidden) => transformer.TokenLoss(tape, hidden, targets, [], Rows));
        Assert.Equal(expected, found);
        if (vocabulary > 20)
            Assert.InRange(least, 1, whole / 8);

        (float[][] LossAndGradients, long Bytes) Step(Func<Tape, Tensor, Tensor> loss)
        {
            using var tape = new Tape(_pool);
            tape.Begin(recording: true);
            transformer.Parameters.ZeroGradients();
            Tensor result = loss(tape, transformer.Hidden(tape, batch));
            tape.Backward(result);
            return ([result.Values.ToArray(), .. transformer.Parameters.All.Select(p => p.Tensor.Gradients.ToArray())], tape.Arena.Capacity);
        }
    }

    [Fact]
    public void Initialize_AnyWidth_StartsNearUniformWithSilentScores()
    {
        foreach (int width in new[] { 16, 48, 192 })
        {
            var configuration = SmallModels.Qwen with { HiddenSize = width, HeadSize = width / 4, TieWordEmbeddings = true, VocabularySize = 100 };
            using var transformer = new Transformer(configuration);
            transformer.Initialize(new RandomStream(1));
            using var tape = new Tape(_pool);
            var batch = new TokenBatch();
            int[] tokens = SmallModels.Tokens(configuration, 100);
            batch.Add(tokens);
            tape.Begin(recording: false);
            var hidden = transformer.Hidden(tape, batch);
            var loss = tape.TokenCrossEntropy(transformer.Logits(tape, hidden), [.. tokens.Skip(1), Tape.IgnoredTarget], [], 99);

            Assert.InRange(loss.Values[0], Math.Log(100) - 0.2f, Math.Log(100) + 1.2f);
            Assert.All(transformer.Scores(tape, hidden).Values.ToArray(), s => Assert.Equal(0f, s));
        }
    }

    [Fact]
    public void Initialize_ParametersAddedLater_DoNotChangeTheOthers()
    {
        using var first = new Transformer(SmallModels.Qwen);
        using var second = new Transformer(SmallModels.Qwen with { Layers = 2, ScoreHeads = 0, AttentionBias = false, ModelType = "llama" });
        first.Initialize(new RandomStream(4));
        second.Initialize(new RandomStream(4));
        Assert.Equal(
            first.Parameters["model.layers.1.mlp.up_proj.weight"].Tensor.Values.ToArray(),
            second.Parameters["model.layers.1.mlp.up_proj.weight"].Tensor.Values.ToArray());
    }

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void SaveThenLoad_Singles_GivesTheSameModel(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        using var folder = new TemporaryFolder();
        transformer.Save(folder.Path);
        using var loaded = Transformer.Load(folder.Path);
        using var clone = transformer.Clone();

        Assert.Equal(transformer.Configuration, loaded.Configuration);
        foreach (var parameter in transformer.Parameters.All)
        {
            Assert.Equal(parameter.Tensor.Values.ToArray(), loaded.Parameters[parameter.Name].Tensor.Values.ToArray());
            Assert.Equal(parameter.Tensor.Values.ToArray(), clone.Parameters[parameter.Name].Tensor.Values.ToArray());
        }

        using var file = SafeTensorsFile.Open(folder["model.safetensors"]);
        Assert.Equal(!transformer.Configuration.TieWordEmbeddings, file.Contains("lm_head.weight"));
    }

    [Theory]
    [InlineData(StorageType.F16, 11)]
    [InlineData(StorageType.BF16, 8)]
    public void SaveThenLoad_Halves_RoundsEachValueToTheNearest(StorageType storage, int significandBits)
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        using var folder = new TemporaryFolder();
        transformer.Save(folder.Path, storage);
        using var loaded = Transformer.Load(folder.Path);
        foreach (var parameter in transformer.Parameters.All)
        {
            foreach (var (expected, actual) in parameter.Tensor.Values.ToArray().Zip(loaded.Parameters[parameter.Name].Tensor.Values.ToArray()))
                Assert.InRange(Math.Abs((double)expected - actual), 0, Math.ScaleB(Math.Abs(expected), -significandBits) + Math.ScaleB(1, -25));
        }
    }

    [Fact]
    public void Load_Shards_GivesTheWholeModel()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        using var folder = new TemporaryFolder();
        transformer.Save(folder.Path);
        using (var whole = SafeTensorsFile.Open(folder["model.safetensors"]))
        {
            foreach (int shard in new[] { 0, 1 })
            {
                SafeTensors.Write(
                    folder[$"part-{shard}.safetensors"],
                    [.. whole.Entries.Values.Where(e => e.Name.Length % 2 == shard)
                        .Select(e => SafeTensorData.FromBytes(e.Name, e.Type, e.Shape, whole.ReadBytes(e.Name)))]);
            }
        }

        File.Delete(folder["model.safetensors"]);
        const string index = """{"weight_map":{"a":"part-0.safetensors","b":"part-1.safetensors"}}""";
        File.WriteAllText(folder["model.safetensors.index.json"], index);
        using (var loaded = Transformer.Load(folder.Path))
            Assert.Equal(transformer.Parameters["score.weight"].Tensor.Values.ToArray(), loaded.Parameters["score.weight"].Tensor.Values.ToArray());

        File.WriteAllText(folder["model.safetensors.index.json"], index.Replace("part-1", "../part-1", StringComparison.Ordinal));
        Assert.Contains("../part-1", Assert.Throws<UserFaultException>(() => Transformer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_StreamWithoutScoreHeads_LeavesThemZero()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen with { ScoreHeads = 0 });
        using var stream = new MemoryStream();
        transformer.Save(stream);
        stream.Position = 0;
        using var loaded = Transformer.Load(stream, SmallModels.Qwen);
        Assert.All(loaded.Parameters["score.weight"].Tensor.Values.ToArray(), v => Assert.Equal(0f, v));
    }

    [Fact]
    public void Load_FilesThatDoNotFitTogether_IsAFaultThatNamesTheTensor()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        (TransformerConfiguration Configuration, string Tensor)[] cases =
        [
            (SmallModels.Qwen with { Layers = 3 }, "model.layers.2.input_layernorm.weight"),
            (SmallModels.Qwen with { Layers = 1 }, "model.layers.1."),
            (SmallModels.Qwen with { VocabularySize = 24 }, "model.embed_tokens.weight"),
            (SmallModels.Qwen with { ModelType = "llama", AttentionBias = false }, "q_proj.bias"),
        ];
        foreach (var (configuration, tensor) in cases)
        {
            var stream = new MemoryStream();
            transformer.Save(stream);
            stream.Position = 0;
            var fault = Assert.Throws<UserFaultException>(() => Transformer.Load(stream, configuration, "rung 3"));
            Assert.Contains(tensor, fault.Message, StringComparison.Ordinal);
            Assert.Contains("rung 3", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Load_AbsentDirectory_IsAFault() =>
        Assert.Throws<UserFaultException>(() => Transformer.Load("/nowhere/model"));

    public void Dispose() => _pool.Dispose();

    private static void AssertClose(IEnumerable<double[]> expected, Tensor actual)
    {
        double[][] rows = [.. expected];
        Assert.Equal(rows.Length, actual.Rows);
        for (int i = 0; i < rows.Length; i++)
        {
            for (int j = 0; j < actual.Columns; j++)
                Assert.Equal(rows[i][j], actual.Row(i)[j], 2e-5);
        }
    }
}
