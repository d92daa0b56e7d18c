using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster;

/// <summary>`--wait`: a dot a second until the object reaches an end phase, then a sentence and an exit code that tells.</summary>
internal static class CompletionWait
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    /// <summary>Done for Completed, PartiallyFailed for that phase, Failed for any other end, NotFound when the object was deleted meanwhile.</summary>
    public static async Task<int> RunAsync(ClusterSession cluster, VeleroKind kind, string name, CancellationToken cancellationToken)
    {
        await StandardStreams.Out.WriteLineAsync($"Waiting for {kind.Noun} to complete. Ctrl-C stops the waiting only; the {kind.Noun} goes on in the cluster.");
        await StandardStreams.Out.FlushAsync(cancellationToken);
        using var timer = new PeriodicTimer(PollInterval, TimeProvider.System);
        while (true)
        {
            var resource = await cluster.FindAsync(kind, name, cancellationToken)
                ?? throw new CommandException(ExitCode.NotFound, $"{kind.Noun} {name}: it was deleted while it was waited for");
            if (EndOf(resource.Phase()) is { } exitCode)
            {
                await StandardStreams.Error.WriteLineAsync();
                await StandardStreams.Out.WriteLineAsync(
                    $"{char.ToUpperInvariant(kind.Noun[0])}{kind.Noun[1..]} completed with status: {resource.Phase()}. More: nodeagent {kind.Noun} describe {name}, nodeagent {kind.Noun} logs {name}");
                foreach (var reason in (string[])[resource.Text("status", "failureReason"), .. resource.Texts("status", "validationErrors")])
                {
                    if (reason.Length > 0)
                        StandardStreams.ReportError($"{kind.Noun} {name}: {reason}");
                }

                return exitCode;
            }

            await StandardStreams.Error.WriteAsync('.');
            try
            {
                await timer.WaitForNextTickAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                // The message that follows begins its own line.
                await StandardStreams.Error.WriteLineAsync();
                throw;
            }
        }
    }

    private static int? EndOf(string phase) => phase switch
    {
        "Completed" => ExitCode.Done,
        "PartiallyFailed" => ExitCode.PartiallyFailed,
        "Failed" or "FailedValidation" => ExitCode.Failed,
        _ => null,
    };
}
