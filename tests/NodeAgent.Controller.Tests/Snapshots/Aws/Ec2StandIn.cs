using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace NodeAgent.Controller.Tests.Snapshots.Aws;

/// <summary>A server that answers each request as a test says, for the faults that a real one does not show.</summary>
internal sealed class Ec2StandIn : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private readonly Func<int, string, string?> _answer;
    private readonly TimeSpan _ahead;

    /// <param name="answer">From the number of the request, 1 for the first, its whole answer but the Date; null breaks the connection.</param>
    /// <param name="ahead">How far its clock is ahead.</param>
    public Ec2StandIn(Func<int, string?> answer, TimeSpan ahead = default)
        : this((number, _) => answer(number), ahead)
    {
    }

    /// <param name="answer">The same, from the number and the text of the request.</param>
    /// <param name="ahead">How far its clock is ahead.</param>
    public Ec2StandIn(Func<int, string, string?> answer, TimeSpan ahead = default)
    {
        (_answer, _ahead) = (answer, ahead);
        _listener.Start();
        _loop = RunAsync();
    }

    public Uri Endpoint => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");

    /// <summary>Head and body of each request.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    public static string Error(int status, string code) => Answer(status, $"<Response><Errors><Error><Code>{code}</Code><Message>because</Message></Error></Errors><RequestID>1</RequestID></Response>");

    public static string Answer(int status, string body) => string.Create(CultureInfo.InvariantCulture, $"{status}|{body}");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _loop;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                await AnswerAsync(client.GetStream());
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or InvalidOperationException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(NetworkStream stream)
    {
        try
        {
            var text = new StringBuilder();
            var buffer = new byte[64 * 1024];
            while (!IsWhole(text.ToString()))
            {
                var read = await stream.ReadAsync(buffer, _stop.Token);
                if (read == 0) return;
                text.Append(Encoding.ASCII.GetString(buffer, 0, read));
            }

            Requests.Enqueue(text.ToString());
            if (_answer(Requests.Count, text.ToString()) is not { } answer) return;
            var (status, body) = (answer[..answer.IndexOf('|', StringComparison.Ordinal)], answer[(answer.IndexOf('|', StringComparison.Ordinal) + 1)..]);
            var head = $"HTTP/1.1 {status} X\r\nDate: {DateTimeOffset.UtcNow + _ahead:R}\r\nContent-Type: text/xml\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n";
            await stream.WriteAsync(Encoding.UTF8.GetBytes(head + body), _stop.Token);
        }
        catch (IOException)
        {
            // The client left.
        }
    }

    private static bool IsWhole(string text)
    {
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0) return false;
        var length = text[..end].Split("\r\n").Single(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))["Content-Length:".Length..];
        return text.Length - end - 4 >= int.Parse(length, CultureInfo.InvariantCulture);
    }
}
