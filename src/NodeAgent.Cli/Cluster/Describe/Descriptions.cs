using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>The blocks that descriptions of several kinds share.</summary>
internal static class Descriptions
{
    public static void Metadata(DescriptionWriter text, JsonObject resource)
    {
        text.Field("Name", resource.Name());
        text.Field("Namespace", resource.Namespace());
        text.Pairs("Labels", resource.Pairs("metadata", "labels"));
        text.Pairs("Annotations", [.. resource.Pairs("metadata", "annotations").Where(pair => pair.Key != "kubectl.kubernetes.io/last-applied-configuration")]);
        text.Blank();
    }

    public static string List(JsonObject owner, string field, string empty = "<none>") =>
        owner.Texts(field) is { Length: > 0 } values ? string.Join(", ", values) : empty;

    /// <summary>unset → auto.</summary>
    public static string Choice(JsonObject owner, string field, string unset = "auto") =>
        owner.Flag(field) switch { true => "true", false => "false", null => unset };

    public static string OrDefault(string text, string fallback) => text.Length > 0 ? text : fallback;

    public static void ValidationErrors(DescriptionWriter text, JsonObject resource)
    {
        if (resource.Texts("status", "validationErrors") is not { Length: > 0 } errors)
            return;
        text.Heading("Validation errors");
        using (text.Indent())
        {
            foreach (var error in errors)
                text.Line(error);
        }

        text.Blank();
    }

    public static void Reference(DescriptionWriter text, string heading, JsonObject? reference)
    {
        if (reference is null)
            return;
        text.Heading(heading);
        using (text.Indent())
        {
            text.Field("Type", reference.Text("kind"));
            text.Field("Name", reference.Text("name"));
        }

        text.Blank();
    }

    public static void Selectors(DescriptionWriter text, JsonObject spec)
    {
        text.Field("Label selector", LabelSelectors.Format(spec.Object("labelSelector")));
        text.Blank();
        var alternatives = spec.Objects("orLabelSelectors").Select(LabelSelectors.Format).ToArray();
        text.Field("Or label selector", alternatives.Length == 0 ? "<none>" : string.Join(" or ", alternatives));
        text.Blank();
    }

    /// <summary>Warnings or errors: the server's results file by origin, or the bare count where there is no such file.</summary>
    public static void Results(DescriptionWriter text, string heading, long count, JsonObject? result, bool fileExists)
    {
        if (!fileExists)
        {
            text.Field(heading, count.ToInvariant());
            return;
        }

        text.Heading(heading);
        using (text.Indent())
        {
            Origin(text, "Velero", result?.Texts("velero") ?? []);
            Origin(text, "Cluster", result?.Texts("cluster") ?? []);
            var namespaces = result?.Object("namespaces");
            if (namespaces is not { Count: > 0 })
            {
                text.Field("Namespaces", "<none>");
                return;
            }

            text.Heading("Namespaces");
            using (text.Indent())
            {
                foreach (var (name, _) in namespaces.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    Origin(text, Terminal.DisplayText.OneLine(name), namespaces.Texts(name));
            }
        }
    }

    /// <summary>"kind: [names]" by kind, from the resource list file.</summary>
    public static void ResourceList(DescriptionWriter text, JsonObject? list)
    {
        if (list is null)
        {
            text.Field("Resource List", "<resource list not found>");
            text.Blank();
            return;
        }

        text.Heading("Resource List");
        using (text.Indent())
        {
            foreach (var (kind, _) in list.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                text.Heading(Terminal.DisplayText.OneLine(kind));
                using (text.Indent())
                {
                    foreach (var name in list.Texts(kind))
                        text.Line("- " + name);
                }
            }
        }

        text.Blank();
    }

    /// <summary>Pod volume backups or restores, grouped by phase: counts, or each pod and volume with --details.</summary>
    public static void PodVolumes(DescriptionWriter text, string what, IReadOnlyList<JsonObject> volumes, bool details)
    {
        foreach (var uploader in volumes.GroupBy(volume => OrDefault(volume.Text("spec", "uploaderType"), "kopia")).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            text.Heading(details ? $"{what} - {uploader.Key}" : $"{what} - {uploader.Key} (specify --details for more information)");
            using (text.Indent())
            {
                foreach (var phase in uploader.GroupBy(volume => volume.Phase()).OrderBy(group => PhaseOrder(group.Key)))
                {
                    if (!details)
                    {
                        text.Field(phase.Key, phase.LongCount().ToInvariant());
                        continue;
                    }

                    text.Heading(phase.Key);
                    using (text.Indent())
                        PodVolumesByPod(text, phase);
                }
            }
        }
    }

    private static void PodVolumesByPod(DescriptionWriter text, IEnumerable<JsonObject> volumes)
    {
        foreach (var pod in volumes.GroupBy(volume => $"{volume.Text("spec", "pod", "namespace")}/{volume.Text("spec", "pod", "name")}").OrderBy(group => group.Key, StringComparer.Ordinal))
            text.Field(pod.Key, string.Join(", ", pod.Select(VolumeWithProgress).Order(StringComparer.Ordinal)));
    }

    private static string VolumeWithProgress(JsonObject volume)
    {
        var (name, total, done) = (volume.Text("spec", "volume"), volume.Number("status", "progress", "totalBytes"), volume.Number("status", "progress", "bytesDone"));
        if (volume.Phase() == "InProgress" && total > 0)
            name += string.Create(System.Globalization.CultureInfo.InvariantCulture, $" ({Math.Min(done / (double)total, 1):0.00%})");
        else if (volume.Phase() == "Completed" && volume.Number("status", "incrementalBytes") is > 0 and var added)
            name += $" ({Text.ByteSize.Format(added)} new of {Text.ByteSize.Format(total)})";
        return volume.Text("status", "message") is { Length: > 0 } message ? $"{name} ({message})" : name;
    }

    private static int PhaseOrder(string phase) => Array.IndexOf(
        ["Completed", "Failed", "Canceled", "Canceling", "InProgress", "Prepared", "Accepted", "New"], phase) is var order and >= 0 ? order : int.MaxValue;

    private static void Origin(DescriptionWriter text, string origin, string[] messages)
    {
        if (messages.Length == 0)
            text.Field(origin, "<none>");
        for (var i = 0; i < messages.Length; i++)
        {
            if (i == 0)
                text.Field(origin, messages[i]);
            else
                text.Continue(messages[i]);
        }
    }
}
