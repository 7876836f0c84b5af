using System.Text.Json;
using Tandem.Tensors;
using Xunit.Abstractions;

namespace Tandem.Language.Tests.Text;

public class ChatTemplateTests(ITestOutputHelper output)
{
    private static readonly ChatTurn[] s_turns = [new("system", "S"), new("user", " a b "), new("assistant", "<think>\nwhy\n</think>\n\nx")];

    [Theory]
    [InlineData("qwen2_5")]
    [InlineData("qwen3")]
    public void Render_RecordedConversations_GivesTheReferenceText(string name)
    {
        if (Fixtures.Find("tokenizer", output) is not { } root)
            return;
        string folder = Path.Combine(Fixtures.Root!, "..", "tokenizers", "qwen2_5");
        var tokenizer = Tokenizers.Load(folder);
        var template = name == "qwen3" ? ChatTemplate.Parse(KnownTemplates.Qwen3) : ChatTemplate.Load(folder);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(root, "chat_template_cases.json")));
        int count = 0;
        foreach (var item in json.RootElement.GetProperty(name).EnumerateArray())
        {
            ChatTurn[] turns = [.. item.GetProperty("messages").EnumerateArray()
                .Select(m => new ChatTurn(m.GetProperty("role").GetString()!, m.GetProperty("content").GetString()!))];
            var variables = item.EnumerateObject().Where(p => p.Name is "tools" or "enable_thinking").ToDictionary(p => p.Name, p => (object?)p.Value);
            bool prompt = item.GetProperty("add_generation_prompt").GetBoolean();
            string text = item.GetProperty("text").GetString()!;
            Assert.Equal(text, template.Render(turns, prompt, variables));
            // The tokenizer of Qwen2.5 lacks two tokens that Qwen3's has: <think> and </think>.
            if (name == "qwen2_5" || !text.Contains("<think>", StringComparison.Ordinal))
                Assert.Equal(item.GetProperty("ids").EnumerateArray().Select(t => t.GetInt32()), ChatEncoder.EncodeChat(tokenizer, template, turns, prompt, variables).Tokens);
            count++;
        }

        Assert.True(count > 10);
    }

    [Fact]
    public void Render_ChatMl_WritesTheTurns()
    {
        Assert.Equal(
            "<|im_start|>user\nHi\n<|im_end|>\n<|im_start|>assistant\n",
            ChatTemplate.Parse(KnownTemplates.ChatMl).Render([new("user", "Hi\n")], true));
    }

    [Fact]
    public void Render_Qwen3_MovesThoughtsWhereItKeepsThem()
    {
        var template = ChatTemplate.Parse(KnownTemplates.Qwen3);
        Assert.Equal(
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n a b <|im_end|>\n<|im_start|>assistant\n<think>\nwhy\n</think>\n\nx<|im_end|>\n",
            template.Render(s_turns, false));
        Assert.DoesNotContain("why", template.Render([.. s_turns, new("user", "y")], false), StringComparison.Ordinal);
        Assert.EndsWith("<think>\n\n</think>\n\n", template.Render(s_turns, true, new Dictionary<string, object?> { ["enable_thinking"] = false }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a  {%- if true -%}  b  {%- endif %}\n c", "ab c")]
    [InlineData("a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc")]
    [InlineData("x {{ 1 }}\n y", "x 1\n y")]
    [InlineData("x\n  {%+ if true %}y{% endif %}", "x\n  y")]
    [InlineData("{# note #}\nz{#- q -#} w", "zw")]
    [InlineData("{% for i in range(3) %}{{ i }}{{ ',' if not loop.last }}{% endfor %}", "0,1,2")]
    [InlineData("{% for k, v in {'a': 1, 'b': [2]}.items() %}{{ k }}={{ v | tojson }};{% endfor %}", "a=1;b=[2];")]
    [InlineData("{% set ns = namespace(n=0) %}{% for i in [3, 4] if i > 3 %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "4")]
    [InlineData("{% for i in [] %}x{% else %}none{% endfor %}", "none")]
    [InlineData("{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}", "02")]
    [InlineData("{% macro m(a, b='!') %}{{ a ~ b }}{% endmacro %}{{ m('x') }}{{ m('y', b='?') }}", "x!y?")]
    [InlineData("{% set t %}a{{ 1 + 2 * 3 }}{% endset %}{{ t | upper }}", "A7")]
    [InlineData("{{ ' a-b '.strip().split('-')[::-1] | join('+') }}", "b+a")]
    [InlineData("{{ missing is defined }} {{ missing is not defined }} {{ none is none }} {{ missing | default('d') }}", "False True True d")]
    [InlineData("{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 4 }} {{ 1 / 2 }} {{ 2 * 1.5 }}", "3 -4 3 0.5 3.0")]
    [InlineData("{{ 'b' in 'abc' and not ('z' in ['y']) }}{{ 'abc'[1:] }}{{ 'abc'[-1] }}{{ 'q' * 1 if false else '' }}", "Truebcc")]
    [InlineData("{% if false %}a{% elif 1 < 2 %}b{% else %}c{% endif %}", "b")]
    [InlineData("{{ {'a': ['é\"', none, true, 1.0]} | tojson }}", "{\"a\": [\"é\\\"\", null, true, 1.0]}")]
    [InlineData("{{ {'a': [1]} | tojson(indent=2) }}", "{\n  \"a\": [\n    1\n  ]\n}")]
    [InlineData("{% generation %}g{% endgeneration %}{{ bos_token }}{{ '\\u0041\\x42' 'c' }}", "g<s>ABc")]
    [InlineData("{{ messages[0]['role'] }}{{ messages | length }}{{ messages[-1].content.startswith('<think>') }}", "system3True")]
    public void Render_EachConstruct_DoesWhatJinjaDoes(string template, string expected) =>
        Assert.Equal(expected, ChatTemplate.Parse(template, beginToken: "<s>").Render(s_turns, false));

    [Theory]
    [InlineData("\n{% include 'x' %}", "line 2: the statement 'include'")]
    [InlineData("a\nb\n{{ 1 | frobnicate }}", "line 3: the filter 'frobnicate'")]
    [InlineData("{{ 1 is frobnicated }}", "line 1: the test 'frobnicated'")]
    [InlineData("{{ cycler(1) }}", "line 1: the function 'cycler'")]
    [InlineData("{{ raise_exception('No tools!') }}", "line 1: the template refuses: No tools!")]
    [InlineData("{% if true %}", "line 1: there is no 'endif'")]
    [InlineData("{{ 'a", "line 1: a text has no closing quote")]
    [InlineData("{{ 1 + }}", "line 1")]
    [InlineData("{% endfor %}", "line 1: 'endfor' has no beginning")]
    [InlineData("{{ messages[0].name.first }}", "'name' is undefined")]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "steps")]
    [InlineData("{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "")]
    [InlineData("{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}", "a list grows")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nested deeper")]
    [InlineData("{{ 9223372036854775807 + 1 }}", "too large")]
    public void Render_UnknownOrHostileTemplate_IsRefusedByNameAndLine(string template, string message)
    {
        var fault = Assert.Throws<UserFaultException>(() => ChatTemplate.Parse(template).Render(s_turns, false));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.Contains("line ", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_DeepTemplates_AreRefused()
    {
        foreach (string template in new[]
        {
            "{{ " + new string('(', 5000) + "1" + new string(')', 5000) + " }}", "{{ " + string.Concat(Enumerable.Repeat("1+", 5000)) + "1 }}",
            string.Concat(Enumerable.Repeat("{% if 1 %}", 5000)) + string.Concat(Enumerable.Repeat("{% endif %}", 5000)),
        })
        {
            Assert.Contains("nested deeper", Assert.Throws<UserFaultException>(() => ChatTemplate.Parse(template).Render(s_turns, false)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Load_EachPlace_IsRead()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<UserFaultException>(() => ChatTemplate.Load(folder.Path));
        File.WriteAllText(folder["tokenizer_config.json"], """{"bos_token":{"content":"<s>"},"chat_template":[{"name":"default","template":"{{ bos_token }}"},{"name":"other","template":"o"}]}""");
        Assert.Equal("<s>", ChatTemplate.Load(folder.Path).Render([], false));
        Assert.Equal("o", ChatTemplate.Load(folder.Path, "other").Render([], false));
        Assert.Throws<UserFaultException>(() => ChatTemplate.Load(folder.Path, "third"));
        File.WriteAllText(folder["chat_template.jinja"], "j{{ bos_token }}");
        Assert.Equal("j<s>", ChatTemplate.Load(folder.Path).Render([], false));
    }
}
