using Tandem.Datasets;
using Tandem.Evaluation;
using Tandem.Evaluation.Preferences;
using Tandem.Evaluation.Questions;
using Tandem.Tensors;
using Tandem.Tuning;
using Xunit.Abstractions;

namespace Tandem.Tests.Evaluation;

/// <summary>Models that know nothing, on published data where it lies beside the repository.</summary>
public sealed class RealDataEvaluationTests(ITestOutputHelper output)
{
    private const int Items = 60;

    [Fact]
    public void LlmBar_RandomRewardModelAndItsOpposite_AreRightOnComplementaryItems()
    {
        // One random model need not be at chance: it may like short replies, and the misleading ones are longer. Its opposite then
        // dislikes them as much.
        if (Find("llmbar") is not { } path)
            return;
        LoadedDataset data = DatasetLoader.Load(new DatasetRequest(path) { Name = "llmbar" });
        Assert.Equal(419, data.Records.Count);
        using LanguageModel model = TinyJudgedModel.Create(5, score: true, positions: 4096);
        using var pool = new WorkerPool(1);
        ReplyItem[] brief = [.. data.Records.Select(record => ReplyItem.Of(record)!).Where(item => item.Prompt[0].Content.Length + item.Replies.Max(reply => reply.Length) < 600)];
        PreferenceScore score = Score();
        foreach (Parameter parameter in model.Transformer.Parameters.All.Where(parameter => parameter.Name == "score.weight"))
        {
            for (int i = 0; i < parameter.Tensor.Values.Length; i++)
                parameter.Tensor.Values[i] *= -1;
        }

        PreferenceScore opposite = Score();
        Assert.Equal(5, score.Sections.Count);
        Assert.Equal(0, score.All.Unscored);
        Assert.All(score.Sections.Zip(opposite.Sections), pair => Assert.Equal(1, pair.First.Accuracy.Value + pair.Second.Accuracy.Value, 1e-12));

        PreferenceScore Score() => PreferenceScore.Of(
            [.. PreferenceEvaluation.ByScores(brief, new RewardModelScorer(model, pool, 4096)).Select(item => new PreferenceOutcome(item.Section, item.Credit))]);
    }

    [Fact]
    public async Task CosmosQa_RandomModelByLetters_IsAtChance()
    {
        if (Find("cosmosqa") is not { } path)
            return;
        LoadedDataset data = DatasetLoader.Load(new DatasetRequest(Path.Combine(path, "valid.csv")) { Name = "cosmosqa", Limit = Items, Seed = 1 });
        using LanguageModel model = TinyJudgedModel.Create(5, positions: 4096);
        using var pool = new WorkerPool(1);
        IReadOnlyList<EvaluatedItem> items = await ChoiceEvaluation.RunAsync(
            [.. data.Records.Cast<ChoiceRecord>()], new LocalChoiceScorer(model, pool, ChoiceStyle.Letters, ScoreNormalization.Sum, 4096), new ChoiceSettings());
        ChoiceSectionScore score = ChoiceScore.Of(items, new RandomStream(1)).All;
        Assert.Equal((Items, 0, 0.25), (score.Items, score.Unscored, score.Chance!.Value));
        Assert.True(score.Accuracy!.Contains(0.25), $"{score.Accuracy}");
        Assert.Equal(Items * 4, score.Calibration!.Count);
    }

    private string? Find(string name)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder != null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared", "data", name);
            if (Directory.Exists(candidate))
                return candidate;
        }

        output.WriteLine($"not checked: {name} absent");
        return null;
    }
}
