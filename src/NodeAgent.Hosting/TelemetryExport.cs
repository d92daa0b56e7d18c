using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace NodeAgent.Hosting;

/// <summary>
/// Pushes metrics and traces to an OpenTelemetry collector where the standard variable OTEL_EXPORTER_OTLP_ENDPOINT names one. The
/// exporter's other standard variables (protocol, headers, timeout) hold as well.
/// </summary>
internal sealed class TelemetryExport : IDisposable
{
    public const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private const int FlushMilliseconds = 2000;

    private readonly MeterProvider _metrics;
    private readonly TracerProvider _traces;

    private TelemetryExport(MeterProvider metrics, TracerProvider traces) => (_metrics, _traces) = (metrics, traces);

    /// <summary>Null when no collector is named.</summary>
    /// <exception cref="FormatException">The variable is no address.</exception>
    public static TelemetryExport? Start(string serviceName, IReadOnlyList<string> meters)
    {
        var endpoint = Environment.GetEnvironmentVariable(EndpointVariable);
        if (string.IsNullOrEmpty(endpoint)) return null;
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
            throw new FormatException($"{EndpointVariable}: \"{endpoint}\" is no address such as http://collector:4317");
        var resource = ResourceBuilder.CreateDefault().AddService(serviceName);
        return new TelemetryExport(
            Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter([.. meters]).AddOtlpExporter().Build(),
            Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource("NodeAgent.*").AddOtlpExporter().Build());
    }

    /// <summary>Sends what is pending, as far as that goes quickly.</summary>
    public void Dispose()
    {
        _metrics.ForceFlush(FlushMilliseconds);
        _traces.ForceFlush(FlushMilliseconds);
        _metrics.Dispose();
        _traces.Dispose();
    }
}
