namespace Tandem.Datasets;

/// <summary>A prompt without a reference reply, of which is known how a model should meet it.</summary>
/// <param name="Prompt">What the user says.</param>
/// <param name="Expected">What a well-behaved model does.</param>
public sealed record PromptRecord(string Prompt, ExpectedBehaviour Expected) : DataRecord;

/// <summary>What a well-behaved model does with a prompt.</summary>
public enum ExpectedBehaviour
{
    /// <summary>It helps: the prompt is safe, even where its words sound otherwise.</summary>
    Comply,

    /// <summary>It refuses: the prompt asks for harm.</summary>
    Refuse,
}
