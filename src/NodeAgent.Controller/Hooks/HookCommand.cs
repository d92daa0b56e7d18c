using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Hooks;

/// <summary>Runs the command of a hook in its container.</summary>
internal static class HookCommand
{
    // The longest that timers count; who writes more wants no limit.
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromMilliseconds(int.MaxValue);

    /// <summary>Runs the command to its end. Null when it succeeded, else why not, with what it printed.</summary>
    public static async Task<string?> RunAsync(ClusterClient cluster, string ns, string pod, PodHook hook, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(hook.Timeout < LongestTimeout ? hook.Timeout : LongestTimeout);
        using var output = new HookOutput();
        try
        {
            var code = await cluster.ExecAsync(ns, pod, hook.Container, hook.Command, output, limit.Token);
            if (code == 0) return null;
            return output.Length == 0 ? $"it ended with exit code {code}" : $"it ended with exit code {code}; it printed: {output}";
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            // The API server was asked again and again, and never let it begin.
            if (e.InnerException is ApiException or HttpRequestException) return $"it could not be started within {hook.Timeout.TotalSeconds:0.###} s: {e.InnerException.Message}";
            return $"it did not end within {hook.Timeout.TotalSeconds:0.###} s";
        }
        // Whatever it is, it concerns this pod alone: any tenant may write hooks.
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return $"it could not be run: {e.Message}";
        }
    }
}
