using System.Net;
using Microsoft.AspNetCore.Http;
using NodeAgent.Hosting.Health;
using NodeAgent.Hosting.Metrics;

namespace NodeAgent.Hosting.Endpoints;

/// <summary>Answers the kubelet's probes and Prometheus: <c>/livez</c>, <c>/readyz</c>, <c>/metrics</c>. Plain HTTP, reading only.</summary>
public sealed class EndpointServer : IAsyncDisposable
{
    private readonly HealthChecks? _health;
    private readonly MetricsCollector? _metrics;
    private HttpEndpoint _endpoint = null!;

    private EndpointServer(HealthChecks? health, MetricsCollector? metrics) => (_health, _metrics) = (health, metrics);

    /// <summary>Where it listens, with the port that it got.</summary>
    public Uri Address => _endpoint.Address;

    /// <param name="address">Where to listen.</param>
    /// <param name="health">Null to have no probes at this address.</param>
    /// <param name="metrics">Null to have no metrics at this address.</param>
    /// <param name="cancellation">Stops the start.</param>
    /// <exception cref="IOException">The address cannot be listened on; the message names it.</exception>
    public static async Task<EndpointServer> StartAsync(ListenAddress address, HealthChecks? health, MetricsCollector? metrics, CancellationToken cancellation)
    {
        var server = new EndpointServer(health, metrics);
        server._endpoint = await HttpEndpoint.StartAsync(address, server.AnswerAsync, cancellation);
        return server;
    }

    public ValueTask DisposeAsync() => _endpoint.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var (status, type, text) = await AnswerAsync(context.Request, context.RequestAborted);
        context.Response.StatusCode = (int)status;
        context.Response.ContentType = type;
        context.Response.Headers.CacheControl = "no-store";
        if (!HttpMethods.IsHead(context.Request.Method)) await context.Response.WriteAsync(text, context.RequestAborted);
    }

    private async Task<(HttpStatusCode Status, string Type, string Text)> AnswerAsync(HttpRequest request, CancellationToken cancellation)
    {
        const string Plain = "text/plain; charset=utf-8";
        var path = request.Path.Value;
        var isKnown = path switch
        {
            "/livez" or "/readyz" => _health is not null,
            "/metrics" => _metrics is not null,
            _ => false,
        };
        if (!isKnown) return (HttpStatusCode.NotFound, Plain, "not found\n");
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method)) return (HttpStatusCode.MethodNotAllowed, Plain, "only GET is answered here\n");
        if (path == "/metrics") return (HttpStatusCode.OK, MetricsCollector.ContentType, _metrics!.WriteText());
        var report = path == "/livez" ? await _health!.CheckLivenessAsync(cancellation) : await _health!.CheckReadinessAsync(cancellation);
        if (!report.IsHealthy) return (HttpStatusCode.ServiceUnavailable, Plain, report.ToText(path![1..]));
        return (HttpStatusCode.OK, Plain, request.Query.ContainsKey("verbose") ? report.ToText(path![1..]) : "ok");
    }
}
