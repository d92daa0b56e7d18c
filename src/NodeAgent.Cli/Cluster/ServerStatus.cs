using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Cluster;

/// <summary>Asks the server of a cluster about itself, by a ServerStatusRequest that is removed afterwards.</summary>
internal static class ServerStatus
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(250);

    /// <returns>The request as the server answered it.</returns>
    /// <exception cref="CommandException">There was no answer in time.</exception>
    public static async Task<JsonObject> AskAsync(ClusterSession cluster, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var request = VeleroKinds.ServerStatusRequest.NewObject($"nodeagent-cli-{Guid.NewGuid():N}"[..30], cluster.Namespace);
        request["spec"] = new JsonObject();
        await cluster.CreateAsync(VeleroKinds.ServerStatusRequest, request, cancellationToken);
        try
        {
            var started = TimeProvider.System.GetTimestamp();
            using var timer = new PeriodicTimer(PollInterval, TimeProvider.System);
            do
            {
                var state = await cluster.GetAsync(VeleroKinds.ServerStatusRequest, request.Name(), cancellationToken);
                if (state.Raw("status", "phase") == "Processed")
                    return state;
            }
            while (TimeProvider.System.GetElapsedTime(started) < timeout && await timer.WaitForNextTickAsync(cancellationToken));
        }
        finally
        {
            await cluster.TryDeleteAsync(VeleroKinds.ServerStatusRequest, request.Name(), CancellationToken.None);
        }

        throw new CommandException(ExitCode.Failed, $"server: no answer within {timeout.TotalSeconds:0} s in namespace {cluster.Namespace} (is the controller running? --timeout waits longer)");
    }
}
