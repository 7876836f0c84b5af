using System.Globalization;
using Microsoft.Extensions.AI;
using Tandem.Datasets;
using Tandem.Endpoints;
using Tandem.Evaluation;
using Tandem.Evaluation.Preferences;
using Tandem.Evaluation.Questions;
using Tandem.Evaluation.Statistics;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Cli.Commands.Evaluations;

/// <summary>Loads data and model, chooses the method, measures.</summary>
internal static class EvalRun
{
    public static async Task<(EvalReport Report, IReadOnlyList<EvaluatedItem> Items)> RunAsync(EvalSettings settings, CancellationToken cancellation)
    {
        LoadedDataset data = DatasetLoader.Load(settings.Data, cancellation);
        if (data.Records.Count == 0)
            throw new UserFaultException($"{settings.Data.Path} has no usable record.", "See why with 'tandem data card'.", FaultKind.Usage);
        bool choices = data.Format.RecordType == typeof(ChoiceRecord);
        if (!choices && data.Format.RecordType != typeof(PreferenceRecord))
        {
            throw new UserFaultException(
                $"The format {data.Format.Name} has neither preferences nor questions with options.", "Choose one that has: see 'tandem data list'.", FaultKind.Usage);
        }

        using LanguageModel? model = settings.Endpoint is null ? EvalModel.Open(settings) : null;
        EvalMethod by = settings.By ?? Default(settings, model, data);
        Require(by, settings, model, data);
        return by switch
        {
            EvalMethod.Choices => await ChoicesAsync(settings, model, data, cancellation),
            EvalMethod.Judge => await JudgeAsync(settings, model, data, cancellation),
            _ => Scored(by, settings, model!, data, cancellation),
        };
    }

    private static EvalMethod Default(EvalSettings settings, LanguageModel? model, LoadedDataset data)
    {
        bool replies = data.Format.RecordType == typeof(PreferenceRecord) || data.Format.Name == "rewardbench2";
        if (model?.Transformer.Configuration.ScoreHeads == 1)
            return EvalMethod.Reward;
        if (!replies)
            return EvalMethod.Choices;
        if (model is null)
            return EvalMethod.Judge;
        return settings.Reference is not null || settings.Adapter is not null ? EvalMethod.LogRatio : EvalMethod.LogProbability;
    }

    private static void Require(EvalMethod by, EvalSettings settings, LanguageModel? model, LoadedDataset data)
    {
        if (by == EvalMethod.Choices && data.Format.RecordType != typeof(ChoiceRecord))
            throw Fault($"The format {data.Format.Name} has no questions with options.", "Leave out --by choices.");
        if (model is null)
        {
            if (by is not (EvalMethod.Judge or EvalMethod.Choices))
                throw Fault("An endpoint does not give the scores of replies.", "Use --by judge or --by choices, or name a local model with --model.");
            if (by == EvalMethod.Choices && (settings.Style != ChoiceStyle.Letters || settings.Normalization != ScoreNormalization.Sum))
                throw Fault("An endpoint answers by letter.", "Leave out --style and --normalize, or name a local model with --model.");
            return;
        }

        if (by == EvalMethod.Reward && model.Transformer.Configuration.ScoreHeads != 1)
        {
            throw Fault(
                $"{model.Name} has {model.Transformer.Configuration.ScoreHeads} score heads; a reward model has one.",
                "Name a model made by 'tandem train reward', or leave out --by reward.");
        }

        if (by != EvalMethod.Reward && !model.Transformer.Configuration.LanguageHead)
            throw Fault($"{model.Name} has no language head.", "Use --by reward.");
        if (by == EvalMethod.LogRatio && settings.Reference is null && settings.Adapter is null)
            throw Fault("A log-ratio needs the model that the policy was trained from.", "Name it with --reference, or use --by log-probability.");
    }

    private static (EvalReport, IReadOnlyList<EvaluatedItem>) Scored(
        EvalMethod by, EvalSettings settings, LanguageModel model, LoadedDataset data, CancellationToken cancellation)
    {
        IReadOnlyList<ReplyItem> items = Items(data);
        using LanguageModel? other = by == EvalMethod.LogRatio && settings.Reference is { } name ? LanguageModel.Open(name) : null;
        using var pool = new WorkerPool(settings.Threads);
        int tokens = EvalModel.MaximumTokens(settings, model);
        IReplyScorer scorer = by == EvalMethod.Reward
            ? new RewardModelScorer(model, pool, tokens)
            : new LogProbabilityScorer(model, by == EvalMethod.LogRatio ? other ?? model : null, pool, tokens, settings.Normalization);
        var progress = new EvalProgress(items.Count);
        IReadOnlyList<EvaluatedItem> evaluated = PreferenceEvaluation.ByScores(items, scorer, progress.Show, cancellation);
        progress.End();
        return (Preferences(by, settings, data, evaluated) with
        {
            Reference = by != EvalMethod.LogRatio ? null : settings.Reference ?? "the model without the adapter",
            Truncated = scorer.Truncated,
            Method = by switch
            {
                EvalMethod.Reward => "score head at the last token of prompt and reply",
                EvalMethod.LogRatio => $"log-probability of the reply less that of the reference{Per(settings.Normalization)}",
                _ => $"log-probability of the reply{Per(settings.Normalization)}",
            },
        }, evaluated);
    }

    private static async Task<(EvalReport, IReadOnlyList<EvaluatedItem>)> JudgeAsync(
        EvalSettings settings, LanguageModel? model, LoadedDataset data, CancellationToken cancellation)
    {
        IReadOnlyList<ReplyItem> items = Items(data);
        using LocalModel? local = model is null ? null : EvalModel.Speaking(model, settings);
        using IChatClient client = Client(settings, local);
        var judge = new PreferenceJudge(
            new ModelRole("judge", client), settings.Seed, Options(settings),
            model is null ? null : messages => EvalModel.Fits(model, messages, local!.Context - settings.ReplyTokens));
        var progress = new EvalProgress(items.Count);
        IReadOnlyList<EvaluatedItem> evaluated = await PreferenceEvaluation.ByJudgeAsync(items, judge, Concurrency(settings), progress.Show, cancellation);
        progress.End();
        Verdict[] verdicts = [.. evaluated.SelectMany(item => item.Comparisons).Select(comparison => comparison.Verdict).OfType<Verdict>()];
        return (Preferences(EvalMethod.Judge, settings, data, evaluated) with
        {
            Replies = judge.Tally.Counts,
            Contradictions = verdicts.Length == 0 ? null : Proportion.Wilson(verdicts.Count(verdict => verdict == Verdict.Tie), verdicts.Length),
            Method = "a judge's comparison of better and worse reply, in both orders; contradictory answers are a tie",
        }, evaluated);
    }

    private static async Task<(EvalReport, IReadOnlyList<EvaluatedItem>)> ChoicesAsync(
        EvalSettings settings, LanguageModel? model, LoadedDataset data, CancellationToken cancellation)
    {
        ChoiceRecord[] records = [.. data.Records.OfType<ChoiceRecord>().Where(record => record.Answer is not null || record.Answers is not null || record.Violation is not null)];
        if (records.Length == 0)
            throw Fault($"{settings.Data.Path} withholds all answers.", "Use a split with answers.");
        using IChatClient? client = model is null ? Client(settings, null) : null;
        using var pool = new WorkerPool(settings.Threads);
        var role = client is null ? null : new ModelRole("target", client);
        IChoiceScorer scorer = model is null
            ? new EndpointChoiceScorer(role!, Concurrency(settings), Options(settings))
            : new LocalChoiceScorer(model, pool, settings.Style, settings.Normalization, EvalModel.MaximumTokens(settings, model));
        var progress = new EvalProgress(records.Length);
        var asked = new ChoiceSettings { Style = settings.Style, Rotations = settings.Rotations, Seed = settings.Seed };
        IReadOnlyList<EvaluatedItem> evaluated = await ChoiceEvaluation.RunAsync(records, scorer, asked, progress.Show, cancellation);
        progress.End();
        return (Begin(EvalMethod.Choices, settings, data, evaluated) with
        {
            ListsOptions = settings.Style == ChoiceStyle.Letters,
            LeftOut = data.Records.Count - records.Length,
            Truncated = scorer.Truncated,
            Choices = ChoiceScore.Of(evaluated, new RandomStream(settings.Seed).Fork("intervals")),
            Replies = role?.Tally.Counts,
            Method = scorer is EndpointChoiceScorer endpoint
                ? string.Create(CultureInfo.InvariantCulture, $"letters, {endpoint.WithProbabilities} of {role!.Tally.Counts.Answered} answers with log-probabilities")
                : settings.Style == ChoiceStyle.Letters ? $"log-probability of the letter{Per(settings.Normalization)}" : $"log-probability of the option as a continuation{Per(settings.Normalization)}",
        }, evaluated);
    }

    private static EvalReport Preferences(EvalMethod by, EvalSettings settings, LoadedDataset data, IReadOnlyList<EvaluatedItem> items) =>
        Begin(by, settings, data, items) with
        {
            LeftOut = data.Records.Count - items.Count,
            Preferences = PreferenceScore.Of([.. items.Select(item => new PreferenceOutcome(item.Section, item.Credit))]),
            Published = PublishedScore.Of(data.Format.Name, items),
        };

    private static EvalReport Begin(EvalMethod by, EvalSettings settings, LoadedDataset data, IReadOnlyList<EvaluatedItem> items) =>
        new(settings.Name, by, data.Entry?.Name ?? settings.Data.Path, data.Format.Name, data.Files)
        {
            Seed = settings.Seed,
            Items = items.Count,
            Unscored = items.Where(item => item.Unscored is not null).GroupBy(item => item.Unscored!.Value).OrderBy(group => group.Key)
                .ToDictionary(group => Words(group.Key), group => group.Count()),
        };

    private static IReadOnlyList<ReplyItem> Items(LoadedDataset data)
    {
        ReplyItem[] items = [.. data.Records.Select(ReplyItem.Of).OfType<ReplyItem>()];
        return items.Length > 0 ? items : throw Fault("No record has a right and a wrong reply.", "Use a split with answers.");
    }

    private static IChatClient Client(EvalSettings settings, LocalModel? local)
    {
        if (local is not null)
            return new LocalChatClient(local);
        EndpointConfiguration endpoint = settings.Endpoint!.Validate();
        return EndpointClients.Create(endpoint, settings.Cache is null ? null : new ReplyCache(settings.Cache));
    }

    private static ChatOptions Options(EvalSettings settings) => new() { Temperature = 0, MaxOutputTokens = settings.ReplyTokens };

    private static int Concurrency(EvalSettings settings) => settings.Endpoint?.MaximumConcurrency ?? new LocalModelLimits().Concurrency;

    private static string Per(ScoreNormalization normalization) => normalization switch
    {
        ScoreNormalization.Token => ", per token",
        ScoreNormalization.Byte => ", per byte",
        _ => "",
    };

    private static string Words(UnscoredReason reason) => reason switch
    {
        UnscoredReason.TooLong => "too long",
        UnscoredReason.NotFinite => "not finite",
        UnscoredReason.NotMeasured => "not for a judge",
        UnscoredReason.Refused => "refused",
        UnscoredReason.Unparsed => "unparsed",
        _ => "failed",
    };

    private static UserFaultException Fault(string what, string remedy) => new(what, remedy, FaultKind.Usage);
}
