using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;

namespace NodeAgent.DevCluster.Api;

/// <summary>Passes requests on to services: to the first address of the service's Endpoints, which somebody else has to make, since no network connects pods here.</summary>
internal sealed class ServiceProxy(ObjectStore store, ResourceRegistry registry)
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromMinutes(1) };

    /// <summary>Namespace, [scheme:]name[:port] and the path behind; null for other paths.</summary>
    public static (string Namespace, string Target, string Path)? Parse(string path) =>
        path.Split('/', 9) is ["", "api", "v1", "namespaces", var ns, "services", var target, "proxy", .. var rest] ? (ns, target, "/" + string.Concat(rest)) : null;

    public async Task HandleAsync(HttpContext context, string ns, string target, string path)
    {
        if (!HttpMethods.IsGet(context.Request.Method)) throw ApiException.MethodNotAllowed();
        var parts = target.Split(':');
        var (name, wanted) = parts.Length switch { 1 => (parts[0], ""), 2 => (parts[0], parts[1]), _ => (parts[1], parts[2]) };
        var services = registry.Get("", "services");
        var service = store.Find(services, new ObjectKey(ns, name))?.Content ?? throw ApiException.NotFound(services, name);
        var port = service.Items("spec", "ports").FirstOrDefault(p => wanted.Length == 0 || p.Text("name") == wanted || p["port"]?.ToString() == wanted)
            ?? throw new ApiException(503, "ServiceUnavailable", $"no service port \"{wanted}\" found for service \"{name}\"");
        var subset = store.Find(registry.Get("", "endpoints"), new ObjectKey(ns, name))?.Content.Items("subsets").FirstOrDefault(s => s.Items("addresses").Any());
        var address = subset?.Items("addresses").First().Text("ip");
        var number = subset?.Items("ports").FirstOrDefault(p => p.Text("name") == port.Text("name"))?["port"]?.ToString();
        if (address is null || number is null) throw new ApiException(503, "ServiceUnavailable", $"no endpoints available for service \"{name}\"");
        using var answer = await Http.GetAsync(new Uri($"http://{address}:{number}{path}{context.Request.QueryString}"), HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        context.Response.StatusCode = (int)answer.StatusCode;
        context.Response.ContentType = answer.Content.Headers.ContentType?.ToString();
        context.Response.ContentLength = answer.Content.Headers.ContentLength;
        await answer.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }
}
