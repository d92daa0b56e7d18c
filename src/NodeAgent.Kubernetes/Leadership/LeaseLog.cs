using Microsoft.Extensions.Logging;

namespace NodeAgent.Kubernetes.Leadership;

internal static partial class LeaseLog
{
    [LoggerMessage(1301, LogLevel.Information, "Lease {Lease}: {Identity} leads")]
    public static partial void Acquired(this ILogger log, string lease, string identity);

    [LoggerMessage(1302, LogLevel.Information, "Lease {Lease}: {Holder} leads, waiting")]
    public static partial void Waiting(this ILogger log, string lease, string holder);

    [LoggerMessage(1303, LogLevel.Warning, "Lease {Lease}: {Reason}")]
    public static partial void Failed(this ILogger log, string lease, string reason);

    [LoggerMessage(1304, LogLevel.Information, "Lease {Lease}: released")]
    public static partial void Released(this ILogger log, string lease);
}
