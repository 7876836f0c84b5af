using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Tandem.Endpoints.Tests;

/// <summary>A server that does what it is told: each request takes the next behaviour, and the last one for ever.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly ConcurrentQueue<JsonElement> _requests = new();
    private readonly Func<HttpContext, Task>[] _behaviours;
    private int _calls;

    private FakeServer(Func<HttpContext, Task>[] behaviours)
    {
        _behaviours = behaviours;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _application = builder.Build();
        _application.Run(async context =>
        {
            int call = Interlocked.Increment(ref _calls) - 1;
            Authorization = context.Request.Headers.Authorization.ToString();
            _requests.Enqueue(await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.Body));
            await _behaviours[Math.Min(call, _behaviours.Length - 1)](context);
        });
    }

    public int Calls => Volatile.Read(ref _calls);

    public string Authorization { get; private set; } = "";

    public IReadOnlyCollection<JsonElement> Requests => _requests;

    public EndpointConfiguration Configuration { get; private set; } = null!;

    public static async Task<FakeServer> StartAsync(params Func<HttpContext, Task>[] behaviours)
    {
        var server = new FakeServer(behaviours);
        await server._application.StartAsync();
        string address = server._application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        server.Configuration = new EndpointConfiguration { BaseAddress = address + "/v1", Model = "fake", TimeoutSeconds = 7200, Retries = 3, MaximumOutputTokens = 100 };
        return server;
    }

    public async ValueTask DisposeAsync() => await _application.DisposeAsync();

    public static Func<HttpContext, Task> Says(string text, string reason = "stop", int prompt = 10, int completion = 5) => Body(JsonSerializer.Serialize(new
    {
        id = "x",
        model = "fake",
        choices = new[] { new { index = 0, message = new { role = "assistant", content = text }, finish_reason = reason } },
        usage = new { prompt_tokens = prompt, completion_tokens = completion, total_tokens = prompt + completion },
    }));

    public static Func<HttpContext, Task> Body(string body, string type = "application/json", int status = 200) => async context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        await context.Response.WriteAsync(body);
    };

    public static Func<HttpContext, Task> Error(int status, string? retryAfter = null, string code = "oops", string message = "Something is wrong.") => async context =>
    {
        context.Response.StatusCode = status;
        if (retryAfter is not null)
            context.Response.Headers.RetryAfter = retryAfter;
        await context.Response.WriteAsJsonAsync(new { error = new { message, code } });
    };

    /// <summary>Some events of a stream, and then the end, orderly or not.</summary>
    public static Func<HttpContext, Task> Events(bool abort, params string[] events) => async context =>
    {
        context.Response.ContentType = "text/event-stream";
        foreach (string data in events)
            await context.Response.WriteAsync($"data: {data}\n\n");
        await context.Response.Body.FlushAsync();
        if (abort)
            context.Abort();
    };

    public static string Delta(string text, string? reason = null) => JsonSerializer.Serialize(new
    {
        id = "x",
        model = "fake",
        choices = new[] { new { index = 0, delta = new { content = text }, finish_reason = reason } },
    });

    public static Task Hangs(HttpContext context) => Task.Delay(Timeout.Infinite, context.RequestAborted);

    public static Task Aborts(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }
}

/// <summary>A clock on which every wait ends at once, and moves it on. Waits of an hour and more never end.</summary>
internal sealed class HastyTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly DateTimeOffset _start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private TimeSpan _elapsed;

    /// <summary>The waits so far.</summary>
    public ConcurrentQueue<TimeSpan> Waits { get; } = new();

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => _start + Elapsed;

    public override long GetTimestamp() => Elapsed.Ticks;

    private TimeSpan Elapsed
    {
        get
        {
            lock (_lock)
                return _elapsed;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(HastyTime time, TimerCallback callback, object? state) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime < TimeSpan.Zero || dueTime >= TimeSpan.FromHours(1))
                return true;
            time.Waits.Enqueue(dueTime);
            lock (time._lock)
                time._elapsed += dueTime;
            ThreadPool.QueueUserWorkItem(_ => callback(state));
            return true;
        }

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
