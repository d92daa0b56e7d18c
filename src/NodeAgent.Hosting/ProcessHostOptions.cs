using NodeAgent.Hosting.Endpoints;
using NodeAgent.Hosting.Logging;
using NodeAgent.Hosting.Metrics;

namespace NodeAgent.Hosting;

/// <summary>What a server process has around its work.</summary>
public sealed record ProcessHostOptions
{
    /// <summary>Name of the server in traces and pushed metrics, such as nodeagent-controller.</summary>
    public required string ServiceName { get; init; }

    public LogSettings Log { get; init; } = LogSettings.Default;

    /// <summary>Where <c>/metrics</c> is; null for none.</summary>
    public ListenAddress? MetricsAddress { get; init; }

    /// <summary>Where <c>/livez</c> and <c>/readyz</c> are; null for none. May be the same as that of the metrics.</summary>
    public ListenAddress? HealthAddress { get; init; }

    public MetricsOptions Metrics { get; init; } = new();

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
