using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using NodeAgent.Hosting.Endpoints;
using NodeAgent.Hosting.Health;
using NodeAgent.Hosting.Metrics;

namespace NodeAgent.Hosting;

/// <summary>
/// What surrounds the work of a server process: log, metrics, probes and the signal to stop. Start it, do the work until
/// <see cref="Stopping"/>, dispose it.
/// </summary>
public sealed class ProcessHost : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop;
    private readonly List<PosixSignalRegistration> _signals = [];
    private readonly List<EndpointServer> _servers = [];
    private readonly ILogger _log;
    private TelemetryExport? _export;
    private bool _isDisposed;

    private ProcessHost(ProcessHostOptions options, CancellationToken cancellation)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Stopping = _stop.Token;
        Loggers = options.Log.CreateFactory();
        _log = Loggers.CreateLogger("NodeAgent.Hosting");
        Health = new HealthChecks(options.Time);
        Metrics = new MetricsCollector(options.Metrics, _log);
        // A process that ends is taken out of service first.
        Health.AddReadiness("shutdown", _ => new(Stopping.IsCancellationRequested ? "the process is stopping" : null));
    }

    public ILoggerFactory Loggers { get; }

    public HealthChecks Health { get; }

    public MetricsCollector Metrics { get; }

    /// <summary>Cancelled by the first SIGTERM or SIGINT, and with the token that the host was started with. The work then ends in good order.</summary>
    public CancellationToken Stopping { get; }

    /// <summary>Where the metrics are, with the port that was got; null when they are off.</summary>
    public Uri? MetricsAddress { get; private set; }

    /// <summary>Where the probes are, with the port that was got; null when they are off.</summary>
    public Uri? HealthAddress { get; private set; }

    /// <exception cref="IOException">An address cannot be listened on; the message names it.</exception>
    /// <exception cref="FormatException">The address of the telemetry collector in the environment is none.</exception>
    public static async Task<ProcessHost> StartAsync(ProcessHostOptions options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        var host = new ProcessHost(options, cancellation);
        try
        {
            host._export = TelemetryExport.Start(options.ServiceName, options.Metrics.Meters);
            await host.ListenAsync(options, cancellation);
            host._signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, host.OnSignal));
            host._signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, host.OnSignal));
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends probes and metrics last of all: while the work comes to its end, they still answer.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true)) return;
        foreach (var signal in _signals) signal.Dispose();
        await _stop.CancelAsync();
        foreach (var server in _servers) await server.DisposeAsync();
        _export?.Dispose();
        Metrics.Dispose();
        _stop.Dispose();
        Loggers.Dispose();
    }

    private async Task ListenAsync(ProcessHostOptions options, CancellationToken cancellation)
    {
        // Port 0 twice means two servers with a port each.
        var isShared = options.MetricsAddress is not null && options.MetricsAddress == options.HealthAddress && options.MetricsAddress.Port != 0;
        if (options.MetricsAddress is { } metrics)
        {
            var server = await EndpointServer.StartAsync(metrics, isShared ? Health : null, Metrics, cancellation);
            _servers.Add(server);
            MetricsAddress = server.Address;
            if (isShared) HealthAddress = server.Address;
            _log.MetricsAt(server.Address);
        }

        if (options.HealthAddress is { } health && !isShared)
        {
            var server = await EndpointServer.StartAsync(health, Health, null, cancellation);
            _servers.Add(server);
            HealthAddress = server.Address;
        }

        if (HealthAddress is not null) _log.ProbesAt(HealthAddress);
    }

    private void OnSignal(PosixSignalContext context)
    {
        // The second signal is left to the runtime, which ends the process.
        if (_stop.IsCancellationRequested) return;
        context.Cancel = true;
        _log.Stopping(context.Signal.ToString());
        _stop.Cancel();
    }
}
