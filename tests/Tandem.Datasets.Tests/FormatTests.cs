using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Datasets.Tests;

/// <summary>The layouts that many data sets share.</summary>
public sealed class FormatTests
{
    private static ChatTurn User(string text) => new(ChatRole.User, text);

    private static ChatTurn Assistant(string text) => new(ChatRole.Assistant, text);

    [Fact]
    public void Text_IsAText() => Assert.Equal("a b", Read.Only<TextRecord>("text", """{"text":"a b"}""").Text);

    [Fact]
    public void PromptCompletion_TextsAndTurns_AreTheSameRecord()
    {
        var plain = Read.Only<PromptCompletionRecord>("prompt-completion", """{"prompt":"p","completion":"c"}""");
        var turns = Read.Only<PromptCompletionRecord>(
            "prompt-completion", """{"prompt":[{"role":"user","content":"p"}],"completion":[{"role":"assistant","content":"c"}]}""");
        Assert.Equal([User("p")], plain.Prompt);
        Assert.Equal("c", plain.Completion);
        Assert.Equal(plain.Id, turns.Id);
    }

    [Theory]
    [InlineData("""{"prompt":"p q","chosen":"good","rejected":"bad"}""")]
    [InlineData("""{"chosen":"p q good","rejected":"p q bad"}""")]
    [InlineData("""{"prompt":[{"role":"user","content":"p q"}],"chosen":[{"role":"assistant","content":"good"}],"rejected":[{"role":"assistant","content":"bad"}]}""")]
    [InlineData("""{"chosen":[{"role":"user","content":"p q"},{"role":"assistant","content":"good"}],"rejected":[{"role":"user","content":"p q"},{"role":"assistant","content":"bad"}]}""")]
    [InlineData("""{"chosen":[{"from":"human","value":"p q"},{"from":"gpt","value":"good"}],"rejected":[{"from":"human","value":"p q"},{"from":"gpt","value":"bad"}]}""")]
    public void Preference_EverySpelling_IsTheSameRecord(string line)
    {
        var record = Read.Only<PreferenceRecord>("preference", line);
        Assert.Equal([User("p q")], record.Prompt);
        Assert.Equal(("good", "bad"), (record.Chosen, record.Rejected));
        Assert.Equal(DataRecords.Preference([User("p q")], "good", "bad").Id, record.Id);
    }

    [Fact]
    public void Preference_BinarisedScores_GiveTheMargin()
    {
        var record = Read.Only<PreferenceRecord>(
            "preference",
            """{"prompt":"p","prompt_id":"1","chosen":[{"content":"p","role":"user"},{"content":"good","role":"assistant"}],"rejected":[{"content":"p","role":"user"},{"content":"bad","role":"assistant"}],"messages":[{"content":"p","role":"user"}],"score_chosen":8.5,"score_rejected":6.0}""");
        Assert.Equal(2.5, record.Margin);
        Assert.Equal([User("p")], record.Prompt);
    }

    [Fact]
    public void Preference_WhatCannotBeCompared_IsCounted()
    {
        (IReadOnlyList<DataRecord> records, RecordSink sink) = Read.Records(
            "preference",
            """
            {"prompt":"p","chosen":"same","rejected":"same"}
            {"prompt":"p","chosen":"x","rejected":" "}
            {"chosen":"one","rejected":"two"}
            {"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"x"}],"rejected":[{"role":"user","content":"b"},{"role":"assistant","content":"y"}]}
            """);
        Assert.Empty(records);
        Assert.Equal(4, sink.Dropped.Count);
        Assert.All(sink.Dropped.Values, count => Assert.Equal(1, count));
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}]}""")]
    [InlineData("""{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"u"},{"from":"gpt","value":"a"}]}""")]
    [InlineData("""{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"u"}]},{"role":"assistant","content":"a"}]}""")]
    public void Conversation_EverySpelling_IsTheSameTurns(string line) => Assert.Equal(
        [new ChatTurn(ChatRole.System, "s"), User("u"), Assistant("a")], Read.Only<ConversationRecord>("conversation", line).Turns);

    [Fact]
    public void Conversation_PictureInATurn_IsAFault() => Assert.Contains(
        "'image'",
        Assert.Throws<UserFaultException>(() => Read.Records("conversation", """{"messages":[{"role":"user","content":[{"type":"image","url":"x"}]}]}""")).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("\"answer\":2", 2)]
    [InlineData("\"answer\":\"C\"", 2)]
    [InlineData("\"answer\":\"(c)\"", 2)]
    [InlineData("\"answer\":\"blue\"", 2)]
    [InlineData("\"answer\":\"2\"", 2)]
    [InlineData("\"answer\":null", null)]
    [InlineData("\"label\":0", 0)]
    public void Choice_AnswerInAnySpelling_IsTheIndex(string answer, int? expected)
    {
        var record = Read.Only<ChoiceRecord>("choice", $$"""{"question":"Which?","options":["red","green","blue"],{{answer}}}""");
        Assert.Equal(expected, record.Answer);
        Assert.Equal(["red", "green", "blue"], record.Options);
    }

    [Fact]
    public void Choice_LabelledChoices_AreFoundByTheirLabel()
    {
        var record = Read.Only<ChoiceRecord>("choice", """{"question":"Which?","choices":{"text":["red","blue"],"label":["1","2"]},"answerKey":"2"}""");
        Assert.Equal(1, record.Answer);
    }

    [Fact]
    public void Choice_AnswerOutOfRange_NamesTheLine() => Assert.Contains(
        "sample.jsonl:1: the answer '3' is none of the 2 options",
        Assert.Throws<UserFaultException>(() => Read.Records("choice", """{"question":"q","options":["a","b"],"answer":3}""")).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Detection_TwoFormatsFit_NamesBoth()
    {
        DataRow[] rows = Read.Rows(new JsonLinesReader(), """{"prompt":"p","completion":"c","chosen":"x","rejected":"y"}""");
        string fault = Assert.Throws<UserFaultException>(() => DataFormats.Detect(rows)).Message;
        Assert.Contains("sample:1:", fault, StringComparison.Ordinal);
        Assert.Contains("prompt-completion (", fault, StringComparison.Ordinal);
        Assert.Contains("preference (", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Detection_NoFormatFits_NamesTheFields()
    {
        DataRow[] rows = Read.Rows(new JsonLinesReader(), """{"alpha":1,"beta":2}""");
        Assert.Contains("alpha, beta", Assert.Throws<UserFaultException>(() => DataFormats.Detect(rows)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_Mistyped_SuggestTheNearest()
    {
        Assert.Contains("'preference'", Assert.Throws<UserFaultException>(() => DataFormats.Named("prefernce")).Message, StringComparison.Ordinal);
        Assert.Contains("'cosmosqa'", Assert.Throws<UserFaultException>(() => DataSets.Named("cosmoqa")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Registry_EveryEntry_HasAFormatAndADefaultSplitThatItsSourcesHave()
    {
        Assert.Equal(DataSets.All.Count, DataSets.All.Select(d => d.Name).Distinct().Count());
        foreach (DataSetEntry entry in DataSets.All)
        {
            Assert.True(entry.RecordType.IsSubclassOf(typeof(DataRecord)));
            Assert.StartsWith("https://", entry.Home, StringComparison.Ordinal);
            Assert.True(entry.Sources.Count == 0 || entry.Sources.Any(s => s.Split == entry.DefaultSplit), entry.Name);
            Assert.All(entry.Sources, s => Assert.True(s.File is null ? s.Config is not null && s.RowsSplit is not null : s.Config is null, entry.Name));
        }
    }
}
