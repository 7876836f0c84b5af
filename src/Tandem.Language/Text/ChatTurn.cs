namespace Tandem.Language;

/// <summary>A turn of a conversation.</summary>
/// <param name="Role">Who speaks: see <see cref="ChatRole"/>.</param>
/// <param name="Content">What is said.</param>
public sealed record ChatTurn(string Role, string Content);

/// <summary>The roles that chat templates know.</summary>
public static class ChatRole
{
    /// <summary>The instructions before the conversation.</summary>
    public const string System = "system";

    /// <summary>The one who asks.</summary>
    public const string User = "user";

    /// <summary>The model.</summary>
    public const string Assistant = "assistant";
}
