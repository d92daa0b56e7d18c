using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>`restore describe`, in Velero's order.</summary>
internal static class RestoreDescription
{
    public static async Task WriteAsync(DescriptionWriter text, ClusterSession cluster, JsonObject restore, RunFiles files, bool details, CancellationToken cancellationToken)
    {
        var (spec, phase) = (restore.Object("spec") ?? [], restore.Phase());
        var (warnings, errors) = (restore.Number("status", "warnings"), restore.Number("status", "errors"));
        var ended = phase is "Completed" or "PartiallyFailed";
        var results = ended && warnings + errors > 0 ? await files.ReadAsync("RestoreResults", cancellationToken) as JsonObject : null;

        Descriptions.Metadata(text, restore);
        WritePhase(text, restore, phase);
        Descriptions.ValidationErrors(text, restore);
        if (warnings + errors > 0)
        {
            Descriptions.Results(text, "Warnings", warnings, results?.Object("warnings"), results is not null);
            text.Blank();
            Descriptions.Results(text, "Errors", errors, results?.Object("errors"), results is not null);
            text.Blank();
        }

        WriteSpec(text, spec);
        var volumes = await cluster.ListAsync(VeleroKinds.PodVolumeRestore, $"velero.io/restore-name={LabelValue.From(restore.Name())}", cancellationToken);
        if (volumes.Count > 0)
        {
            Descriptions.PodVolumes(text, "Pod Volume Restores", volumes, details);
            text.Blank();
        }

        text.Field("Existing Resource Policy", Descriptions.OrDefault(spec.Text("existingResourcePolicy"), "<none>"));
        text.Field("ItemOperationTimeout", Descriptions.OrDefault(spec.Text("itemOperationTimeout"), "0s"));
        text.Blank();
        text.Field("Preserve Service NodePorts", Descriptions.Choice(spec, "preserveNodePorts"));
        text.Blank();
        Descriptions.Reference(text, "Resource modifier", spec.Object("resourceModifier"));
        if (spec.Flag("skipDefaultResourceModifier") is { } skip)
        {
            text.Field("Skip Default Resource Modifier", skip ? "true" : "false");
            text.Blank();
        }

        Descriptions.Reference(text, "Resource policies", spec.Object("resourcePolicy"));
        WriteUploaderConfig(text, spec);
        text.Field("HooksAttempted", restore.Number("status", "hookStatus", "hooksAttempted").ToInvariant());
        text.Field("HooksFailed", restore.Number("status", "hookStatus", "hooksFailed").ToInvariant());
        if (details && ended)
        {
            text.Blank();
            Descriptions.ResourceList(text, await files.ReadAsync("RestoreResourceList", cancellationToken) as JsonObject);
        }

        text.EndBlock();
    }

    private static void WritePhase(DescriptionWriter text, JsonObject restore, string phase)
    {
        text.Field("Phase", phase is "Failed" or "PartiallyFailed" ? $"{phase} (run `nodeagent restore logs {restore.Name()}` for more information)" : phase);
        if (restore.Text("status", "failureReason") is { Length: > 0 } reason)
            text.Field("Failure reason", reason);
        if (restore.Object("status", "progress") is { } progress)
        {
            var running = phase == "InProgress";
            text.Field(running ? "Estimated total items to be restored" : "Total items to be restored", progress.Number("totalItems").ToInvariant());
            text.Field(running ? "Items restored so far" : "Items restored", progress.Number("itemsRestored").ToInvariant());
        }

        text.Blank();
        text.Field("Started", Timestamps.Full(restore.Time("status", "startTimestamp")).Replace("<nil>", "<n/a>", StringComparison.Ordinal));
        text.Field("Completed", Timestamps.Full(restore.Time("status", "completionTimestamp")).Replace("<nil>", "<n/a>", StringComparison.Ordinal));
        text.Blank();
    }

    private static void WriteSpec(DescriptionWriter text, JsonObject spec)
    {
        text.Field("Backup", spec.Text("backupName"));
        text.Blank();
        text.Heading("Namespaces");
        using (text.Indent())
        {
            text.Field("Included", Descriptions.List(spec, "includedNamespaces", "all namespaces found in the backup"));
            text.Field("Excluded", Descriptions.List(spec, "excludedNamespaces"));
        }

        text.Blank();
        text.Heading("Resources");
        using (text.Indent())
        {
            text.Field("Included", Descriptions.List(spec, "includedResources", "*"));
            text.Field("Excluded", Descriptions.List(spec, "excludedResources"));
            text.Field("Cluster-scoped", spec.Flag("includeClusterResources") switch { true => "included", false => "excluded", null => "auto" });
        }

        text.Blank();
        text.Pairs("Namespace mappings", spec.Pairs("namespaceMapping"));
        text.Blank();
        Descriptions.Selectors(text, spec);
        text.Field("Restore PVs", Descriptions.Choice(spec, "restorePVs"));
        text.Blank();
    }

    private static void WriteUploaderConfig(DescriptionWriter text, JsonObject spec)
    {
        if (spec.Object("uploaderConfig") is not { Count: > 0 } uploader)
            return;
        text.Heading("Uploader config");
        using (text.Indent())
        {
            if (uploader.Flag("writeSparseFiles") is { } sparse)
                text.Field("Write Sparse Files", sparse ? "true" : "false");
            if (uploader.Number("parallelFilesDownload") is > 0 and var parallel)
                text.Field("Parallel Restore", parallel.ToInvariant());
        }

        text.Blank();
    }
}
