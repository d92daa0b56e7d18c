using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace NodeAgent.Stores.Tests.Faults;

/// <summary>
/// Stands before a real server on loopback and spoils what its <see cref="FaultPlan"/> says. On sockets, since most of the faults
/// are ones that no HTTP server would commit. Host and signature pass unchanged.
/// </summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private const int MaxHead = 64 << 10;

    private readonly IPEndPoint _upstream;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Task, bool> _connections = new();
    private readonly ConcurrentDictionary<Socket, bool> _sockets = new();
    private readonly ConcurrentDictionary<string, byte[]> _lists = new();
    private readonly Task _accepting;
    private long _bytesToClients;
    private int _requests;
    private volatile bool _isCut;

    public FaultProxy(string endpoint, FaultPlan? plan = null)
    {
        var uri = new Uri(endpoint);
        _upstream = new IPEndPoint(IPAddress.Loopback, uri.Port);
        Plan = plan;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where a client finds the proxy.</summary>
    public string Endpoint => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    public FaultPlan? Plan { get; set; }

    /// <summary>Sees each request before it goes on; may wait, or do things behind the client's back.</summary>
    public Func<ProxiedRequest, Task>? OnRequest { get; set; }

    /// <summary>While the body of a request passes: how many of its bytes have, and whether to cut the network now.</summary>
    public Func<ProxiedRequest, int, bool>? CutsAt { get; set; }

    /// <summary>The network is gone: what is open is reset, and what comes is as well, until <see cref="Mend"/>.</summary>
    public bool IsCut => _isCut;

    /// <summary>Connections that came while the network was cut.</summary>
    public int RefusedWhileCut { get; private set; }

    /// <summary>Of bodies and heads, to all clients; with the up to 256 KiB that each of them is being sent.</summary>
    public long BytesToClients => Interlocked.Read(ref _bytesToClients);

    /// <summary>Requests that came.</summary>
    public int Requests => Volatile.Read(ref _requests);

    public void Cut()
    {
        _isCut = true;
        foreach (var socket in _sockets.Keys) Reset(socket);
    }

    public void Mend() => _isCut = false;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        foreach (var socket in _sockets.Keys) Reset(socket);
        await Task.WhenAll(_connections.Keys);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptSocketAsync(_stop.Token);
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            if (_isCut)
            {
                RefusedWhileCut++;
                Reset(client);
                continue;
            }

            var serving = Task.Run(() => ServeAsync(client), CancellationToken.None);
            _connections.TryAdd(serving, true);
            _ = serving.ContinueWith(done => _connections.TryRemove(done, out _), TaskScheduler.Default);
        }
    }

    /// <summary>One client connection with one server connection of its own, until either ends.</summary>
    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        client.NoDelay = server.NoDelay = true;
        _sockets.TryAdd(client, true);
        _sockets.TryAdd(server, true);
        try
        {
            // A cut between the accept and here has not seen these two.
            if (_isCut)
            {
                Reset(client);
                return;
            }

            await server.ConnectAsync(_upstream, _stop.Token);
            var fromClient = new WireReader(client);
            var fromServer = new WireReader(server);
            while (await ServeOneAsync(client, server, fromClient, fromServer)) { }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException or IOException)
        {
            // Either side went away, or this side was told to.
        }
        finally
        {
            _sockets.TryRemove(client, out _);
            _sockets.TryRemove(server, out _);
            client.Dispose();
        }
    }

    private async Task<bool> ServeOneAsync(Socket client, Socket server, WireReader fromClient, WireReader fromServer)
    {
        var token = _stop.Token;
        if (await fromClient.ReadHeadAsync(MaxHead, token) is not { } head) return false;
        var request = Parse(head);
        Interlocked.Increment(ref _requests);
        if (OnRequest is { } look) await look(request);
        var fault = Plan?.Next(request) ?? FaultKind.None;
        if (fault == FaultKind.StaleList && !(request.IsListing && _lists.ContainsKey(request.Target))) fault = FaultKind.None;
        if (fault == FaultKind.ResetInBody && request.BodyLength < 2) fault = FaultKind.ResetBefore;
        if (fault != FaultKind.None) Plan!.Note(fault);

        switch (fault)
        {
            case FaultKind.ResetBefore:
                Reset(client);
                return false;
            case FaultKind.Delay:
                await Task.Delay(50, token);
                break;
        }

        if (request.Headers.ContainsKey("expect")) await SendAsync(client, "HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray());
        var body = new byte[request.BodyLength];
        for (var done = 0; done < body.Length;)
        {
            var part = Math.Min(body.Length - done, 32 << 10);
            await fromClient.ReadExactlyAsync(body.AsMemory(done, part), token);
            done += part;
            if (CutsAt?.Invoke(request, done) == true)
            {
                // What has come so far reaches the server, which must make nothing of it.
                await server.SendAsync(head, token);
                await server.SendAsync(body.AsMemory(0, done), token);
                Cut();
                return false;
            }
        }

        switch (fault)
        {
            case FaultKind.InternalError:
                await SendAsync(client, Refusal(500, "InternalError", "We encountered an internal error. Please try again."));
                return true;
            case FaultKind.SlowDown:
                await SendAsync(client, Refusal(503, "SlowDown", "Please reduce your request rate."));
                return true;
            case FaultKind.ResetInBody:
                await server.SendAsync(WithoutExpect(head), token);
                await server.SendAsync(body.AsMemory(0, body.Length / 2), token);
                Reset(server);
                Reset(client);
                return false;
            case FaultKind.StaleList:
                await SendAsync(client, _lists[request.Target]);
                return true;
        }

        await server.SendAsync(WithoutExpect(head), token);
        if (body.Length > 0) await server.SendAsync(body, token);
        var answer = await fromServer.ReadAnswerAsync(request.Method, MaxHead, token);
        // The first answer of each listing is kept: the older, the more wrong.
        if (request.IsListing && answer.Status == 200) _lists.TryAdd(request.Target, [.. answer.Head, .. answer.Body]);

        switch (fault)
        {
            case FaultKind.LostAnswer:
                Reset(client);
                return false;
            case FaultKind.LostAnswerBehind500:
                await SendAsync(client, Refusal(500, "InternalError", "We encountered an internal error. Please try again."));
                return true;
            case FaultKind.HalfAnswer:
                var whole = (byte[])[.. answer.Head, .. answer.Body];
                // Of an answer without a body, half of the head.
                await SendAsync(client, whole.AsMemory(0, answer.Body.Length > 1 ? answer.Head.Length + answer.Body.Length / 2 : answer.Head.Length / 2));
                client.Shutdown(SocketShutdown.Both);
                return false;
            case FaultKind.Delay:
                await Task.Delay(50, token);
                break;
        }

        await SendAsync(client, answer.Head);
        if (answer.Body.Length > 0) await SendAsync(client, answer.Body);
        return answer.KeepsOpen;
    }

    private async Task SendAsync(Socket client, ReadOnlyMemory<byte> bytes)
    {
        const int most = 256 << 10;
        while (bytes.Length > 0)
        {
            var piece = bytes[..Math.Min(bytes.Length, most)];
            bytes = bytes[piece.Length..];
            // Before it is sent: a client that has all of it may look at once.
            Interlocked.Add(ref _bytesToClients, piece.Length);
            while (piece.Length > 0) piece = piece[await client.SendAsync(piece, _stop.Token)..];
        }
    }

    private static ProxiedRequest Parse(byte[] head)
    {
        var lines = Encoding.ASCII.GetString(head).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var first = lines[0].Split(' ');
        var headers = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in lines[1..])
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            headers[line[..colon].ToLowerInvariant()] = line[(colon + 1)..].Trim();
        }

        if (headers.ContainsKey("transfer-encoding")) throw new IOException("a request in chunks is nothing that this proxy knows");
        var length = headers.TryGetValue("content-length", out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : 0;
        return new ProxiedRequest(first[0], first[1], headers, length);
    }

    /// <summary>The proxy has asked for the body itself.</summary>
    private static byte[] WithoutExpect(byte[] head)
    {
        var lines = Encoding.ASCII.GetString(head).Split("\r\n").Where(l => !l.StartsWith("expect:", StringComparison.OrdinalIgnoreCase));
        return Encoding.ASCII.GetBytes(string.Join("\r\n", lines));
    }

    private static byte[] Refusal(int status, string code, string message)
    {
        var body = $"""<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message><RequestId>proxy</RequestId></Error>""";
        return Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {body.Length}\r\nConnection: keep-alive\r\n\r\n{body}"));
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
            socket.Close();
        }
        catch (Exception exception) when (exception is ObjectDisposedException or SocketException)
        {
            // Closed already.
        }
    }
}
