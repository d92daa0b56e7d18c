using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Progress;
using NodeAgent.Cli.Terminal;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Cli.Cluster;

/// <summary>
/// `--wait`: until the object reaches an end phase, then a sentence and an exit code that tells. Meanwhile a terminal shows how far it
/// is, on one line that is redrawn, and anything else a dot a second.
/// </summary>
internal static class CompletionWait
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    // As long as an API server takes for its own update, and then some. The run outlasts it, and who waits for it must not take it for failed.
    private static readonly TimeSpan OutageLimit = TimeSpan.FromMinutes(5);

    /// <summary>Done for Completed, PartiallyFailed for that phase, Failed for any other end, NotFound when the object was deleted meanwhile.</summary>
    public static async Task<int> RunAsync(ClusterSession cluster, VeleroKind kind, string name, CancellationToken cancellationToken)
    {
        await StandardStreams.Out.WriteLineAsync($"Waiting for {kind.Noun} to complete. Ctrl-C stops the waiting only; the {kind.Noun} goes on in the cluster.");
        await StandardStreams.Out.FlushAsync(cancellationToken);
        using var timer = new PeriodicTimer(PollInterval, TimeProvider.System);
        long? silentSince = null;
        while (true)
        {
            JsonObject? resource;
            try
            {
                resource = await cluster.FindAsync(kind, name, cancellationToken);
                silentSince = null;
            }
            catch (CommandException exception) when (exception.InnerException is HttpRequestException or ApiException { IsTransient: true })
            {
                if (silentSince is null) await StandardStreams.Error.WriteLineAsync($"\n{exception.Message}; it is asked again for {OutageLimit.TotalMinutes:0} min");
                silentSince ??= TimeProvider.System.GetTimestamp();
                if (TimeProvider.System.GetElapsedTime(silentSince.Value) > OutageLimit) throw;
                await Task.Delay(PollInterval, cancellationToken);
                continue;
            }

            if (resource is null)
                throw new CommandException(ExitCode.NotFound, $"{kind.Noun} {name}: it was deleted while it was waited for");

            if (EndOf(resource.Phase()) is { } exitCode)
            {
                await StandardStreams.Error.WriteLineAsync(StandardStreams.ErrorIsTerminal ? $"\r{ProgressLine(resource)}" : "");
                await StandardStreams.Out.WriteLineAsync(
                    $"{char.ToUpperInvariant(kind.Noun[0])}{kind.Noun[1..]} completed with status: {resource.Phase()}. More: nodeagent {kind.Noun} describe {name}, nodeagent {kind.Noun} logs {name}");
                foreach (var reason in (string[])[resource.Text("status", "failureReason"), .. resource.Texts("status", "validationErrors")])
                {
                    if (reason.Length > 0)
                        StandardStreams.ReportError($"{kind.Noun} {name}: {reason}");
                }

                return exitCode;
            }

            await StandardStreams.Error.WriteAsync(StandardStreams.ErrorIsTerminal ? $"\r{ProgressLine(resource)}" : ".");
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

    /// <summary>How far a run is, as its status tells: the phase, its place in the queue, its items, and what went wrong so far.</summary>
    internal static string ProgressOf(JsonObject resource)
    {
        var parts = new List<string> { resource.Phase() };
        if (resource.Number("status", "queuePosition") is > 0 and var position)
            parts.Add($"position {position} in the queue");
        // One of the two, as it is a backup or a restore; the other is 0.
        var done = resource.Number("status", "progress", "itemsBackedUp") + resource.Number("status", "progress", "itemsRestored");
        if (resource.Number("status", "progress", "totalItems") is > 0 and var total)
            parts.Add($"{done} of {total} items");
        if (resource.Number("status", "warnings") is > 0 and var warnings)
            parts.Add($"{warnings} warnings");
        if (resource.Number("status", "errors") is > 0 and var errors)
            parts.Add($"{errors} errors");
        return string.Join(", ", parts);
    }

    /// <summary>It is drawn over, which works for one line only.</summary>
    private static string ProgressLine(JsonObject resource) =>
        DisplayText.FitRight(ProgressOf(resource), Math.Max(1, (TerminalInterop.WidthOf(TerminalInterop.StandardError) ?? 80) - 1)) + Ansi.EraseToEndOfLine;

    private static int? EndOf(string phase) => phase switch
    {
        "Completed" => ExitCode.Done,
        "PartiallyFailed" => ExitCode.PartiallyFailed,
        "Failed" or "FailedValidation" => ExitCode.Failed,
        _ => null,
    };
}
