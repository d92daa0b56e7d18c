using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>
/// A port that leads to a server elsewhere. It can be taken away, as a server that is stopped, and held up, as one that does not answer.
/// </summary>
internal sealed class TcpForwarder : IAsyncDisposable
{
    private readonly string _host;
    private readonly int _port;
    private readonly ConcurrentDictionary<Socket, bool> _open = [];
    private Socket? _listener;
    private Task _accepting = Task.CompletedTask;
    private TaskCompletionSource _passes = Passing();

    private TcpForwarder(IPEndPoint address, Uri server)
    {
        (_host, _port) = (server.Host, server.Port);
        Address = address;
        Start();
    }

    /// <summary>Where it listens, also while it is stopped.</summary>
    public IPEndPoint Address { get; private set; }

    public Uri Url => new($"http://{Address}");

    /// <summary>How many connections are open.</summary>
    public int Connections => _open.Count / 2;

    /// <summary>Begins at a free port of the address.</summary>
    public static TcpForwarder Start(string address, Uri server) => new(new IPEndPoint(IPAddress.Parse(address), 0), server);

    /// <summary>Takes connections again, at the same port.</summary>
    public void Start()
    {
        if (_listener is not null) return;
        _listener = new Socket(Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        _listener.Bind(Address);
        _listener.Listen(128);
        Address = (IPEndPoint)_listener.LocalEndPoint!;
        _accepting = AcceptAsync(_listener);
    }

    /// <summary>Refuses connections, and cuts those that are open.</summary>
    public async Task StopAsync()
    {
        _listener?.Dispose();
        _listener = null;
        await _accepting;
        foreach (var socket in _open.Keys) Cut(socket);
        Release();
    }

    /// <summary>Keeps connections open and takes new ones, and passes nothing on until <see cref="Release"/>.</summary>
    public void Hold()
    {
        if (_passes.Task.IsCompleted) _passes = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void Release() => _passes.TrySetResult();

    public async ValueTask DisposeAsync() => await StopAsync();

    private static TaskCompletionSource Passing()
    {
        var passing = new TaskCompletionSource();
        passing.SetResult();
        return passing;
    }

    private static void Cut(Socket socket)
    {
        try
        {
            // The other side is to see it at once.
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is cut already.
        }

        socket.Dispose();
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            try
            {
                _ = ServeAsync(await listener.AcceptAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _open[client] = _open[server] = true;
            await server.ConnectAsync(_host, _port);
            await Task.WhenAll(CopyAsync(client, server), CopyAsync(server, client));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One side is gone, and the other with it.
        }
        finally
        {
            foreach (var socket in new[] { client, server })
            {
                _open.TryRemove(socket, out _);
                Cut(socket);
            }
        }
    }

    private async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var received)
            {
                await _passes.Task;
                for (var sent = 0; sent < received;) sent += await to.SendAsync(buffer.AsMemory(sent, received - sent));
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Cut(from);
            Cut(to);
        }
    }
}
