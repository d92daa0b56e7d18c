using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>What a backup is to hold: the same block for a backup and for the template of a schedule.</summary>
internal static class BackupSpecDescription
{
    public static void Write(DescriptionWriter text, JsonObject spec)
    {
        text.Heading("Namespaces");
        using (text.Indent())
        {
            text.Field("Included", Descriptions.List(spec, "includedNamespaces", "*"));
            text.Field("Excluded", Descriptions.List(spec, "excludedNamespaces"));
        }

        text.Blank();
        Resources(text, spec);
        Descriptions.Selectors(text, spec);
        text.Field("Storage Location", spec.Text("storageLocation"));
        text.Blank();
        text.Field("Velero-Native Snapshot PVs", Descriptions.Choice(spec, "snapshotVolumes"));
        if (spec.Flag("defaultVolumesToFsBackup") is not null)
            text.Field("File System Backup (Default)", Descriptions.Choice(spec, "defaultVolumesToFsBackup"));
        text.Field("Snapshot Move Data", Descriptions.Choice(spec, "snapshotMoveData"));
        text.Field("Data Mover", Descriptions.OrDefault(spec.Text("datamover"), "velero"));
        text.Blank();
        text.Field("TTL", Descriptions.OrDefault(spec.Text("ttl"), "0s"));
        text.Blank();
        text.Field("CSISnapshotTimeout", Descriptions.OrDefault(spec.Text("csiSnapshotTimeout"), "0s"));
        text.Field("ItemOperationTimeout", Descriptions.OrDefault(spec.Text("itemOperationTimeout"), "0s"));
        text.Blank();
        Hooks(text, spec);
        if (spec.Pairs("orderedResources") is { Length: > 0 } ordered)
        {
            text.Heading("OrderedResources");
            using (text.Indent())
            {
                foreach (var (kind, names) in ordered)
                    text.Field(kind, names);
            }

            text.Blank();
        }
    }

    public static void UploaderConfig(DescriptionWriter text, JsonObject spec)
    {
        if (spec.Number("uploaderConfig", "parallelFilesUpload") is not (> 0 and var parallel))
            return;
        text.Heading("Uploader config");
        using (text.Indent())
            text.Field("Parallel files upload", parallel.ToInvariant());
        text.Blank();
    }

    private static void Resources(DescriptionWriter text, JsonObject spec)
    {
        var usesNewFilters = (spec.Array("includedClusterScopedResources")?.Count ?? 0) + (spec.Array("excludedClusterScopedResources")?.Count ?? 0)
            + (spec.Array("includedNamespaceScopedResources")?.Count ?? 0) + (spec.Array("excludedNamespaceScopedResources")?.Count ?? 0) > 0;
        text.Heading("Resources");
        using (text.Indent())
        {
            if (usesNewFilters)
            {
                text.Field("Included cluster-scoped", Descriptions.List(spec, "includedClusterScopedResources"));
                text.Field("Excluded cluster-scoped", Descriptions.List(spec, "excludedClusterScopedResources"));
                text.Field("Included namespace-scoped", Descriptions.List(spec, "includedNamespaceScopedResources", "*"));
                text.Field("Excluded namespace-scoped", Descriptions.List(spec, "excludedNamespaceScopedResources"));
            }
            else
            {
                text.Field("Included", Descriptions.List(spec, "includedResources", "*"));
                text.Field("Excluded", Descriptions.List(spec, "excludedResources"));
                text.Field("Cluster-scoped", spec.Flag("includeClusterResources") switch { true => "included", false => "excluded", null => "auto" });
            }
        }

        text.Blank();
    }

    private static void Hooks(DescriptionWriter text, JsonObject spec)
    {
        var hooks = spec.Objects("hooks", "resources").ToArray();
        if (hooks.Length == 0)
        {
            text.Field("Hooks", "<none>");
            text.Blank();
            return;
        }

        text.Heading("Hooks");
        using (text.Indent())
        {
            text.Heading("Resources");
            using (text.Indent())
            {
                foreach (var hook in hooks)
                    Hook(text, hook);
            }
        }

        text.Blank();
    }

    private static void Hook(DescriptionWriter text, JsonObject hook)
    {
        text.Heading(hook.Text("name"));
        using (text.Indent())
        {
            text.Heading("Namespaces");
            using (text.Indent())
            {
                text.Field("Included", Descriptions.List(hook, "includedNamespaces", "*"));
                text.Field("Excluded", Descriptions.List(hook, "excludedNamespaces"));
            }

            text.Blank();
            text.Heading("Resources");
            using (text.Indent())
            {
                text.Field("Included", Descriptions.List(hook, "includedResources", "*"));
                text.Field("Excluded", Descriptions.List(hook, "excludedResources"));
            }

            text.Blank();
            text.Field("Label selector", LabelSelectors.Format(hook.Object("labelSelector")));
            foreach (var (field, heading) in (ReadOnlySpan<(string, string)>)[("pre", "Pre Exec Hook"), ("post", "Post Exec Hook")])
            {
                foreach (var exec in hook.Objects(field).Select(step => step.Object("exec")).OfType<JsonObject>())
                {
                    text.Blank();
                    text.Heading(heading);
                    using (text.Indent())
                    {
                        text.Field("Container", exec.Text("container"));
                        text.Field("Command", string.Join(' ', exec.Texts("command")));
                        text.Field("On Error", exec.Text("onError"));
                        text.Field("Timeout", exec.Text("timeout"));
                    }
                }
            }
        }
    }
}
