using Microsoft.Extensions.Logging;

namespace NodeAgent.Kubernetes.Queues;

internal static partial class ReconcileLog
{
    [LoggerMessage(1201, LogLevel.Warning, "{Loop} {Key}: failed, again in {Seconds:0.0} s: {Reason}")]
    public static partial void Refused(this ILogger log, string loop, string key, double seconds, string reason);

    [LoggerMessage(1202, LogLevel.Error, "{Loop} {Key}: failed unexpectedly, again in {Seconds:0.0} s")]
    public static partial void Failed(this ILogger log, string loop, string key, double seconds, Exception failure);

    [LoggerMessage(1203, LogLevel.Debug, "{Loop} {Key}: changed by somebody else, again in {Seconds:0.0} s")]
    public static partial void Conflicted(this ILogger log, string loop, string key, double seconds);
}
