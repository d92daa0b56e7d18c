using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using NodeAgent.DevCluster.Discovery;
using NodeAgent.DevCluster.Faults;
using NodeAgent.DevCluster.Resources;

namespace NodeAgent.DevCluster.Api;

/// <summary>The entry of every request: faults first, then what needs no resource, then resources.</summary>
internal sealed class ApiRequestHandler(ResourceRegistry registry, ResourceRequests resources, PodRequests pods, ServiceProxy services, ApiFaults faults, TimeProvider time)
{
    private readonly DiscoveryDocuments _discovery = new(registry);
    private readonly OpenApiDocuments _openApi = new(registry);

    public async Task HandleAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var request = ApiRequest.Parse(context.Request.Method, context.Request.Path.Value ?? "/", query["watch"].ToString() is "true" or "1");
        try
        {
            if (faults.RefuseConnections)
            {
                context.Abort();
                return;
            }
            var (status, delay) = faults.Next(request);
            if (delay > TimeSpan.Zero)
                await Task.Delay(delay, time, context.RequestAborted);
            if (status != 0)
            {
                if (status == 429)
                    context.Response.Headers.RetryAfter = "1";
                throw new ApiException(status, Reason(status), "the server was told to fail this request");
            }
            if (ServiceProxy.Parse(request.Path) is var (ns, target, path))
                await services.HandleAsync(context, ns, target, path);
            else if (request.Resource.Length == 0)
                await RootAsync(context);
            else
                await ResourceAsync(context, request);
        }
        catch (ApiException e) when (e.Reason.Length == 0 && !context.Response.HasStarted)
        {
            context.Response.StatusCode = e.Code;
            context.Response.ContentType = "text/plain; charset=utf-8";
            await context.Response.WriteAsync(e.Message + "\n", context.RequestAborted);
        }
        catch (ApiException e) when (!context.Response.HasStarted)
        {
            await ApiResponses.WriteAsync(context, e.Code, e.Status());
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client is gone; nobody reads an answer.
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            await ApiResponses.WriteAsync(context, 500, new ApiException(500, "InternalError", $"Internal error occurred: {e}").Status());
        }
    }

    private Task ResourceAsync(HttpContext context, ApiRequest request)
    {
        var type = registry.Find(request.Group, request.Version, request.Resource) ?? throw ApiException.NoSuchPath();
        if (type.Namespaced && request.Namespace.Length == 0 && request.Name.Length > 0)
            throw ApiException.NoSuchPath();
        if (type.Is("", "pods") && request.Subresource is "log" or "exec" or "binding" or "eviction")
            return pods.HandleAsync(context, type, request);
        return resources.HandleAsync(context, type, request);
    }

    private Task RootAsync(HttpContext context)
    {
        var parts = (context.Request.Path.Value ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        var aggregated = MediaTypes.WantsAggregatedDiscovery(context.Request);
        switch (parts)
        {
            case ["healthz" or "livez" or "readyz", ..]:
                context.Response.ContentType = "text/plain; charset=utf-8";
                return context.Response.WriteAsync("ok", context.RequestAborted);
            case ["version"]:
                return ApiResponses.WriteAsync(context, 200, DevClusterVersion.Document());
            case ["api"] or ["apis"] when aggregated:
                return ApiResponses.WriteAsync(context, 200, _discovery.Aggregated(parts[0] == "api"), MediaTypes.AggregatedDiscovery);
            case ["api"]:
                return ApiResponses.WriteAsync(context, 200, DiscoveryDocuments.CoreVersions());
            case ["apis"]:
                return ApiResponses.WriteAsync(context, 200, _discovery.Groups());
            case ["api", var version] when _discovery.Resources("", version) is { } core:
                return ApiResponses.WriteAsync(context, 200, core);
            case ["apis", var group] when _discovery.Group(group) is { } found:
                return ApiResponses.WriteAsync(context, 200, found);
            case ["apis", var group, var version] when _discovery.Resources(group, version) is { } list:
                return ApiResponses.WriteAsync(context, 200, list);
            case ["openapi", "v2"] when context.Request.Headers.Accept.ToString() is var accept && accept.Contains("protobuf", StringComparison.Ordinal) && !accept.Contains("json", StringComparison.Ordinal):
                throw new ApiException(406, "NotAcceptable", "only the following media types are accepted: application/json");
            case ["openapi", "v2"]:
                return ApiResponses.WriteAsync(context, 200, OpenApiDocuments.Version2());
            case ["openapi", "v3"]:
                return ApiResponses.WriteAsync(context, 200, _openApi.Index());
            case ["openapi", "v3", "api", var version] when _openApi.Of(version) is { } document:
                return ApiResponses.WriteAsync(context, 200, document);
            case ["openapi", "v3", "apis", var group, var version] when _openApi.Of($"{group}/{version}") is { } document:
                return ApiResponses.WriteAsync(context, 200, document);
            case []:
                return ApiResponses.WriteAsync(context, 200, new JsonObject { ["paths"] = new JsonArray("/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version") });
            default:
                throw ApiException.NoSuchPath();
        }
    }

    private static string Reason(int status) => status switch
    {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
}
