using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tandem.Datasets.Tests.Hub;

/// <summary>A request as it came.</summary>
internal sealed record FakeRequest(string Method, string Target, IReadOnlyDictionary<string, string> Headers)
{
    public string Path => Uri.UnescapeDataString(Target.Split('?')[0]);

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    public string? Query(string name) => Target.Contains('?', StringComparison.Ordinal)
        ? Target.Split('?', 2)[1].Split('&').Select(p => p.Split('=', 2)).Where(p => p[0] == name).Select(p => Uri.UnescapeDataString(p[1])).FirstOrDefault()
        : null;
}

/// <summary>A reply, and what goes wrong as it is sent.</summary>
internal sealed record FakeReply(int Status, byte[] Body)
{
    public List<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>What Content-Length says, if it is not true.</summary>
    public long? SaidLength { get; init; }

    /// <summary>After how many bytes the connection ends.</summary>
    public int? CutAfter { get; init; }

    /// <summary>Whether it ends by a reset, which may overtake bytes that were sent before it.</summary>
    public bool Reset { get; init; }

    /// <summary>After how many bytes nothing more comes.</summary>
    public int? HangAfter { get; init; }

    /// <summary>The pause after each kilobyte, for a test that acts in the middle of a transfer.</summary>
    public TimeSpan Pause { get; init; }

    public static FakeReply Of(int status, string text = "", params (string, string)[] headers) =>
        new(status, Encoding.UTF8.GetBytes(text)) { Headers = [.. headers] };

    public static FakeReply Json(string json, params (string, string)[] headers) =>
        Of(200, json, [("Content-Type", "application/json"), .. headers]);
}

/// <summary>An HTTP server on loopback, by hand: only so can a reply lie about its length, stop, or break at a byte.</summary>
internal sealed class FakeHttp : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<FakeRequest, FakeReply> _answer;

    public FakeHttp(Func<FakeRequest, FakeReply> answer)
    {
        _answer = answer;
        _listener.Start();
        Address = $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";
        _ = AcceptAsync();
    }

    public string Address { get; }

    public ConcurrentQueue<FakeRequest> Requests { get; } = [];

    /// <summary>Is set when a reply hangs.</summary>
    public SemaphoreSlim Hanging { get; } = new(0);

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _ = Task.Run(() => ServeAsync(client));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                NetworkStream stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                string[] first = (await reader.ReadLineAsync(_stop.Token) ?? "").Split(' ');
                if (first.Length < 3)
                    return;
                var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
                    headers[line.Split(':')[0]] = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
                var request = new FakeRequest(first[0], first[1], headers);
                Requests.Enqueue(request);
                await SendAsync(client, stream, request, _answer(request));
            }
            catch (Exception error) when (error is IOException or SocketException or OperationCanceledException)
            {
                // The client went away.
            }
        }
    }

    private async Task SendAsync(TcpClient client, NetworkStream stream, FakeRequest request, FakeReply reply)
    {
        var head = new StringBuilder();
        head.Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {reply.Status} Status\r\nContent-Length: {reply.SaidLength ?? reply.Body.Length}\r\nConnection: close\r\n");
        foreach ((string name, string value) in reply.Headers)
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), _stop.Token);
        if (request.Method == "HEAD")
            return;
        int length = Math.Min(reply.Body.Length, Math.Min(reply.CutAfter ?? int.MaxValue, reply.HangAfter ?? int.MaxValue));
        int step = reply.Pause > TimeSpan.Zero ? 1024 : Math.Max(1, length);
        for (int sent = 0; sent < length; sent += step)
        {
            await stream.WriteAsync(reply.Body.AsMemory(sent, Math.Min(step, length - sent)), _stop.Token);
            await stream.FlushAsync(_stop.Token);
            if (reply.Pause > TimeSpan.Zero)
                await Task.Delay(reply.Pause, _stop.Token);
        }

        if (reply.HangAfter is not null)
        {
            Hanging.Release();
            await Task.Delay(Timeout.Infinite, _stop.Token);
        }

        if (reply.Reset)
            client.LingerState = new LingerOption(true, 0);
        else
            client.Client.Shutdown(SocketShutdown.Send);
    }
}
