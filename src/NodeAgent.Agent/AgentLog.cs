using Microsoft.Extensions.Logging;

namespace NodeAgent.Agent;

/// <summary>What the agent logs; how each run went is also on its object.</summary>
internal static partial class AgentLog
{
    [LoggerMessage(3001, LogLevel.Information, "Agent of node {Node} started; pods are looked for in {HostPods}")]
    public static partial void Started(this ILogger log, string node, string hostPods);

    [LoggerMessage(3002, LogLevel.Information, "{Kind} {Key}: {Phase}: {What}")]
    public static partial void Ended(this ILogger log, string kind, string key, string phase, string what);

    [LoggerMessage(3003, LogLevel.Information, "{Kind} {Key}: started: {What}")]
    public static partial void Begun(this ILogger log, string kind, string key, string what);

    [LoggerMessage(3014, LogLevel.Information, "{Kind} {Key}: stopped with the agent; the next agent of this node takes it up")]
    public static partial void Left(this ILogger log, string kind, string key);

    [LoggerMessage(3004, LogLevel.Error, "{Kind} {Key} failed unexpectedly")]
    public static partial void Broke(this ILogger log, string kind, string key, Exception failure);

    [LoggerMessage(3005, LogLevel.Warning, "{Kind} {Key}: its status could not be written, again in {Seconds:0.0} s: {Reason}")]
    public static partial void StatusNotWritten(this ILogger log, string kind, string key, double seconds, string reason);

    [LoggerMessage(3020, LogLevel.Warning, "{Kind} {Key}: the API server does not answer as it should, again in {Seconds:0} s: {Reason}")]
    public static partial void WaitsForServer(this ILogger log, string kind, string key, double seconds, string reason);

    [LoggerMessage(3006, LogLevel.Warning, "The heartbeat could not be written: {Reason}")]
    public static partial void HeartbeatFailed(this ILogger log, string reason);

    [LoggerMessage(3007, LogLevel.Warning, "Secret {Secret} was made with a new random repository key. Without it no backup can be read: keep a copy of it outside of this cluster (kubectl get secret {Secret} -o yaml)")]
    public static partial void KeyMade(this ILogger log, string secret);

    [LoggerMessage(3008, LogLevel.Information, "Location {Location}: a new repository was made at {Store}")]
    public static partial void RepositoryMade(this ILogger log, string location, string store);

    [LoggerMessage(3009, LogLevel.Warning, "{Kind} {Key}: {Issue}")]
    public static partial void FileIssue(this ILogger log, string kind, string key, string issue);

    [LoggerMessage(3011, LogLevel.Warning, "Repository at {Store}: {Damage}; what only this index segment names is found in the packs themselves (run \"nodeagent repo repair index\")")]
    public static partial void DamagedSegment(this ILogger log, string store, string damage);

    [LoggerMessage(3012, LogLevel.Error, "{Kind} {Key}: ended as {Phase}, and the server refuses the status that says so: {Reason}")]
    public static partial void StatusRefused(this ILogger log, string kind, string key, string phase, string reason);

    [LoggerMessage(3010, LogLevel.Warning, "{Key}: the restore mark in the volume could not be removed: {Reason}")]
    public static partial void MarkStays(this ILogger log, string key, string reason);

    [LoggerMessage(3013, LogLevel.Warning, "Location {Location}: {Warning}")]
    public static partial void EndpointWarning(this ILogger log, string location, string warning);

    [LoggerMessage(3021, LogLevel.Information, "{Kind} {Key}: {Number} of {Wanted} files at once: the agent's memory is not enough for more (raise its memory limit, or lower --concurrency)")]
    public static partial void FewerWorkers(this ILogger log, string kind, string key, int number, int wanted);
}
