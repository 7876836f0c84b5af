using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>What every objective asks of a model and its examples.</summary>
internal static class ExampleCheck
{
    public static void LanguageHead(Transformer model)
    {
        if (!model.Configuration.LanguageHead)
            throw new UserFaultException("The model has no language head.", "Train a model that has one, or an objective over scores.", FaultKind.Usage);
    }

    public static void ScoreHeads(Transformer model, int needed)
    {
        if (model.Configuration.ScoreHeads < needed)
        {
            throw new UserFaultException(
                $"The objective needs {needed} score heads and the model has {model.Configuration.ScoreHeads}.",
                "Create the model with more score heads.",
                FaultKind.Usage);
        }
    }

    public static void Length(Transformer model, int tokens, int index)
    {
        if (tokens > model.Configuration.MaximumPositions)
        {
            throw new UserFaultException(
                $"Example {index} has {tokens} tokens and the model takes {model.Configuration.MaximumPositions}.",
                "Shorten it or leave it out.",
                FaultKind.Usage);
        }
    }

    public static void Tokens(Transformer model, ReadOnlySpan<int> tokens, int index)
    {
        foreach (int token in tokens)
        {
            if ((uint)token >= (uint)model.Configuration.VocabularySize)
            {
                throw new UserFaultException(
                    $"Example {index} has the token {token}, which is not among the model's {model.Configuration.VocabularySize}.",
                    "Use the tokenizer that belongs to the model.",
                    FaultKind.Usage);
            }
        }
    }

    public static void Weight(double weight, int index)
    {
        if (!(weight >= 0) || !double.IsFinite(weight))
            throw new UserFaultException($"Example {index} has the weight {weight}.", "Weights are finite and at least 0.", FaultKind.Usage);
    }
}
