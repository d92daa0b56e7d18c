using System.Net;
using System.Net.Sockets;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Controller.Tests.Harness;

/// <summary>A way to a server over TCP that can be cut: then its connections break and new ones are refused.</summary>
internal sealed class SeverableConnection : IAsyncDisposable
{
    private readonly Uri _server;
    private readonly List<Task> _tasks = [];
    private CancellationTokenSource _cut = new();
    private TcpListener _listener = new(IPAddress.Loopback, 0);

    public SeverableConnection(Uri server)
    {
        _server = server;
        Listen();
    }

    public ClusterConfig Config => ClusterConfig.ForServer(new Uri($"http://127.0.0.1:{Port}/"));

    private int Port { get; set; }

    public async Task CutAsync()
    {
        _listener.Dispose();
        await _cut.CancelAsync();
        await Task.WhenAll(_tasks);
        _tasks.Clear();
    }

    public void Mend()
    {
        _cut.Dispose();
        _cut = new CancellationTokenSource();
        _listener = new TcpListener(IPAddress.Loopback, Port);
        Listen();
    }

    public async ValueTask DisposeAsync()
    {
        await CutAsync();
        _cut.Dispose();
    }

    private static async Task CopyAsync(Stream from, Stream to, CancellationToken cancellation)
    {
        try
        {
            await from.CopyToAsync(to, cancellation);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // One side left, or the connection was cut.
        }
    }

    private void Listen()
    {
        _listener.Server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _tasks.Add(AcceptAsync(_listener, _cut.Token));
    }

    private async Task AcceptAsync(TcpListener listener, CancellationToken cancellation)
    {
        var connections = new List<Task>();
        try
        {
            while (true) connections.Add(CarryAsync(await listener.AcceptTcpClientAsync(cancellation), cancellation));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or InvalidOperationException)
        {
            // Cut: while a connection was awaited, or between two of them, when the listener is no longer one.
            await Task.WhenAll(connections);
        }
    }

    private async Task CarryAsync(TcpClient client, CancellationToken cancellation)
    {
        using var near = client;
        using var far = new TcpClient();
        await far.ConnectAsync(_server.Host, _server.Port, CancellationToken.None);
        await Task.WhenAny(CopyAsync(near.GetStream(), far.GetStream(), cancellation), CopyAsync(far.GetStream(), near.GetStream(), cancellation));
    }
}
