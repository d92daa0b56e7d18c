using System.Text.Json.Nodes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>`backup describe` as text, in Velero's order.</summary>
internal static class BackupDescription
{
    public static void Write(DescriptionWriter text, BackupFacts facts, bool details)
    {
        var backup = facts.Backup;
        var (spec, phase) = (backup.Object("spec") ?? [], backup.Phase());
        Descriptions.Metadata(text, backup);
        text.Field("Phase", phase is "Failed" or "PartiallyFailed" ? $"{phase} (run `nodeagent backup logs {backup.Name()}` for more information)" : phase);
        if (backup.Text("status", "failureReason") is { Length: > 0 } reason)
            text.Field("Failure reason", reason);
        if (phase == "Queued")
            text.Field("Queue position", backup.Number("status", "queuePosition").ToInvariant());
        text.Blank();
        Descriptions.Reference(text, "Resource policies", spec.Object("resourcePolicy"));
        if (backup.Text("metadata", "annotations", VeleroLabels.GlobalVolumePolicies) is { Length: > 0 } globalPolicy)
            Descriptions.Reference(text, "Global volume policies", ConfigMapReference.To(globalPolicy));
        BackupSpecDescription.UploaderConfig(text, spec);
        Descriptions.ValidationErrors(text, backup);
        WriteResults(text, facts);
        BackupSpecDescription.Write(text, spec);
        WriteStatus(text, backup);
        if (details)
            Descriptions.ResourceList(text, facts.ResourceList);
        WriteVolumes(text, facts, details);
        text.Blank();
        text.Field("HooksAttempted", backup.Number("status", "hookStatus", "hooksAttempted").ToInvariant());
        text.Field("HooksFailed", backup.Number("status", "hookStatus", "hooksFailed").ToInvariant());
        WriteDeletionAttempts(text, facts);
        text.EndBlock();
    }

    private static void WriteResults(DescriptionWriter text, BackupFacts facts)
    {
        var (warnings, errors) = (facts.Backup.Number("status", "warnings"), facts.Backup.Number("status", "errors"));
        if (warnings == 0 && errors == 0)
            return;
        Descriptions.Results(text, "Warnings", warnings, facts.Results?.Object("warnings"), facts.Results is not null);
        text.Blank();
        Descriptions.Results(text, "Errors", errors, facts.Results?.Object("errors"), facts.Results is not null);
        text.Blank();
    }

    private static void WriteStatus(DescriptionWriter text, JsonObject backup)
    {
        text.Field("Backup Format Version", backup.Text("status", "formatVersion"));
        text.Blank();
        text.Field("Started", Timestamps.Full(backup.Time("status", "startTimestamp")).Replace("<nil>", "<n/a>", StringComparison.Ordinal));
        text.Field("Completed", Timestamps.Full(backup.Time("status", "completionTimestamp")).Replace("<nil>", "<n/a>", StringComparison.Ordinal));
        text.Blank();
        text.Field("Expiration", Timestamps.Full(backup.Time("status", "expiration")));
        text.Blank();
        if (backup.Object("status", "progress") is { } progress)
        {
            var ended = backup.Phase() is not ("InProgress" or "New" or "Queued" or "ReadyToStart");
            text.Field(ended ? "Total items to be backed up" : "Estimated total items to be backed up", progress.Number("totalItems").ToInvariant());
            text.Field(ended ? "Items backed up" : "Items backed up so far", progress.Number("itemsBackedUp").ToInvariant());
            text.Blank();
        }

        if (backup.Number("status", "backupItemOperationsAttempted") is > 0 and var attempted)
        {
            text.Field("Backup Item Operations", $"{backup.Number("status", "backupItemOperationsCompleted")} of {attempted} completed successfully, {backup.Number("status", "backupItemOperationsFailed")} failed");
            text.Blank();
        }
    }

    private static void WriteVolumes(DescriptionWriter text, BackupFacts facts, bool details)
    {
        text.Heading("Backup Volumes");
        using (text.Indent())
        {
            WriteNativeSnapshots(text, facts.VolumeInfos("NativeSnapshot"), details);
            text.Blank();
            WriteCsiSnapshots(text, facts.VolumeInfos("CSISnapshot"), details);
            text.Blank();
            if (facts.VolumesByFiles is { Count: > 0 } volumes)
                Descriptions.PodVolumes(text, "Pod Volume Backups", volumes, details);
            else
                text.Field("Pod Volume Backups", "<none included>");
            WriteSkipped(text, facts, details);
        }
    }

    private static void WriteNativeSnapshots(DescriptionWriter text, JsonObject[] infos, bool details)
    {
        if (infos.Length == 0)
        {
            text.Field("Velero-Native Snapshots", "<none included>");
            return;
        }

        text.Heading("Velero-Native Snapshots");
        using (text.Indent())
        {
            foreach (var info in infos)
            {
                if (!details)
                {
                    text.Field(info.Text("pvName"), "specify --details for more information");
                    continue;
                }

                text.Heading(info.Text("pvName"));
                using (text.Indent())
                {
                    text.Field("Snapshot ID", info.Text("nativeSnapshotInfo", "snapshotHandle"));
                    text.Field("Type", info.Text("nativeSnapshotInfo", "volumeType"));
                    text.Field("Availability Zone", info.Text("nativeSnapshotInfo", "volumeAZ"));
                    text.Field("IOPS", info.Text("nativeSnapshotInfo", "iops"));
                    text.Field("Result", info.Text("result"));
                }
            }
        }
    }

    private static void WriteCsiSnapshots(DescriptionWriter text, JsonObject[] infos, bool details)
    {
        if (infos.Length == 0)
        {
            text.Field("CSI Snapshots", "<none included>");
            return;
        }

        text.Heading("CSI Snapshots");
        using (text.Indent())
        {
            foreach (var info in infos)
            {
                text.Heading($"{info.Text("pvcNamespace")}/{info.Text("pvcName")}");
                using (text.Indent())
                {
                    if (!details)
                    {
                        text.Field("Snapshot", "included, specify --details for more information");
                        continue;
                    }

                    text.Heading("Snapshot");
                    using (text.Indent())
                    {
                        text.Field("Snapshot Content Name", info.Text("csiSnapshotInfo", "vscName"));
                        text.Field("Storage Snapshot ID", info.Text("csiSnapshotInfo", "snapshotHandle"));
                        text.Field("Snapshot Size (bytes)", info.Number("csiSnapshotInfo", "size").ToInvariant());
                        text.Field("CSI Driver", info.Text("csiSnapshotInfo", "driver"));
                        text.Field("Result", info.Text("result"));
                    }
                }
            }
        }
    }

    /// <summary>Volumes that were left out, and why: what a user would otherwise learn at the restore.</summary>
    private static void WriteSkipped(DescriptionWriter text, BackupFacts facts, bool details)
    {
        var skipped = facts.Volumes.Where(info => info.Flag("skipped") == true).ToArray();
        if (skipped.Length == 0)
            return;
        text.Blank();
        if (!details)
        {
            text.Field("Skipped volumes", $"{skipped.Length} (specify --details for more information)");
            return;
        }

        text.Heading("Skipped volumes");
        using (text.Indent())
        {
            foreach (var info in skipped)
                text.Field(info.Text("pvcName") is { Length: > 0 } claim ? $"{info.Text("pvcNamespace")}/{claim}" : info.Text("pvName"), info.Text("skippedReason"));
        }
    }

    private static void WriteDeletionAttempts(DescriptionWriter text, BackupFacts facts)
    {
        if (facts.DeleteRequests.Count == 0)
            return;
        var failed = facts.DeleteRequests.Count(request => request.Texts("status", "errors").Length > 0);
        text.Blank();
        text.Heading(failed > 0 ? $"Deletion Attempts ({failed} failed)" : "Deletion Attempts");
        using (text.Indent())
        {
            foreach (var request in facts.DeleteRequests.OrderBy(request => request.Raw("metadata", "creationTimestamp"), StringComparer.Ordinal))
            {
                text.Field(Timestamps.Full(request.Time("metadata", "creationTimestamp")), request.Phase());
                if (request.Texts("status", "errors") is not { Length: > 0 } errors)
                    continue;
                text.Heading("Errors");
                using (text.Indent())
                {
                    foreach (var error in errors)
                        text.Line(error);
                }
            }
        }
    }
}
