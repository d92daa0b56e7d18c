using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Api;

/// <summary>The parts of a pod that are more than data: logs, exec, binding, eviction.</summary>
internal sealed class PodRequests(ObjectStore store, ResourceWriter writer, Func<PodExecRequest, CancellationToken, Task<PodExecResult>>? execHandler)
{
    public async Task HandleAsync(HttpContext context, ResourceType type, ApiRequest request)
    {
        var key = new ObjectKey(request.Namespace, request.Name);
        var pod = store.Find(type, key)?.Content ?? throw ApiException.NotFound(type, request.Name);
        switch (request.Subresource)
        {
            case "log" when request.Verb == "get":
                context.Response.ContentType = "text/plain; charset=utf-8";
                await context.Response.WriteAsync($"{request.Name}: containers do not run in this cluster, so there is no log\n", context.RequestAborted);
                break;
            case "exec":
                await ExecAsync(context, pod);
                break;
            case "binding" when request.Verb == "create":
                var binding = await RequestBody.ReadAsync(context) as JsonObject;
                if (pod.Text("spec", "nodeName").Length > 0)
                    throw ApiException.Conflict(type, request.Name, $"pod {request.Name} is already assigned to node \"{pod.Text("spec", "nodeName")}\"");
                writer.Change(type, key, p => p.Child("spec")["nodeName"] = binding.Text("target", "name"));
                await ApiResponses.WriteAsync(context, 201, Success());
                break;
            case "eviction" when request.Verb == "create":
                writer.Delete(type, key, new DeleteRequest());
                await ApiResponses.WriteAsync(context, 201, Success());
                break;
            default:
                throw ApiException.MethodNotAllowed();
        }
    }

    private async Task ExecAsync(HttpContext context, JsonObject pod)
    {
        if (execHandler is null)
            throw new ApiException(501, "NotImplemented", "containers do not run in this cluster: exec answers only when it was started with an ExecHandler");
        if (!context.WebSockets.IsWebSocketRequest)
            throw new ApiException(400, "BadRequest", "exec is served over WebSocket only: connect with the subprotocol v5.channel.k8s.io or v4.channel.k8s.io");
        var protocol = context.WebSockets.WebSocketRequestedProtocols.FirstOrDefault(p => p is "v5.channel.k8s.io" or "v4.channel.k8s.io")
            ?? throw ApiException.BadRequest("unable to upgrade: no supported subprotocol; v5.channel.k8s.io and v4.channel.k8s.io are");
        var query = context.Request.Query;
        var container = query["container"].ToString() is { Length: > 0 } given ? given : pod.Items("spec", "containers").First().Text("name");
        if (!pod.Items("spec", "containers").Any(c => c.Text("name") == container))
            throw ApiException.BadRequest($"container {container} is not valid for pod {pod.Name()}");
        await ExecSocket.ServeAsync(context, protocol, new PodExecRequest(pod.Namespace(), pod.Name(), container, [.. query["command"].Select(c => c ?? "")], ReadOnlyMemory<byte>.Empty), execHandler);
    }

    private static JsonObject Success() => new() { ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["status"] = "Success", ["code"] = 201 };
}
