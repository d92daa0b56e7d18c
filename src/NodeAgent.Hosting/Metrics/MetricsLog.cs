using Microsoft.Extensions.Logging;

namespace NodeAgent.Hosting.Metrics;

internal static partial class MetricsLog
{
    [LoggerMessage(2001, LogLevel.Warning, "Metric {Name} of meter {Meter} is left out: another metric of this name is of another kind")]
    public static partial void KindConflict(this ILogger log, string name, string meter);

    [LoggerMessage(2002, LogLevel.Warning, "A metric could not be read: {Reason}")]
    public static partial void CallbackFailed(this ILogger log, string reason);

    [LoggerMessage(2003, LogLevel.Warning, "Metric {Name} has {Limit} series already, further ones are dropped: a label has too many values")]
    public static partial void TooManySeries(this ILogger log, string name, int limit);
}
