using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Filesystem;

namespace NodeAgent.Cli.Servers;

/// <summary>
/// The init container of a restored pod: holds the pod back until each of its volumes carries the mark of this restore,
/// which the agent writes once the volume's data is complete. It runs in every restored pod, so it loads neither a host nor
/// the command line parser.
/// </summary>
internal static class RestoreWait
{
    public const string Verb = "restore-wait";

    private const string DefaultRoot = "/restores";

    // Set by the controller where the marks lie in a volume that no other container of the pod mounts. They outlive this container there:
    // when a node comes up again, the kubelet runs all init containers anew, and this one has to end also when nobody knows of the restore any more.
    private const string KeepVariable = "NODEAGENT_KEEP_MARKS";

    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ReportInterval = TimeSpan.FromMinutes(1);

    public static async Task<int> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        try
        {
            var (restore, root) = Parse(arguments);
            await WaitAsync(root, restore, TimeProvider.System, cancellationToken);
            return ExitCode.Done;
        }
        catch (Exception exception) when (exception is OperationCanceledException or UsageException or IOException or UnauthorizedAccessException)
        {
            var failure = Failure.Of(exception, cancellationToken.IsCancellationRequested);
            StandardStreams.ReportError($"{Verb}: {failure.Message}");
            return failure.ExitCode;
        }
    }

    private static (string Restore, string Root) Parse(string[] arguments)
    {
        var root = DefaultRoot;
        if (arguments is [var uid, "--root", var given])
            (arguments, root) = ([uid], given);
        // The UID becomes part of a path.
        return arguments is [{ Length: > 0 } restore] && restore[0] != '-' && !restore.Contains('/') && restore is not ("." or "..")
            ? (restore, root)
            : throw new UsageException($"expected the UID of a restore (nodeagent {Verb} UID [--root DIR], with the pod's volumes mounted below {DefaultRoot})");
    }

    /// <summary>Every directory below the root is for a volume. Marks in the volumes themselves are removed at the end, so that the application never sees them.</summary>
    private static async Task WaitAsync(string root, string restore, TimeProvider time, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(PollInterval, time);
        var lastReport = time.GetTimestamp() - ((long)ReportInterval.TotalSeconds * time.TimestampFrequency);
        while (true)
        {
            var volumes = Directory.GetDirectories(root);
            var missing = Array.FindAll(volumes, volume => !RestoreMark.Exists(volume, restore));
            if (missing.Length == 0)
            {
                if (Environment.GetEnvironmentVariable(KeepVariable) != "true")
                    Array.ForEach(volumes, RemoveMark);
                await StandardStreams.Error.WriteLineAsync($"{volumes.Length} volumes are restored");
                return;
            }

            if (time.GetElapsedTime(lastReport) >= ReportInterval)
            {
                lastReport = time.GetTimestamp();
                var names = string.Join(", ", missing.Select(volume => DisplayText.Name(Path.GetFileName(volume))));
                await StandardStreams.Error.WriteLineAsync($"waiting for {missing.Length} of {volumes.Length} volumes: {names}");
            }

            await timer.WaitForNextTickAsync(cancellationToken);
        }
    }

    private static void RemoveMark(string volume)
    {
        try
        {
            RestoreMark.Remove(volume);
        }
        catch (IOException exception)
        {
            // The data is there. A mark left behind, for want of rights say, is no reason to hold the pod; the agent removes it later.
            StandardStreams.Warn($"{DisplayText.Name(volume)}: the restore mark cannot be removed: {exception.Message}");
        }
    }
}
