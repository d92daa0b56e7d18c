using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NodeAgent.Hosting.Health;
using NodeAgent.Hosting.Metrics;

namespace NodeAgent.Hosting.Endpoints;

/// <summary>Answers the kubelet's probes and Prometheus: <c>/livez</c>, <c>/readyz</c>, <c>/metrics</c>. Plain HTTP, reading only.</summary>
public sealed class EndpointServer : IAsyncDisposable
{
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(2);

    private readonly WebApplication _app;
    private readonly HealthChecks? _health;
    private readonly MetricsCollector? _metrics;

    private EndpointServer(WebApplication app, HealthChecks? health, MetricsCollector? metrics) => (_app, _health, _metrics) = (app, health, metrics);

    /// <summary>Where it listens, with the port that it got.</summary>
    public Uri Address { get; private set; } = null!;

    /// <param name="health">Null to have no probes at this address.</param>
    /// <param name="metrics">Null to have no metrics at this address.</param>
    /// <exception cref="IOException">The address cannot be listened on; the message names it.</exception>
    public static async Task<EndpointServer> StartAsync(ListenAddress address, HealthChecks? health, MetricsCollector? metrics, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(address);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<IHostLifetime>(new OwnersLifetime());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 0;
            void Http1(ListenOptions listen) => listen.Protocols = HttpProtocols.Http1;
            if (address.Address is null) kestrel.ListenAnyIP(address.Port, Http1);
            else kestrel.Listen(address.Address, address.Port, Http1);
        });
        var app = builder.Build();
        var server = new EndpointServer(app, health, metrics);
        app.Run(server.AnswerAsync);
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (Exception e)
        {
            await app.DisposeAsync();
            // Kestrel says "address in use" but only sometimes which.
            if (e is IOException or System.Net.Sockets.SocketException)
                throw new IOException($"{address.Address?.ToString() ?? "any address"} port {address.Port} cannot be listened on: {e.Message.ReplaceLineEndings(" ")}", e);
            throw;
        }

        var bound = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        server.Address = new Uri(bound.Replace("://+:", "://[::]:", StringComparison.Ordinal));
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        // Answers are short; a connection that is still open after this is an idle one.
        using var limit = new CancellationTokenSource(StopPatience);
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
    }

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
