using Microsoft.Extensions.Logging;

namespace NodeAgent.Kubernetes.Watching;

internal static partial class InformerLog
{
    [LoggerMessage(1101, LogLevel.Debug, "{Resource}: listed {Count} objects at version {Version}")]
    public static partial void Listed(this ILogger log, string resource, int count, string version);

    [LoggerMessage(1102, LogLevel.Debug, "{Resource}: version {Version} is no longer kept, listing again")]
    public static partial void Expired(this ILogger log, string resource, string version);

    [LoggerMessage(1103, LogLevel.Warning, "{Resource}: watch failed, again in {Seconds:0.0} s: {Reason}")]
    public static partial void WatchFailed(this ILogger log, string resource, double seconds, string reason);

    [LoggerMessage(1104, LogLevel.Information, "{Resource}: nothing was heard for {Seconds:0} s, the connection is replaced")]
    public static partial void Silent(this ILogger log, string resource, double seconds);

    [LoggerMessage(1105, LogLevel.Warning, "{Resource} {Key}: the object cannot be read: {Reason}")]
    public static partial void Malformed(this ILogger log, string resource, NamespacedName key, string reason);

    [LoggerMessage(1106, LogLevel.Error, "{Resource} {Key}: a handler failed")]
    public static partial void HandlerFailed(this ILogger log, string resource, NamespacedName key, Exception failure);
}
