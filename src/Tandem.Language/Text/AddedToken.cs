namespace Tandem.Language;

/// <summary>A token that stands beside the model: where its text is found, it is cut out before anything else.</summary>
/// <param name="Token">The token.</param>
/// <param name="Content">Its text.</param>
/// <param name="IsSpecial">Whether it controls the model and is no text.</param>
/// <param name="Normalized">Whether it is sought in the normalized text.</param>
/// <param name="StripsLeft">Whether white space before it belongs to it.</param>
/// <param name="StripsRight">Whether white space after it belongs to it.</param>
/// <param name="SingleWord">Whether it is found only where no letter or digit adjoins it.</param>
internal sealed record AddedToken(
    int Token, string Content, bool IsSpecial, bool Normalized, bool StripsLeft, bool StripsRight, bool SingleWord);
