using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Hosting.Endpoints;
using NodeAgent.Hosting.Health;
using NodeAgent.Hosting.Metrics;

namespace NodeAgent.Hosting.Tests.Endpoints;

public sealed class EndpointServerTests
{
    private static readonly ListenAddress AnyPort = ListenAddress.Parse("127.0.0.1:0");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Probes_are_answered_with_a_code_and_a_reason()
    {
        string? problem = "cache not synced";
        var health = new HealthChecks(TimeProvider.System);
        health.AddReadiness("cache", _ => new(problem));
        await using var server = await EndpointServer.StartAsync(AnyPort, health, null, Cancellation);
        Assert.NotEqual(0, server.Address.Port);
        using var http = new HttpClient { BaseAddress = server.Address };
        Assert.Equal((HttpStatusCode.OK, "ok"), await GetAsync(http, "livez"));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "[-]cache failed: cache not synced\nreadyz check failed\n"), await GetAsync(http, "readyz"));
        problem = null;
        Assert.Equal((HttpStatusCode.OK, "ok"), await GetAsync(http, "readyz"));
        Assert.Equal((HttpStatusCode.OK, "[+]cache ok\nreadyz check passed\n"), await GetAsync(http, "readyz?verbose"));
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(http, "metrics")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(http, "")).Status);
    }

    [Fact]
    public async Task Metrics_are_served_in_the_text_format()
    {
        var name = $"Test.{Guid.NewGuid():N}";
        using var meter = new Meter(name);
        using var metrics = new MetricsCollector(new MetricsOptions { Meters = [name] }, NullLogger.Instance);
        meter.CreateCounter<long>("velero_backup_attempt_total").Add(1, new KeyValuePair<string, object?>("schedule", "täglich"));
        await using var server = await EndpointServer.StartAsync(AnyPort, null, metrics, Cancellation);
        using var http = new HttpClient { BaseAddress = server.Address };
        using var response = await http.GetAsync("metrics", Cancellation);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        Assert.Equal(
            "# TYPE velero_backup_attempt_total counter\nvelero_backup_attempt_total{schedule=\"täglich\"} 1\n", await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(http, "livez")).Status);
        using var post = await http.PostAsync("metrics", null, Cancellation);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
    }

    [Fact]
    public async Task An_address_that_is_taken_is_named()
    {
        var health = new HealthChecks(TimeProvider.System);
        await using var server = await EndpointServer.StartAsync(AnyPort, health, null, Cancellation);
        var taken = new ListenAddress(IPAddress.Loopback, server.Address.Port);
        var error = await Assert.ThrowsAsync<IOException>(() => EndpointServer.StartAsync(taken, health, null, Cancellation));
        Assert.StartsWith($"127.0.0.1 port {server.Address.Port} cannot be listened on: ", error.Message, StringComparison.Ordinal);
    }

    private static async Task<(HttpStatusCode Status, string Text)> GetAsync(HttpClient http, string path)
    {
        using var response = await http.GetAsync(path, Cancellation);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation));
    }
}
