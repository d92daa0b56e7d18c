using System.Net.Http;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Leadership;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Invocation;

/// <summary>An exception as the user meets it: one line and an exit code.</summary>
internal readonly record struct Failure(int ExitCode, string Message)
{
    public static Failure Of(Exception exception, bool interrupted) => exception switch
    {
        _ when interrupted && exception is OperationCanceledException => new(Cli.ExitCode.Interrupted, "interrupted"),
        UsageException => new(Cli.ExitCode.Usage, exception.Message),
        CommandException command => new(command.ExitCode, command.Message),
        SnapshotNotFoundException => new(Cli.ExitCode.NotFound, $"{exception.Message} (nodeagent snapshot list shows all)"),
        RepositoryNotFoundException => new(Cli.ExitCode.RepositoryNotFound, exception.Message),
        WrongKeyException => new(Cli.ExitCode.WrongKey, exception.Message),
        RepositoryException => new(Cli.ExitCode.Failed, exception.Message),
        ClusterConfigException or ApiException or LeadershipLostException => new(Cli.ExitCode.Failed, exception.Message),
        UnauthorizedAccessException or IOException or HttpRequestException or TimeoutException => new(Cli.ExitCode.Failed, exception.Message),
        // A native library that is not installed; the message says how to get it.
        DllNotFoundException => new(Cli.ExitCode.Failed, exception.Message),
        AggregateException { InnerException: { } inner } => Of(inner, interrupted),
        _ => new(Cli.ExitCode.Failed, $"unexpected: {exception.GetType().Name}: {exception.Message} (this is a fault in nodeagent; --verbose shows where)"),
    };
}
