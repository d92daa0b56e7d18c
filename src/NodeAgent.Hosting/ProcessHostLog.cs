using Microsoft.Extensions.Logging;

namespace NodeAgent.Hosting;

internal static partial class ProcessHostLog
{
    [LoggerMessage(2101, LogLevel.Information, "Metrics at {Address}metrics")]
    public static partial void MetricsAt(this ILogger log, Uri address);

    [LoggerMessage(2102, LogLevel.Information, "Probes at {Address}livez and {Address}readyz")]
    public static partial void ProbesAt(this ILogger log, Uri address);

    [LoggerMessage(2103, LogLevel.Information, "{Signal} received: stopping; a second one ends the process at once")]
    public static partial void Stopping(this ILogger log, string signal);
}
