using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace NodeAgent.Kubernetes.Api;

/// <summary>
/// A command in a container, over the WebSocket protocol v4.channel.k8s.io: the first byte of each message is its channel.
/// Channel 3 carries, last of all, a Status with the exit code.
/// </summary>
internal sealed class PodExec(RequestSender sender)
{
    private const string Protocol = "v4.channel.k8s.io";
    private const byte StdoutChannel = 1;
    private const byte StderrChannel = 2;
    private const byte ErrorChannel = 3;
    private const int LongestStatus = 64 * 1024;

    public async Task<int> RunAsync(
        string ns, string pod, string? container, IReadOnlyList<string> command, Stream stdout, Stream stderr, CancellationToken cancellation)
    {
        var query = new Query().Add("container", container).Add("stdout", "true").Add("stderr", "true");
        foreach (var word in command) query.Add("command", word);
        var request = ApiRequest.Get(KubernetesResources.Pods.ObjectPath(ns, pod, "exec"), query.ToString());
        // From here on the command runs: whatever happens, it is not started a second time.
        using var socket = await ConnectAsync(request, cancellation);
        try
        {
            var status = await CopyAsync(socket, stdout, stderr, cancellation);
            return ExitCode(request, status);
        }
        catch (WebSocketException e)
        {
            throw new HttpRequestException(HttpRequestError.ResponseEnded, $"{request}: the connection was lost before the command ended: {OneLine.Of(e.Message)}", e);
        }
    }

    /// <summary>
    /// Asks again for as long as the server is away, busy or starting: nothing has run in the container before the server takes the connection over.
    /// When it is cancelled meanwhile, the inner exception says what the server answered last.
    /// </summary>
    private async Task<ClientWebSocket> ConnectAsync(ApiRequest request, CancellationToken cancellation)
    {
        Exception? last = null;
        var isReady = false;
        for (var retry = 0; ; retry++)
        {
            try
            {
                try
                {
                    return await ConnectOnceAsync(request, cancellation);
                }
                catch (HttpRequestException e) when (e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError)
                {
                    sender.NoteOutage();
                    last = e;
                }
                catch (ApiException e) when (e.IsTooManyRequests || e.StatusCode == HttpStatusCode.ServiceUnavailable)
                {
                    last = e;
                }
                catch (ApiException e) when (!isReady && (e.IsForbidden || e.IsUnauthorized || e.StatusCode == HttpStatusCode.InternalServerError))
                {
                    // A server that says that it is ready may have become so since it refused: what it says then counts.
                    last = e;
                    isReady = !await sender.IsStartingAsync(isAboutDefinitions: false, cancellation);
                }

                if (!await sender.TryDelayAsync(retry, (last as ApiException)?.RetryAfter, cancellation)) throw last;
            }
            catch (OperationCanceledException e) when (last is not null && cancellation.IsCancellationRequested)
            {
                throw new OperationCanceledException(e.Message, last, cancellation);
            }
        }
    }

    private async Task<ClientWebSocket> ConnectOnceAsync(ApiRequest request, CancellationToken cancellation)
    {
        var address = new UriBuilder(new Uri(sender.Server, request.Target));
        address.Scheme = address.Scheme == Uri.UriSchemeHttps ? Uri.UriSchemeWss : Uri.UriSchemeWs;
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.AddSubProtocol(Protocol);
            socket.Options.CollectHttpResponseDetails = true;
            await socket.ConnectAsync(address.Uri, sender.Invoker, cancellation);
            return socket;
        }
        catch (WebSocketException e)
        {
            using (socket)
            {
                if (socket.HttpStatusCode is 0 or HttpStatusCode.SwitchingProtocols)
                    throw new HttpRequestException(ErrorOf(socket, e), $"{request}: {OneLine.Of(e.InnerException?.Message ?? e.Message)}", e);
                // The refusal's body, with the server's words, is out of reach behind a WebSocket.
                throw new ApiException(socket.HttpStatusCode, "", $"{request}: {(int)socket.HttpStatusCode} {socket.HttpStatusCode}: the command was not run") { RetryAfter = RetryAfter(socket) };
            }
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A connection that was never there differs from one that broke after the request was sent: then the command may have run.</summary>
    private static HttpRequestError ErrorOf(ClientWebSocket socket, WebSocketException e) => e.InnerException switch
    {
        _ when socket.HttpStatusCode is not 0 => HttpRequestError.InvalidResponse,
        HttpRequestException inner => inner.HttpRequestError,
        // The handler gave up connecting.
        OperationCanceledException => HttpRequestError.ConnectionError,
        _ => HttpRequestError.Unknown,
    };

    private static TimeSpan? RetryAfter(ClientWebSocket socket) =>
        socket.HttpResponseHeaders?.FirstOrDefault(h => h.Key.Equals("Retry-After", StringComparison.OrdinalIgnoreCase)).Value?.FirstOrDefault() is { } text
        && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? TimeSpan.FromSeconds(seconds)
            : null;

    private static async Task<byte[]> CopyAsync(ClientWebSocket socket, Stream stdout, Stream stderr, CancellationToken cancellation)
    {
        var status = new MemoryStream();
        var buffer = new byte[32 * 1024];
        var channel = (byte)0;
        var isStart = true;
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), cancellation);
            if (received.MessageType == WebSocketMessageType.Close) return status.ToArray();
            var data = buffer.AsMemory(0, received.Count);
            if (isStart && data.Length > 0)
            {
                channel = data.Span[0];
                data = data[1..];
                isStart = false;
            }

            if (received.EndOfMessage) isStart = true;
            if (channel == StdoutChannel) await stdout.WriteAsync(data, cancellation);
            else if (channel == StderrChannel) await stderr.WriteAsync(data, cancellation);
            else if (channel == ErrorChannel && status.Length + data.Length <= LongestStatus) status.Write(data.Span);
            if (channel == ErrorChannel && received.EndOfMessage && status.Length > 0) return status.ToArray();
        }
    }

    private static int ExitCode(ApiRequest request, byte[] status)
    {
        // The protocol always ends with a status; without one nobody knows how the command ended.
        if (status.Length == 0)
            throw new HttpRequestException(HttpRequestError.ResponseEnded, $"{request}: the connection was lost before the command ended");
        JsonObject json;
        try
        {
            json = JsonNode.Parse(status) as JsonObject ?? throw new JsonException("it is no object");
        }
        catch (JsonException e)
        {
            throw new HttpRequestException(HttpRequestError.InvalidResponse, $"{request}: the command's status cannot be read: {OneLine.Of(e.Message)}", e);
        }

        if (Text(json["status"]) == "Success") return 0;
        if (Text(json["reason"]) == "NonZeroExitCode" && json["details"]?["causes"] is JsonArray causes)
        {
            foreach (var cause in causes.OfType<JsonObject>())
            {
                if (Text(cause["reason"]) == "ExitCode" && int.TryParse(Text(cause["message"]), out var code)) return code;
            }
        }

        throw StatusReader.Read(request, HttpStatusCode.InternalServerError, json, null);
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
