using System.CommandLine;
using Microsoft.Extensions.AI;
using Tandem.Cli.Commands.Evaluations;
using Tandem.Endpoints;
using Tandem.Paradigms.Sandwiching;
using Tandem.Paradigms.Sandwiching.Words;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Cli.Commands.Debates;

/// <summary>
/// Who debates and who judges, by what the command line calls them: <c>human</c>, <c>excerpts</c>, a model directory, or
/// <c>NAME@ADDRESS</c> for a model of a server.
/// </summary>
internal sealed class DebateModels : IDisposable
{
    private const int CustomaryTokens = 4096;

    private readonly Dictionary<string, ModelRole> _roles = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Predicate<IReadOnlyList<ChatMessage>>> _fits = new(StringComparer.Ordinal);
    private readonly List<IDisposable> _owned = [];

    public required int Threads { get; init; }

    public required int Concurrency { get; init; }

    public required int ReplyTokens { get; init; }

    public string? KeyVariable { get; init; }

    public string? Cache { get; init; }

    public long? BudgetTokens { get; init; }

    /// <summary>How many requests are made at once: a person answers one at a time.</summary>
    public int ConcurrencyOf(string name) => name == DebateCommand.Human ? 1 : Concurrency;

    public IDebater Debater(string name, ArgumentSettings settings)
    {
        if (name == DebateCommand.Human)
            throw new UserFaultException("A person judges and does not debate.", "Name a model with --debater, or excerpts.", FaultKind.Usage);
        return name == DebateCommand.Excerpts ? new ExcerptDebater(settings.QuoteWords) : new ChatDebater(Role(name), settings with { ReplyTokens = ReplyTokens });
    }

    public IJudge Judge(string name, ulong seed, int replyTokens)
    {
        if (name == DebateCommand.Excerpts)
            throw new UserFaultException("Excerpts are quoted and do not judge.", "Name a model with --judge, or human.", FaultKind.Usage);
        if (name == DebateCommand.Human)
            return new HumanJudge(Console.In, Console.Out, seed);
        ModelRole role = Role(name);
        return new ChatJudge(role, seed, replyTokens, _fits.GetValueOrDefault(name));
    }

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
            _owned[i].Dispose();
    }

    private ModelRole Role(string name)
    {
        if (!_roles.TryGetValue(name, out ModelRole? role))
            _roles.Add(name, role = new ModelRole(name, Owned(name.Split('@', 2) is [var model, var address] ? Remote(model, address) : Local(name))));
        return role;
    }

    private IChatClient Remote(string model, string address) => EndpointClients.Create(
        new EndpointConfiguration
        {
            BaseAddress = address,
            Model = model,
            ApiKeyVariable = KeyVariable,
            BudgetTokens = BudgetTokens,
            MaximumConcurrency = Concurrency,
            MaximumOutputTokens = ReplyTokens,
        }.Validate(),
        Cache is null ? null : new ReplyCache(Cache));

    private LocalChatClient Local(string name)
    {
        LanguageModel model = Owned(LanguageModel.Open(name));
        if (!model.Transformer.Configuration.LanguageHead)
            throw new UserFaultException($"{name} has no language head: it cannot speak.", "Name a language model.", FaultKind.Usage);
        int context = Math.Min(model.Transformer.Configuration.MaximumPositions, CustomaryTokens);
        _fits[name] = messages => EvalModel.Fits(model, messages, context - ReplyTokens);
        return new LocalChatClient(Owned(EvalModel.Speaking(model, Threads, context)));
    }

    private T Owned<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }
}

/// <summary>The options by which models are reached, the same for run and rejudge.</summary>
internal sealed class DebateModelOptions
{
    private readonly Option<string?> _key = new("--api-key-env") { Description = "The environment variable that holds the server's key." };
    private readonly Option<string?> _cache = new("--cache") { Description = "A folder that keeps replies of servers, so that nothing is asked twice." };
    private readonly Option<long?> _budget = new("--budget-tokens") { Description = "The most tokens that each server's model may spend in this run." };
    private readonly Option<int> _concurrency = new("--concurrency") { Description = "Debates that are under way at once.", DefaultValueFactory = _ => 8 };
    private readonly Option<int> _replyTokens = new("--reply-tokens") { Description = "The most tokens of a turn.", DefaultValueFactory = _ => 1024 };
    private readonly Option<int> _threads = RecipeOptions.Threads();

    public Option<string> Judge { get; } = new("--judge") { Description = "Who judges: human, a model directory, or NAME@http://server/v1.", DefaultValueFactory = _ => DebateCommand.Human };

    public Option<int> JudgeTokens { get; } = new("--judge-tokens") { Description = "The most tokens of a judge's reply; models that reason before they answer need thousands.", DefaultValueFactory = _ => 64 };

    public Option<ulong> Seed { get; } = new("--seed") { Description = "The seed: of the sample of items, distractors, sides, orders and replies." };

    public Option<bool> Json { get; } = new("--json") { Description = "Print JSON in place of tables." };

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { Judge, JudgeTokens, Seed, _key, _cache, _budget, _concurrency, _replyTokens, _threads, Json })
            command.Add(option);
    }

    public DebateModels Models(ParseResult parsed)
    {
        foreach (Option<int> option in new[] { _concurrency, _replyTokens, _threads, JudgeTokens })
        {
            if (parsed.GetValue(option) < 1)
                throw new UserFaultException($"{option.Name} is {parsed.GetValue(option)}.", "Give 1 or more.", FaultKind.Usage);
        }

        return new DebateModels
        {
            Threads = Math.Min(parsed.GetValue(_threads), 256),
            Concurrency = parsed.GetValue(_concurrency),
            ReplyTokens = parsed.GetValue(_replyTokens),
            KeyVariable = parsed.GetValue(_key),
            Cache = parsed.GetValue(_cache),
            BudgetTokens = parsed.GetValue(_budget),
        };
    }
}
