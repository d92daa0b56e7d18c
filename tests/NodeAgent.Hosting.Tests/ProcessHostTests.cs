using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using NodeAgent.Hosting.Endpoints;
using NodeAgent.Hosting.Logging;

namespace NodeAgent.Hosting.Tests;

[Collection("process-wide state")]
public sealed class ProcessHostTests
{
    private static readonly ProcessHostOptions Options = new()
    {
        ServiceName = "nodeagent-test",
        Log = new LogSettings(LogLevel.Critical, LogFormat.Text),
        MetricsAddress = ListenAddress.Parse("127.0.0.1:0"),
        HealthAddress = ListenAddress.Parse("127.0.0.1:0"),
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Metrics_and_probes_answer_on_the_ports_that_they_got()
    {
        await using var host = await ProcessHost.StartAsync(Options, Cancellation);
        using var http = new HttpClient();
        using var meter = new Meter("NodeAgent.Test");
        meter.CreateCounter<int>("velero_restore_total").Add(4);
        Assert.NotEqual(host.MetricsAddress, host.HealthAddress);
        Assert.Contains("\nvelero_restore_total 4\n", await http.GetStringAsync(new Uri(host.MetricsAddress!, "metrics"), Cancellation), StringComparison.Ordinal);
        Assert.Equal("ok", await http.GetStringAsync(new Uri(host.HealthAddress!, "livez"), Cancellation));
        Assert.Equal("ok", await http.GetStringAsync(new Uri(host.HealthAddress!, "readyz"), Cancellation));
    }

    [Fact]
    public async Task One_address_may_serve_both()
    {
        await using var probe = await ProcessHost.StartAsync(Options, Cancellation);
        var address = new ListenAddress(IPAddress.Loopback, probe.MetricsAddress!.Port);
        await probe.DisposeAsync();
        await using var host = await ProcessHost.StartAsync(Options with { MetricsAddress = address, HealthAddress = address }, Cancellation);
        Assert.Equal(host.MetricsAddress, host.HealthAddress);
        using var http = new HttpClient { BaseAddress = host.MetricsAddress };
        Assert.Equal("ok", await http.GetStringAsync("livez", Cancellation));
        Assert.NotNull(await http.GetStringAsync("metrics", Cancellation));
    }

    [Fact]
    public async Task Without_addresses_nothing_listens()
    {
        await using var host = await ProcessHost.StartAsync(Options with { MetricsAddress = null, HealthAddress = null }, Cancellation);
        Assert.Null(host.MetricsAddress);
        Assert.Null(host.HealthAddress);
    }

    [Fact]
    public async Task A_termination_signal_stops_the_work_and_takes_the_process_out_of_service_first()
    {
        await using var host = await ProcessHost.StartAsync(Options, Cancellation);
        var stopped = new TaskCompletionSource();
        await using var registration = host.Stopping.Register(stopped.SetResult);
        using var kill = Process.Start("kill", ["-TERM", $"{Environment.ProcessId}"]);
        await stopped.Task.WaitAsync(TimeSpan.FromSeconds(20), Cancellation);
        await kill.WaitForExitAsync(Cancellation);
        // Long enough for a server that stops by itself to have done so.
        await Task.Delay(100, Cancellation);
        using var http = new HttpClient { BaseAddress = host.HealthAddress };
        using var ready = await http.GetAsync("readyz", Cancellation);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Contains("the process is stopping", await ready.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Equal("ok", await http.GetStringAsync("livez", Cancellation));
    }

    [Fact]
    public async Task The_callers_token_stops_the_work_too()
    {
        using var stop = new CancellationTokenSource();
        await using var host = await ProcessHost.StartAsync(Options, stop.Token);
        Assert.False(host.Stopping.IsCancellationRequested);
        await stop.CancelAsync();
        Assert.True(host.Stopping.IsCancellationRequested);
    }

    [Fact]
    public async Task Metrics_are_pushed_to_a_collector_only_where_the_environment_names_one()
    {
        var paths = new System.Collections.Concurrent.ConcurrentQueue<string>();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var collector = builder.Build();
        collector.Run(async context =>
        {
            paths.Enqueue(context.Request.Path);
            await context.Request.Body.CopyToAsync(Stream.Null);
        });
        await collector.StartAsync(Cancellation);
        using var meter = new Meter("NodeAgent.Pushed");
        await RunAsync();
        Assert.Empty(paths);
        try
        {
            Environment.SetEnvironmentVariable(TelemetryExport.EndpointVariable, collector.Urls.Single());
            Environment.SetEnvironmentVariable("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
            await RunAsync();
            Assert.Contains("/v1/metrics", paths);

            Environment.SetEnvironmentVariable(TelemetryExport.EndpointVariable, "nowhere");
            var error = await Assert.ThrowsAsync<FormatException>(RunAsync);
            Assert.Contains("OTEL_EXPORTER_OTLP_ENDPOINT: \"nowhere\" is no address", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable(TelemetryExport.EndpointVariable, null);
            Environment.SetEnvironmentVariable("OTEL_EXPORTER_OTLP_PROTOCOL", null);
        }

        async Task RunAsync()
        {
            await using var host = await ProcessHost.StartAsync(Options with { MetricsAddress = null, HealthAddress = null }, Cancellation);
            meter.CreateCounter<int>("pushed").Add(1);
        }
    }
}
