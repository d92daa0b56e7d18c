using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>`restore describe -o json`: the object as the cluster has it, its volumes, and what went wrong with which item.</summary>
internal static class RestoreJsonDescription
{
    public static async Task<JsonObject> BuildAsync(ClusterSession cluster, JsonObject restore, RunFiles files, bool details, CancellationToken cancellationToken)
    {
        var phase = restore.Phase();
        var ended = phase is "Completed" or "PartiallyFailed";
        var description = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["name"] = restore.Name(),
                ["namespace"] = restore.Namespace(),
                ["labels"] = restore.Object("metadata", "labels")?.DeepClone(),
                ["annotations"] = restore.Object("metadata", "annotations")?.DeepClone(),
            },
            ["phase"] = phase,
            ["spec"] = restore.Object("spec")?.DeepClone(),
            ["status"] = restore.Object("status")?.DeepClone(),
        };
        if (ended && restore.Number("status", "warnings") + restore.Number("status", "errors") > 0)
        {
            var results = await files.ReadAsync("RestoreResults", cancellationToken) as JsonObject;
            description["errors"] = results?["errors"]?.DeepClone() ?? JsonValue.Create(restore.Number("status", "errors"));
            description["warnings"] = results?["warnings"]?.DeepClone() ?? JsonValue.Create(restore.Number("status", "warnings"));
        }

        var volumes = await cluster.ListAsync(VeleroKinds.PodVolumeRestore, $"velero.io/restore-name={LabelValue.From(restore.Name())}", cancellationToken);
        description["podVolumeRestores"] = new JsonArray([.. volumes.Select(v => (JsonNode)new JsonObject
        {
            ["name"] = v.Name(),
            ["pod"] = $"{v.Text("spec", "pod", "namespace")}/{v.Text("spec", "pod", "name")}",
            ["volume"] = v.Text("spec", "volume"),
            ["snapshotID"] = v.Text("spec", "snapshotID"),
            ["phase"] = v.Phase(),
            ["message"] = v.Text("status", "message"),
            ["bytesDone"] = v.Number("status", "progress", "bytesDone"),
            ["totalBytes"] = v.Number("status", "progress", "totalBytes"),
        })]);
        if (details && ended) description["resourceList"] = (await files.ReadAsync("RestoreResourceList", cancellationToken))?.DeepClone();
        return description;
    }
}
