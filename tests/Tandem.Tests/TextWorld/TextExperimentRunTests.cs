using System.Text.Json;
using System.Text.Json.Nodes;
using Tandem.Experiments;
using Tandem.Generations;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Tests.TextWorld;

/// <summary>Each experiment from its recipe to its findings, on checkpoints and a file of one's own in place of the embedded world.</summary>
public sealed class TextExperimentRunTests : IDisposable
{
    private const string Questions = "{path: QUESTIONS}", Pairs = "{set: hh-rlhf, path: PAIRS}";
    private const string Training = "{items: 64, muon_learning_rate: 0, decision_share: 0, batch_size: 16, adapter_rank: 2}";

    private readonly TinyCheckpoints _files = new();

    public TextExperimentRunTests()
    {
        File.WriteAllLines(_files["questions.jsonl"], Enumerable.Range(0, 1000).Select(i => new JsonObject
        {
            ["context"] = $"Box {i} is red. It is shut. Is it?",
            ["question"] = $"What of {i}?",
            ["options"] = new JsonArray($"a{i}.", $"yes {i}!", $"b{i}.", $"c{i}."),
            ["answer"] = 1,
        }.ToJsonString()));
        // Of a reply that is not helpful and of one that does harm: the files' names tell which.
        Directory.CreateDirectory(_files["pairs"]);
        WritePairs("helpful-base", "fine", "er");
        WritePairs("harmless-base", "kind", "bad");
    }

    public static TheoryData<string, string, string> Recipes => new()
    {
        {
            "weak-to-strong", Questions, """
            teachers: [small]
            students: [large]
            teacher_items: 64
            student_items: 64
            test_items: 64
            inspection_items: 20
            methods: [{loss: confidence}, {learning: linear-probe}, {learning: generative, labels: hard}]
            focal_pairs: [{teacher: small, student: large}]
            compound_teachers: {pair: {teacher: small, student: large}, bagged: 2, chain: [small]}
            training: TRAINING
            """
        },
        {
            "weak-to-strong", Pairs, """
            teachers: [small]
            students: [large]
            teacher_items: 64
            student_items: 64
            test_items: 64
            inspection_items: 20
            conflict: {pair: {teacher: small, student: large}}
            training: TRAINING
            """
        },
        {
            "self-enhancement", Questions, """
            policy: large
            weaker: small
            stronger: large
            controls: 1
            rounds: 2
            items: 20
            plan_length: 1
            test_items: 64
            start: TRAINING
            """
        },
        {
            "sandwiching", Questions, """
            judge: small
            debaters: [small, large]
            reader_items: 64
            test_items: 20
            candidates: [1]
            training: TRAINING
            """
        },
        {
            "noise-sensitivity", Questions, """
            rungs: [small, large]
            weak_rung: small
            rates: [0, 0.5]
            training_items: 64
            inspected_items: 40
            weak_items: 64
            test_items: 64
            training: TRAINING
            """
        },
        {
            "gap-annealing", Pairs, """
            arms: [adaptive, fixed-small]
            generations:
              count: 1
              first: small
              supervision: {initial_human_labels: 100, human_labels_per_generation: 50, human_error_rate: 0}
              competence: TRAINING
              risk_discovery: {rounds: 1, episodes_per_round: 60, held_out_episodes: 40, organism_episodes: 8}
              alignment: {items: 64, hazard_decisions: 16}
              evaluation: {test_items: 64, calibration_items: 130}
            """
        },
        {
            "signal-diversity", Pairs, """
            panels: [{name: one, members: [{rung: small}]}, {name: two, members: [{rung: small}, {rung: large}]}]
            labels: 100
            policy: large
            policy_items: 64
            test_items: 64
            training: TRAINING
            """
        },
        {
            "source-count", Questions, """
            sources: [{rung: small}, {rung: large}]
            teaching_items: 64
            pool_items: 80
            reference_items: 30
            shared_bias: [0, 1]
            student_bias: [1]
            student: large
            test_items: 64
            training: TRAINING
            """
        },
        {
            "alternation", Pairs, """
            cycles: [2]
            rung: large
            weak: small
            weak_items: 64
            items: 64
            human_labels: 50
            test_items: 64
            held_out_items: 50
            calibration_items: 100
            red_team: {rounds: 1, episodes_per_round: 60, held_out_episodes: 40}
            training: TRAINING
            """
        },
        {
            "pretraining", Questions, """
            teacher: small
            students: [large]
            teacher_items: 64
            student_items: 64
            test_items: 64
            inspection_interval: 2
            training: TRAINING
            """
        },
        {
            "elicitation", Questions, """
            rungs: [small, large]
            labels: [16]
            ceiling_labels: 64
            minimum_steps: 3
            test_items: 64
            training: TRAINING
            """
        },
        {
            "task-families", Questions, """
            families:
              - {family: text, name: questions, data: {path: QUESTIONS}, models: [SMALL, LARGE], maximum_tokens: 128, teacher: small, student: large}
              - {family: text, name: pairs, data: {set: hh-rlhf, path: PAIRS}, models: [SMALL, LARGE], maximum_tokens: 128, teacher: small, student: large}
            cycles: 2
            teacher_items: 64
            items: 64
            test_items: 64
            training: TRAINING
            """
        },
    };

    [Theory]
    [MemberData(nameof(Recipes))]
    public void Run_CheckpointsAndAFile_FindsAndResumesTheSame(string kind, string data, string recipe)
    {
        ExperimentFindings first = Run(kind, data, recipe), again = Run(kind, data, recipe);
        Assert.Equal(JsonSerializer.Serialize(first), JsonSerializer.Serialize(again));
        Assert.NotEmpty(first.Claims);
        Assert.NotEmpty(first.Tables);
        Assert.NotEmpty(first.Outcomes);
        Assert.All(first.Tables, table => Assert.All(table.Rows, row => Assert.Equal(table.Columns.Count, row.Count)));
        Assert.Contains(first.Outcomes, series => series.Values.Any(value => value is not null));
    }

    public void Dispose() => _files.Dispose();

    private void WritePairs(string name, string chosen, string rejected) => File.WriteAllLines(
        Path.Combine(_files["pairs"], name + ".test.jsonl"), Enumerable.Range(0, 600).Select(i => new JsonObject
        {
            ["chosen"] = $"\n\nHuman: {name} {i}?\n\nAssistant: {chosen} {i}",
            ["rejected"] = $"\n\nHuman: {name} {i}?\n\nAssistant: {rejected} {i}",
        }.ToJsonString()));

    private ExperimentFindings Run(string kind, string data, string recipe)
    {
        string text = $"""
            kind: {kind}
            seeds: [1]
            world: {$"{{family: text, data: {data}, models: [SMALL, LARGE], maximum_tokens: 128}}"}
            {recipe}

            """
            .Replace("TRAINING", Training, StringComparison.Ordinal).Replace("QUESTIONS", _files["questions.jsonl"], StringComparison.Ordinal)
            .Replace("PAIRS", _files["pairs"], StringComparison.Ordinal)
            .Replace("SMALL", _files["small"], StringComparison.Ordinal).Replace("LARGE", _files["large"], StringComparison.Ordinal);
        IRecipe read = RecipeReader.Parse(ExperimentCard.Named(kind).Configuration, text, kind, []);
        var configuration = (ExperimentConfiguration)read.Value;
        (ITaskFamily world, ModelLadder ladder) = configuration.World.Open();
        using RunDirectory directory = RunDirectory.Open(_files["run"], read.Resolved);
        using var pool = new WorkerPool(1);
        using var laboratory = new Laboratory { Directory = directory, Pool = pool, Ladder = ladder, World = world, Progress = NullRunProgress.Instance };
        return configuration.Create(laboratory).Run();
    }
}
