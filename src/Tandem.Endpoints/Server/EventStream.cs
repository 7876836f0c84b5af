using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Tandem.Endpoints;

/// <summary>Server-sent events as OpenAI's clients read them. Several choices may write at once.</summary>
internal sealed class EventStream(HttpContext context) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);

    public Task WriteAsync<T>(T value, JsonTypeInfo<T> type) => WriteAsync(JsonSerializer.SerializeToUtf8Bytes(value, type));

    public Task DoneAsync() => WriteAsync("[DONE]"u8.ToArray());

    public void Dispose() => _turn.Dispose();

    private async Task WriteAsync(byte[] data)
    {
        await _turn.WaitAsync(context.RequestAborted).ConfigureAwait(false);
        try
        {
            if (!context.Response.HasStarted)
            {
                context.Response.ContentType = "text/event-stream; charset=utf-8";
                context.Response.Headers.CacheControl = "no-cache";
            }

            await context.Response.Body.WriteAsync((byte[])[.. "data: "u8, .. data, .. "\n\n"u8], context.RequestAborted).ConfigureAwait(false);
            await context.Response.Body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }
}
