using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace NodeAgent.DevCluster.Api;

/// <summary>The answering side of exec over WebSocket: each message begins with the number of its channel, and the exit code comes last of all.</summary>
internal static class ExecSocket
{
    private const byte StdoutChannel = 1;
    private const byte StderrChannel = 2;
    private const byte StatusChannel = 3;

    public static async Task ServeAsync(HttpContext context, string protocol, PodExecRequest request, Func<PodExecRequest, CancellationToken, Task<PodExecResult>> handler)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync(protocol);
        var result = await handler(request, context.RequestAborted);
        await SendAsync(socket, StdoutChannel, result.Stdout, context.RequestAborted);
        await SendAsync(socket, StderrChannel, result.Stderr, context.RequestAborted);
        await SendAsync(socket, StatusChannel, ExitStatus(result.ExitCode).ToJsonString(), context.RequestAborted);
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
    }

    private static JsonObject ExitStatus(int code) => code == 0
        ? new JsonObject { ["metadata"] = new JsonObject(), ["status"] = "Success" }
        : new JsonObject
        {
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["message"] = $"command terminated with non-zero exit code: exit status {code}",
            ["reason"] = "NonZeroExitCode",
            ["details"] = new JsonObject { ["causes"] = new JsonArray(new JsonObject { ["reason"] = "ExitCode", ["message"] = code.ToString(System.Globalization.CultureInfo.InvariantCulture) }) },
        };

    private static async Task SendAsync(WebSocket socket, byte channel, string text, CancellationToken cancellation)
    {
        if (text.Length == 0)
            return;
        byte[] message = [channel, .. Encoding.UTF8.GetBytes(text)];
        await socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, cancellation);
    }
}
