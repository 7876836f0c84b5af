using Microsoft.Extensions.AI;
using ChatRole = Microsoft.Extensions.AI.ChatRole;

namespace Tandem.Tests.Evaluation;

/// <summary>A chat model that answers by a function of the conversation's text.</summary>
internal sealed class ScriptedChat(Func<string, string> reply) : IChatClient
{
    private int _requests;

    public int Requests => Volatile.Read(ref _requests);

    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _requests);
        return Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, reply(string.Concat(messages.Select(message => message.Text))))));
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }
}
