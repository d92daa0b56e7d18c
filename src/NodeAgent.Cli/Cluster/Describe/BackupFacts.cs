using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>All that is known of one backup: the object, what belongs to it in the cluster, and its files in the location.</summary>
internal sealed record BackupFacts
{
    public required JsonObject Backup { get; init; }

    public IReadOnlyList<JsonObject> PodVolumes { get; init; } = [];

    public IReadOnlyList<JsonObject> DeleteRequests { get; init; } = [];

    /// <summary>The results file, or null where there is none.</summary>
    public JsonObject? Results { get; init; }

    public JsonObject? ResourceList { get; init; }

    public IReadOnlyList<JsonObject> Volumes { get; init; } = [];

    /// <summary>The volumes whose files were taken. A backup that came from a location has no objects for them, and its files tell.</summary>
    public IReadOnlyList<JsonObject> VolumesByFiles => PodVolumes.Count > 0 ? PodVolumes : [.. VolumeInfos("PodVolumeBackup").Select(AsPodVolume)];

    public JsonObject[] VolumeInfos(string method) =>
        [.. Volumes.Where(info => info.Raw("backupMethod") == method && info.Flag("skipped") != true)];

    private static JsonObject AsPodVolume(JsonObject info) => new()
    {
        ["spec"] = new JsonObject
        {
            ["pod"] = new JsonObject { ["namespace"] = info.Text("pvbInfo", "podNamespace"), ["name"] = info.Text("pvbInfo", "podName") },
            ["volume"] = info.Text("pvbInfo", "volumeName"),
            ["uploaderType"] = info.Text("pvbInfo", "uploaderType"),
        },
        // Written by this program; Velero's own files tell the result alone.
        ["status"] = new JsonObject { ["phase"] = info.Text("pvbInfo", "Phase") is { Length: > 0 } phase ? phase : info.Text("result") == "failed" ? "Failed" : "Completed" },
    };

    public static async Task<BackupFacts> CollectAsync(ClusterSession cluster, JsonObject backup, RunFiles files, bool details, CancellationToken cancellationToken)
    {
        var byName = $"velero.io/backup-name={LabelValue.From(backup.Name())}";
        var hasFiles = backup.Phase() is "Completed" or "PartiallyFailed" or "Finalizing" or "FinalizingPartiallyFailed"
            or "WaitingForPluginOperations" or "WaitingForPluginOperationsPartiallyFailed";
        var hasResults = hasFiles && backup.Number("status", "errors") + backup.Number("status", "warnings") > 0;
        return new BackupFacts
        {
            Backup = backup,
            PodVolumes = await cluster.ListAsync(VeleroKinds.PodVolumeBackup, byName, cancellationToken),
            DeleteRequests = await cluster.ListAsync(VeleroKinds.DeleteBackupRequest, byName, cancellationToken),
            Results = hasResults ? await files.ReadAsync("BackupResults", cancellationToken) as JsonObject : null,
            ResourceList = hasFiles && details ? await files.ReadAsync("BackupResourceList", cancellationToken) as JsonObject : null,
            Volumes = hasFiles ? [.. (await files.ReadAsync("BackupVolumeInfos", cancellationToken) as JsonArray)?.OfType<JsonObject>() ?? []] : [],
        };
    }
}
