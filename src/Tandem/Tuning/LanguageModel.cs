using Tandem.Datasets.Hub;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Tuning;

/// <summary>A transformer that reads and writes text: weights, tokenizer and prompt format of one model directory.</summary>
public sealed class LanguageModel : IDisposable
{
    /// <summary>Joins the parts.</summary>
    /// <param name="name">What messages and reports call it.</param>
    /// <param name="transformer">The weights; disposed with the model.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="format">How conversations become tokens.</param>
    /// <exception cref="UserFaultException">The tokenizer has tokens that the transformer lacks.</exception>
    public LanguageModel(string name, Transformer transformer, ITokenizer tokenizer, IPromptFormat format)
    {
        ArgumentNullException.ThrowIfNull(transformer);
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (tokenizer.VocabularySize > transformer.Configuration.VocabularySize)
        {
            throw new UserFaultException(
                $"The tokenizer of {name} has {tokenizer.VocabularySize} tokens, its weights {transformer.Configuration.VocabularySize}.",
                "Use the tokenizer.json that belongs to the model.");
        }

        (Name, Transformer, Tokenizer, Format) = (name, transformer, tokenizer, format);
    }

    /// <summary>Opens a model: its weights, its tokenizer, and its chat template or the plain format.</summary>
    /// <param name="nameOrPath">A model directory, or the name of a model in the hub's cache.</param>
    /// <param name="load">Loads the weights; null for all of them, frozen and not rounded.</param>
    /// <param name="style">How conversations become tokens.</param>
    /// <exception cref="UserFaultException">It is not there, or a file is malformed, or it lacks the chat template asked for.</exception>
    public static LanguageModel Open(string nameOrPath, Func<PretrainedModel, Transformer>? load = null, PromptStyle style = PromptStyle.Auto)
    {
        string directory = ModelLocation.Resolve(nameOrPath);
        PretrainedModel pretrained = PretrainedModel.Open(directory);
        ITokenizer tokenizer = Tokenizers.Load(directory);
        IPromptFormat format = FormatOf(directory, tokenizer, style);
        Transformer transformer = (load ?? (model => model.Load(model.FrozenStorage)))(pretrained);
        try
        {
            return new LanguageModel(nameOrPath, transformer, tokenizer, format);
        }
        catch
        {
            transformer.Dispose();
            throw;
        }
    }

    /// <summary>The prompt format of a model directory.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="style">Which format.</param>
    /// <exception cref="UserFaultException">The chat template asked for is not there, or malformed.</exception>
    public static IPromptFormat FormatOf(string directory, ITokenizer tokenizer, PromptStyle style = PromptStyle.Auto)
    {
        ChatTemplate? template = style switch
        {
            PromptStyle.Plain => null,
            PromptStyle.Chat => ChatTemplate.Load(directory),
            _ => ChatTemplate.Find(directory),
        };
        return template is null ? new PlainFormat(tokenizer) : new ChatFormat(tokenizer, template);
    }

    /// <summary>What messages and reports call it.</summary>
    public string Name { get; }

    /// <summary>The weights.</summary>
    public Transformer Transformer { get; }

    /// <summary>The tokenizer.</summary>
    public ITokenizer Tokenizer { get; }

    /// <summary>How conversations become tokens.</summary>
    public IPromptFormat Format { get; }

    /// <summary>Frees the weights.</summary>
    public void Dispose() => Transformer.Dispose();
}
