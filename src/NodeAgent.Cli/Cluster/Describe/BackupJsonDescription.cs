using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>`backup describe -o json`, with the keys that programs written for Velero look for.</summary>
internal static class BackupJsonDescription
{
    public static JsonObject Build(BackupFacts facts, bool details)
    {
        var backup = facts.Backup;
        var description = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["name"] = backup.Name(),
                ["namespace"] = backup.Namespace(),
                ["labels"] = backup.Object("metadata", "labels")?.DeepClone(),
                ["annotations"] = backup.Object("metadata", "annotations")?.DeepClone(),
            },
            ["phase"] = backup.Phase(),
        };
        AddIfAny(description, "validationErrors", backup.Array("status", "validationErrors"));
        if (backup.Number("status", "warnings") + backup.Number("status", "errors") > 0)
        {
            description["errors"] = facts.Results?["errors"]?.DeepClone() ?? JsonValue.Create(backup.Number("status", "errors"));
            description["warnings"] = facts.Results?["warnings"]?.DeepClone() ?? JsonValue.Create(backup.Number("status", "warnings"));
        }

        if (backup.Object("spec", "resourcePolicy") is { } policy)
            description["resourcePolicies"] = new JsonObject { ["type"] = policy.Text("kind"), ["name"] = policy.Text("name") };
        description["spec"] = Spec(backup.Object("spec") ?? []);
        description["status"] = Status(facts, details);
        if (facts.DeleteRequests.Count > 0)
            description["deletionAttempts"] = new JsonArray([.. facts.DeleteRequests.Select(DeletionAttempt)]);
        return description;
    }

    private static JsonObject Spec(JsonObject spec)
    {
        var description = new JsonObject
        {
            ["namespaces"] = new JsonObject
            {
                ["included"] = Descriptions.List(spec, "includedNamespaces", "*"),
                ["excluded"] = Descriptions.List(spec, "excludedNamespaces"),
            },
            ["resources"] = new JsonObject
            {
                ["included"] = Descriptions.List(spec, "includedResources", "*"),
                ["excluded"] = Descriptions.List(spec, "excludedResources"),
                ["clusterScoped"] = spec.Flag("includeClusterResources") switch { true => "included", false => "excluded", null => "auto" },
            },
            ["labelSelector"] = LabelSelectors.Format(spec.Object("labelSelector")),
            ["storageLocation"] = spec.Raw("storageLocation"),
            ["veleroNativeSnapshotPVs"] = Descriptions.Choice(spec, "snapshotVolumes"),
            ["veleroSnapshotMoveData"] = Descriptions.Choice(spec, "snapshotMoveData"),
            ["dataMover"] = Descriptions.OrDefault(spec.Raw("datamover"), "velero"),
            ["TTL"] = Descriptions.OrDefault(spec.Raw("ttl"), "0s"),
            ["CSISnapshotTimeout"] = Descriptions.OrDefault(spec.Raw("csiSnapshotTimeout"), "0s"),
        };
        AddIfAny(description, "hooks", spec.Array("hooks", "resources"));
        if (spec.Object("orderedResources") is { Count: > 0 } ordered)
            description["orderedResources"] = ordered.DeepClone();
        return description;
    }

    private static JsonObject Status(BackupFacts facts, bool details)
    {
        var backup = facts.Backup;
        var status = new JsonObject
        {
            ["backupFormatVersion"] = backup.Raw("status", "formatVersion"),
            ["started"] = Timestamps.Full(backup.Time("status", "startTimestamp")),
            ["completed"] = Timestamps.Full(backup.Time("status", "completionTimestamp")),
            ["expiration"] = Timestamps.Full(backup.Time("status", "expiration")),
        };
        if (backup.Object("status", "progress") is { } progress)
        {
            var ended = backup.Phase() is not "InProgress";
            status[ended ? "totalItemsToBeBackedUp" : "estimatedTotalItemsToBeBackedUp"] = progress.Number("totalItems");
            status[ended ? "itemsBackedUp" : "itemsBackedUpSoFar"] = progress.Number("itemsBackedUp");
        }

        if (details)
            status["resourceList"] = facts.ResourceList?.DeepClone();
        status["backupVolumes"] = new JsonObject
        {
            ["nativeSnapshots"] = Volumes(facts.VolumeInfos("NativeSnapshot")),
            ["csiSnapshots"] = Volumes(facts.VolumeInfos("CSISnapshot")),
            ["podVolumeBackups"] = PodVolumes(facts, details),
        };
        status["hooksAttempted"] = backup.Number("status", "hookStatus", "hooksAttempted");
        status["hooksFailed"] = backup.Number("status", "hookStatus", "hooksFailed");
        return status;
    }

    private static JsonNode Volumes(JsonObject[] infos) =>
        infos.Length == 0 ? JsonValue.Create("<none included>") : new JsonArray([.. infos.Select(info => info.DeepClone())]);

    private static JsonNode PodVolumes(BackupFacts facts, bool details)
    {
        if (facts.PodVolumes.Count == 0)
            return JsonValue.Create("<none included>");
        var description = new JsonObject
        {
            // Spelt as Velero spells it: readers look for this key.
            ["uploderType"] = Descriptions.OrDefault(facts.PodVolumes[0].Raw("spec", "uploaderType"), "kopia"),
        };
        foreach (var phase in facts.PodVolumes.GroupBy(volume => volume.Phase()).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            description[phase.Key] = details
                ? new JsonArray([.. phase.Select(volume => (JsonNode)new JsonObject
                {
                    ["pod"] = $"{volume.Raw("spec", "pod", "namespace")}/{volume.Raw("spec", "pod", "name")}",
                    ["volume"] = volume.Raw("spec", "volume"),
                    ["snapshotID"] = volume.Raw("status", "snapshotID"),
                    ["bytes"] = volume.Number("status", "progress", "totalBytes"),
                    ["incrementalBytes"] = volume.Number("status", "incrementalBytes"),
                    ["message"] = volume.Raw("status", "message"),
                })])
                : JsonValue.Create(phase.Count());
        }

        return description;
    }

    private static JsonObject DeletionAttempt(JsonObject request) => new()
    {
        ["time"] = Timestamps.Full(request.Time("metadata", "creationTimestamp")),
        ["phase"] = request.Phase(),
        ["errors"] = request.Array("status", "errors")?.DeepClone(),
    };

    private static void AddIfAny(JsonObject description, string key, JsonArray? values)
    {
        if (values is { Count: > 0 })
            description[key] = values.DeepClone();
    }
}
