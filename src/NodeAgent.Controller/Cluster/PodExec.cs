using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace NodeAgent.Controller.Cluster;

/// <summary>Runs commands in containers over the API server's WebSocket protocol. Safe for concurrent use.</summary>
internal sealed class PodExec(HttpClient http)
{
    private const byte StdoutChannel = 1;
    private const byte StderrChannel = 2;
    private const byte ErrorChannel = 3;

    // What a hook prints goes into the log; more than this of it helps nobody.
    private const int MaxOutput = 4096;

    /// <summary>Runs a command to its end. Null when it succeeded, else why not, with what it printed.</summary>
    public async Task<string?> RunAsync(string ns, string pod, string container, IReadOnlyList<string> command, TimeSpan timeout, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            using var socket = new ClientWebSocket();
            socket.Options.AddSubProtocol("v5.channel.k8s.io");
            socket.Options.AddSubProtocol("v4.channel.k8s.io");
            await socket.ConnectAsync(Address(ns, pod, container, command), http, limit.Token);
            return await ReadOutcomeAsync(socket, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return $"it did not end within {timeout.TotalSeconds:0.###} s";
        }
        catch (WebSocketException e)
        {
            return $"it could not be run: {e.Message}";
        }
    }

    private static async Task<string?> ReadOutcomeAsync(ClientWebSocket socket, CancellationToken cancellation)
    {
        var output = new StringBuilder();
        var status = new MemoryStream();
        var buffer = new byte[32 * 1024];
        var channel = (byte)0;
        var isStart = true;
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), cancellation);
            if (received.MessageType == WebSocketMessageType.Close) break;
            var data = buffer.AsMemory(0, received.Count);
            if (isStart && data.Length > 0)
            {
                channel = data.Span[0];
                data = data[1..];
            }

            isStart = received.EndOfMessage;
            if (channel is StdoutChannel or StderrChannel && output.Length < MaxOutput) output.Append(Encoding.UTF8.GetString(data.Span[..Math.Min(data.Length, MaxOutput - output.Length)]));
            else if (channel == ErrorChannel && status.Length < MaxOutput) status.Write(data.Span);
            if (channel == ErrorChannel && received.EndOfMessage) break;
        }

        return Describe(status.ToArray(), output.ToString());
    }

    private static string? Describe(byte[] status, string output)
    {
        // The protocol always ends with a status; without one the connection was lost and nobody knows how the command ended.
        if (status.Length == 0) return "the connection was lost before it ended";
        JsonNode? parsed = null;
        try
        {
            parsed = JsonNode.Parse(status);
        }
        catch (JsonException)
        {
            // Older servers send plain text; it is shown as it is.
        }

        if (parsed.Text("status") == "Success") return null;
        var reason = parsed.Text("message") ?? Encoding.UTF8.GetString(status);
        return output.Length == 0 ? reason : $"{reason}; it printed: {output.Trim()}";
    }

    private Uri Address(string ns, string pod, string container, IReadOnlyList<string> command)
    {
        var query = new StringBuilder($"?container={Uri.EscapeDataString(container)}&stdout=true&stderr=true");
        foreach (var word in command) query.Append("&command=").Append(Uri.EscapeDataString(word));
        var address = new Uri(http.BaseAddress!, $"api/v1/namespaces/{Uri.EscapeDataString(ns)}/pods/{Uri.EscapeDataString(pod)}/exec{query}");
        return new UriBuilder(address) { Scheme = address.Scheme == Uri.UriSchemeHttps ? "wss" : "ws" }.Uri;
    }
}
