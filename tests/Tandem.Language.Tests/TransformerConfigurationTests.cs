using Tandem.Tensors;
using Xunit.Abstractions;

namespace Tandem.Language.Tests;

public class TransformerConfigurationTests(ITestOutputHelper output)
{
    private static readonly TransformerConfiguration Small = new()
    {
        VocabularySize = 10,
        HiddenSize = 8,
        IntermediateSize = 12,
        Layers = 2,
        Heads = 2,
        KeyValueHeads = 1,
    };

    [Fact]
    public void SaveThenLoad_EveryKind_GivesTheSameConfiguration()
    {
        TransformerConfiguration[] kinds =
        [
            Small,
            Small with { TieWordEmbeddings = true, ScoreHeads = 3, BeginToken = 1, EndToken = 2, PaddingToken = 0 },
            Small with { LanguageHead = false, ScoreHeads = 2 },
            Small with
            {
                ModelType = "llama", AttentionBias = false, HeadSize = 6, RotaryBase = 500000f, RmsNormEpsilon = 1e-5f,
                RotaryScaling = new RotaryScaling(8f, 1f, 4f, 8192), MaximumPositions = 4096,
            },
        ];
        using var folder = new TemporaryFolder();
        foreach (var kind in kinds)
        {
            kind.Save(folder.Path);
            Assert.Equal(kind.Validate(), TransformerConfiguration.Load(folder.Path));
            Assert.True(File.Exists(folder["generation_config.json"]));
        }
    }

    [Fact]
    public void ParameterCount_Qwen2_IsTheSumByHand()
    {
        // Embedding and head 2·10·8; per layer: q 8·8+8, k and v 2·(4·8+4), o 8·8, mlp 3·12·8, two norms 16; final norm 8.
        Assert.Equal(160 + (2 * (72 + 72 + 64 + 288 + 16)) + 8, Small.ParameterCount);
        Assert.Equal(Small.ParameterCount - 80, (Small with { TieWordEmbeddings = true }).ParameterCount);
        Assert.Equal(Small.ParameterCount + 24, (Small with { ScoreHeads = 3 }).ParameterCount);
    }

    [Theory]
    [InlineData("qwen2_gqa_untied_f32", 73824)]
    [InlineData("qwen2_mha_tied_bf16", 73104)]
    [InlineData("llama_gqa_untied_f32", 39640)]
    [InlineData("llama3_ropescaled_tied_f32", 33360)]
    public void ParameterCount_Fixtures_IsThatOfTransformers(string name, long count)
    {
        if (Fixtures.Find(name, output) is { } folder)
            Assert.Equal(count, TransformerConfiguration.Load(folder).ParameterCount);
    }

    [Fact]
    public void Parse_RopeParametersOfNewerTransformers_AreRead()
    {
        var read = TransformerConfiguration.Parse("""
            {"model_type":"llama","vocab_size":10,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":1,
             "num_attention_heads":2,"eos_token_id":[5,6],
             "rope_parameters":{"rope_type":"llama3","rope_theta":500000.0,"factor":8.0,"low_freq_factor":1.0,
             "high_freq_factor":4.0,"original_max_position_embeddings":8192}}
            """);
        Assert.Equal(500000f, read.RotaryBase);
        Assert.Equal(new RotaryScaling(8f, 1f, 4f, 8192), read.RotaryScaling);
        Assert.Equal((2, 4, 5), (read.KeyValueHeads, read.HeadSize, read.EndToken));
    }

    [Theory]
    [InlineData("\"model_type\":\"qwen2\"", "\"model_type\":\"gpt2\"", "model_type")]
    [InlineData("\"model_type\":\"qwen2\"", "\"model_type\":null", "model_type")]
    [InlineData("\"vocab_size\":10,", "", "vocab_size")]
    [InlineData("\"vocab_size\":10,", "\"vocab_size\":0,", "vocab_size is 0; allowed: 1")]
    [InlineData("\"vocab_size\":10,", "\"vocab_size\":2000000000,", "vocab_size is 2000000000")]
    [InlineData("\"vocab_size\":10,", "\"vocab_size\":\"10\",", "expected an integer")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":3", "does not divide hidden_size")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":0", "num_attention_heads")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":2,\"head_dim\":5", "head_dim is 5; it must be even")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":2,\"head_dim\":-4", "head_dim")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":2,\"num_key_value_heads\":4", "num_key_value_heads is 4")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":2,\"hidden_act\":\"gelu\"", "hidden_act")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":2,\"use_sliding_window\":true", "use_sliding_window")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":2,\"rms_norm_eps\":0", "rms_norm_eps")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":2,\"rope_theta\":\"big\"", "rope_theta")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":2,\"rope_scaling\":{\"type\":\"yarn\"}", "rope_type is 'yarn'")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":2,\"rope_scaling\":{\"rope_type\":\"llama3\"}", "factor is missing")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":2,\"rope_scaling\":[1]", "rope_scaling")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":2,\"num_attention_heads\":2", "not valid JSON")]
    [InlineData("\"num_attention_heads\":2", "\"num_attention_heads\":", "not valid JSON")]
    public void Parse_UnusableValue_IsAFaultThatNamesPlaceAndValue(string part, string replacement, string expected)
    {
        const string good = """{"model_type":"qwen2","vocab_size":10,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":1,"num_attention_heads":2}""";
        Assert.Equal(4, TransformerConfiguration.Parse(good).HeadSize);

        var fault = Assert.Throws<UserFaultException>(
            () => TransformerConfiguration.Parse(good.Replace(part, replacement, StringComparison.Ordinal), "dir/config.json"));

        Assert.StartsWith("dir/config.json", fault.Message, StringComparison.Ordinal);
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', fault.Message);
    }

    [Theory]
    [InlineData("\"use_sliding_window\":true")]
    [InlineData("\"layer_types\":[\"full_attention\",\"sliding_attention\"]")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":2.0}", "rope_type is 'linear'")]
    [InlineData("\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2.0}", "rope_type is 'dynamic'")]
    [InlineData("\"rope_parameters\":{\"rope_type\":\"yarn\",\"rope_theta\":1e6}", "rope_type is 'yarn'")]
    [InlineData("\"rope_parameters\":{\"rope_type\":\"longrope\",\"rope_theta\":1e6}", "rope_type is 'longrope'")]
    [InlineData("\"hidden_act\":\"gelu_pytorch_tanh\"")]
    [InlineData("\"mlp_bias\":true")]
    [InlineData("\"num_experts\":60")]
    [InlineData("\"num_local_experts\":8")]
    [InlineData("\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4}")]
    [InlineData("\"final_logit_softcapping\":30.0")]
    [InlineData("\"attn_logit_softcapping\":50.0")]
    [InlineData("\"partial_rotary_factor\":0.5")]
    [InlineData("\"attention_dropout\":0.1")]
    [InlineData("\"auto_map\":{\"AutoModel\":\"modeling.Own\"}")]
    [InlineData("\"architectures\":[\"Qwen2Model\"]")]
    [InlineData("\"is_encoder_decoder\":true")]
    public void Parse_FieldThatChangesTheComputation_IsRefusedByName(string field, string? expected = null)
    {
        string json = Minimal("qwen2", field);
        var fault = Assert.Throws<UserFaultException>(() => TransformerConfiguration.Parse(json));
        Assert.Contains(expected ?? field.Split('"')[1], fault.Message, StringComparison.Ordinal);
        Assert.Equal(FaultKind.Usage, fault.Kind);
    }

    [Theory]
    [InlineData("qwen2", false, false, false)]
    [InlineData("qwen3", false, false, true)]
    [InlineData("qwen3", true, true, true)]
    [InlineData("llama", false, false, false)]
    [InlineData("llama", true, true, false)]
    public void Parse_AttentionBias_FollowsTheFamily(string type, bool given, bool output, bool norms)
    {
        var read = TransformerConfiguration.Parse(Minimal(type, $"\"attention_bias\":{(given ? "true" : "false")},\"head_dim\":4"));
        Assert.Equal((type == "qwen2" || given, output, norms), (read.AttentionBias, read.OutputBias, read.HeadNorms));
        string[] names = [.. read.ParameterShapes().Select(shape => shape.Name)];
        Assert.Equal(norms, names.Contains("model.layers.0.self_attn.q_norm.weight"));
        Assert.Equal(output, names.Contains("model.layers.0.self_attn.o_proj.bias"));
        Assert.Equal(read, TransformerConfiguration.Parse(read.ToJson()));
    }

    [Fact]
    public void Parse_Qwen3WithoutHeadSize_TakesTheFamilysDefault() =>
        Assert.Equal(128, TransformerConfiguration.Parse(Minimal("qwen3", "\"use_cache\":true")).HeadSize);

    [Theory]
    [InlineData("\"torch_dtype\":\"bfloat16\",\"rope_theta\":1000000.0,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,\"original_max_position_embeddings\":64}")]
    [InlineData("\"dtype\":\"bfloat16\",\"rope_parameters\":{\"rope_theta\":1000000.0,\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,\"original_max_position_embeddings\":64}")]
    [InlineData("\"dtype\":\"bfloat16\",\"rope_parameters\":{\"rope_theta\":1000000.0,\"rope_type\":\"default\"}")]
    public void ToJson_OfWhatWasRead_KeepsEveryField(string spelling)
    {
        string json = Minimal("llama", spelling + """
            ,"architectures":["LlamaForCausalLM"],"bos_token_id":1,"eos_token_id":[7,9],"pad_token_id":0,"head_dim":4,"hidden_act":"silu",
            "num_key_value_heads":2,"rms_norm_eps":1e-05,"max_position_embeddings":256,"tie_word_embeddings":true,"attention_bias":false,
            "mlp_bias":false,"initializer_range":0.02,"transformers_version":"4.46.0","use_cache":false,"pretraining_tp":1,
            "sliding_window":null,"attention_dropout":0.0,"nested":{"a":[1,{"b":null}]},"id2label":{"0":"LABEL_0","1":"LABEL_1"}
            """);
        TransformerConfiguration read = TransformerConfiguration.Parse(json);
        string written = read.ToJson(StorageType.BF16);
        Assert.Equal(read, TransformerConfiguration.Parse(written));
        Assert.Equal([7, 9], read.EndTokens());
        Assert.Equal(Flat(json), Flat(written));

        static SortedDictionary<string, string> Flat(string text)
        {
            using var document = System.Text.Json.JsonDocument.Parse(text);
            var values = new SortedDictionary<string, string>(StringComparer.Ordinal);
            Add("", document.RootElement);
            return values;

            void Add(string name, System.Text.Json.JsonElement element)
            {
                if (element.ValueKind == System.Text.Json.JsonValueKind.Object)
                {
                    foreach (var property in element.EnumerateObject())
                        Add($"{name}/{property.Name}", property.Value);
                }
                else
                {
                    values[name] = element.ValueKind == System.Text.Json.JsonValueKind.Number
                        ? element.GetSingle().ToString("R", System.Globalization.CultureInfo.InvariantCulture)
                        : string.Concat(element.GetRawText().Where(c => !char.IsWhiteSpace(c)));
                }
            }
        }
    }

    [Fact]
    public void ToJson_ClassifierWithNamedLabels_KeepsThemWhileTheirNumberFits()
    {
        TransformerConfiguration read = TransformerConfiguration.Parse(Minimal(
            "qwen2", """ "architectures":["Qwen2ForSequenceClassification"],"id2label":{"0":"harmless","1":"harmful"},"label2id":{"harmless":0,"harmful":1} """));
        Assert.Equal((2, false), (read.ScoreHeads, read.LanguageHead));
        Assert.Contains("harmful", read.ToJson(), StringComparison.Ordinal);
        string other = (read with { ScoreHeads = 1 }).ToJson();
        Assert.DoesNotContain("harmful", other, StringComparison.Ordinal);
        Assert.Equal(1, TransformerConfiguration.Parse(other).ScoreHeads);
    }

    private static string Minimal(string type, string fields) =>
        $$"""{"model_type":"{{type}}","vocab_size":10,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":1,"num_attention_heads":2,{{fields}}}""";

    [Fact]
    public void Validate_LlamaWithBiases_IsAFault() =>
        Assert.Throws<UserFaultException>(() => (Small with { ModelType = "llama" }).Validate());
}
