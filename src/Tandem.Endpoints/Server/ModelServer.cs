using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tandem.Endpoints.Wire;
using Tandem.Tensors;

namespace Tandem.Endpoints;

/// <summary>An OpenAI-compatible server of a <see cref="LocalModel"/>: /v1/models, /v1/chat/completions, /v1/completions, /health.</summary>
public sealed class ModelServer : IAsyncDisposable
{
    private readonly LocalModel _model;
    private readonly ModelServerOptions _options;
    private readonly TimeProvider _time;
    private readonly WebApplication _application;
    private readonly bool _loopback;
    private readonly byte[]? _keyHash;

    private ModelServer(LocalModel model, ModelServerOptions options, TimeProvider time)
    {
        (_model, _options, _time) = (model, options, time);
        IPAddress address = AddressOf(options.Host);
        _loopback = IPAddress.IsLoopback(address);
        _keyHash = options.ApiKey is { } key ? Hash(key) : null;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Grace);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaximumBodyBytes;
            kestrel.Listen(address, options.Port);
        });
        _application = builder.Build();
        _application.Use(GuardAsync);
        Map();
    }

    /// <summary>The address that it listens on, with the version: what clients take as their base address.</summary>
    public Uri Address { get; private set; } = new("http://127.0.0.1");

    /// <summary>Starts a server.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <param name="options">Where it listens and what it lets in.</param>
    /// <param name="time">What replies are dated by; the system's by default.</param>
    /// <param name="cancellation">Ends the start.</param>
    /// <exception cref="UserFaultException">The address is not one, or taken.</exception>
    public static async Task<ModelServer> StartAsync(
        LocalModel model, ModelServerOptions options, TimeProvider? time = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Port is < 0 or > 65535)
            throw new UserFaultException($"The port is {options.Port}; allowed: 0 to 65535.", "Correct --port.", FaultKind.Usage);
        if (options.ApiKey is { Length: 0 })
            throw new UserFaultException("The key is empty.", "Give a key, or none.", FaultKind.Usage);
        var server = new ModelServer(model, options, time ?? TimeProvider.System);
        try
        {
            await server._application.StartAsync(cancellation).ConfigureAwait(false);
        }
        catch (IOException error)
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw new UserFaultException(
                $"Cannot listen on {options.Host}:{options.Port}: {error.Message.ReplaceLineEndings(" ")}", "Choose another --port or --host.", inner: error);
        }

        ICollection<string> addresses = server._application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        server.Address = new Uri(addresses.First() + "/v1");
        return server;
    }

    /// <summary>Whether an address is reached from this machine only.</summary>
    /// <exception cref="UserFaultException">It is not an address.</exception>
    public static bool IsLoopback(string host) => IPAddress.IsLoopback(AddressOf(host));

    /// <summary>Takes no more requests, lets those under way finish for the time of grace, and stops.</summary>
    public async Task StopAsync() => await _application.StopAsync().ConfigureAwait(false);

    /// <summary>Stops and frees the port.</summary>
    public async ValueTask DisposeAsync() => await _application.DisposeAsync().ConfigureAwait(false);

    private void Map()
    {
        _application.MapGet("/health", context => context.Response.WriteAsJsonAsync(
            new Health { Model = _model.Name, Running = _model.Running, Waiting = _model.Waiting }, WireJson.Plain.Health));
        var entry = new ModelEntry { Id = _model.Name, Created = _time.GetUtcNow().ToUnixTimeSeconds(), MaxModelLen = _model.Context };
        _application.MapGet("/v1/models", context => context.Response.WriteAsJsonAsync(new ModelList { Data = [entry] }, WireJson.Plain.ModelList));
        _application.MapPost("/v1/chat/completions", new ChatCompletions(_model, _time).HandleAsync);
        _application.MapPost("/v1/completions", new Completions(_model, _time).HandleAsync);
    }

    /// <summary>Lets in who may, and turns every fault into an error of OpenAI's form.</summary>
    private async Task GuardAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            Authorize(context);
            await next(context).ConfigureAwait(false);
            if (context.Response is { HasStarted: false, StatusCode: 404 })
                throw new ApiException(404, $"There is no {context.Request.Path}.", code: "unknown_url");
            if (context.Response is { HasStarted: false, StatusCode: 405 })
                throw new ApiException(405, $"{context.Request.Method} is not allowed for {context.Request.Path}.");
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has left: there is nobody to tell.
        }
        catch (Exception error)
        {
            await TellAsync(context, Translate(error)).ConfigureAwait(false);
        }
    }

    private void Authorize(HttpContext context)
    {
        // A page in a browser can reach this port under a name of its own that it points to this machine.
        if (_loopback && _keyHash is null && !IsLocalName(context.Request.Host.Host))
            throw new ApiException(403, "Without a key this server answers requests to localhost only.");
        if (_keyHash is null || context.Request.Path == "/health")
            return;
        const string Scheme = "Bearer ";
        string given = context.Request.Headers.Authorization.ToString();
        if (!given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || !CryptographicOperations.FixedTimeEquals(Hash(given[Scheme.Length..].Trim()), _keyHash))
            throw new ApiException(401, "The API key is missing or wrong.", code: "invalid_api_key");
    }

    private ApiException Translate(Exception error)
    {
        switch (error)
        {
            case ApiException known:
                return known;
            case QueueFullException:
                return new ApiException(429, error.Message, code: "queue_full", retryAfter: TimeSpan.FromSeconds(1));
            case BadHttpRequestException { StatusCode: 413 }:
                return new ApiException(413, $"The body is larger than {_options.MaximumBodyBytes} bytes.");
            case BadHttpRequestException bad:
                return new ApiException(bad.StatusCode, "The request is malformed.");
            case OperationCanceledException or ObjectDisposedException:
                return new ApiException(503, "The server is stopping.", retryAfter: TimeSpan.FromSeconds(10));
            case UserFaultException { Kind: FaultKind.Usage }:
                return new ApiException(400, error.Message);
            case UserFaultException:
                _options.Log?.Invoke(error.Message);
                return new ApiException(500, error.Message);
            default:
                _options.Log?.Invoke(error.ToString().ReplaceLineEndings(" "));
                return new ApiException(500, "An internal error occurred.");
        }
    }

    private static async Task TellAsync(HttpContext context, ApiException error)
    {
        try
        {
            if (context.Response.HasStarted)
            {
                // Of a stream, whose status is sent: the error is its last event, and no [DONE] follows.
                using var stream = new EventStream(context);
                await stream.WriteAsync(error.Reply, WireJson.Plain.ErrorReply).ConfigureAwait(false);
                return;
            }

            context.Response.Clear();
            context.Response.StatusCode = error.Status;
            if (error.RetryAfter is { } wait)
                context.Response.Headers.RetryAfter = ((int)wait.TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
            if (error.Status == 401)
                context.Response.Headers.WWWAuthenticate = "Bearer";
            await context.Response.WriteAsJsonAsync(error.Reply, WireJson.Plain.ErrorReply, cancellationToken: context.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is OperationCanceledException or IOException)
        {
            // The client left before it could be told.
        }
    }

    private static bool IsLocalName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));

    private static IPAddress AddressOf(string host)
    {
        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
            return IPAddress.Loopback;
        return IPAddress.TryParse(host, out IPAddress? address) ? address : throw new UserFaultException(
            $"The host is '{host}'; allowed: an IP address or localhost.", "Give 127.0.0.1 for this machine only, 0.0.0.0 for every network.", FaultKind.Usage);
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <summary>Signals are the program's affair, not the server's.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
