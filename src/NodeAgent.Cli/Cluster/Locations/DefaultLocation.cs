using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster.Locations;

/// <summary>There is one default location: naming another takes the mark off the old one.</summary>
internal static class DefaultLocation
{
    public static async Task ClearAsync(ClusterSession cluster, string except, CancellationToken cancellationToken)
    {
        foreach (var location in await cluster.ListAsync(VeleroKinds.BackupLocation, "", cancellationToken))
        {
            if (location.Flag("spec", "default") == true && location.Name() != except)
                await cluster.PatchAsync(VeleroKinds.BackupLocation, location.Name(), Patch(false), cancellationToken);
        }
    }

    public static JsonObject Patch(bool isDefault) => new() { ["spec"] = new JsonObject { ["default"] = isDefault } };
}
