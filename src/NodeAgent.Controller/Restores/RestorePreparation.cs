using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Modifiers;
using NodeAgent.Controller.Restores.Mappings;
using NodeAgent.Controller.Restores.Versions;
using NodeAgent.Controller.Selection;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Restores;

/// <summary>Finds the backup that a restore means and finds out whether it can be restored.</summary>
internal sealed class RestorePreparation(ClusterClient cluster, StorageLocations locations, ControllerOptions options, TimeProvider time)
{
    /// <summary>A prepared restore, or the reasons why there is none.</summary>
    public async Task<(PreparedRestore? Prepared, IReadOnlyList<string> Errors)> PrepareAsync(JsonObject item, CancellationToken cancellation)
    {
        RestoreSpec spec;
        try
        {
            spec = item.Deserialize(VeleroJsonContext.Default.Restore)!.Spec;
        }
        catch (JsonException e)
        {
            return (null, [$"the object is malformed at {e.Path}: {e.Message}"]);
        }

        var errors = new List<string>();
        if (!ObjectName.IsValid(item.Name())) errors.Add($"\"{item.Name()}\" is no valid name of a restore");
        errors.AddRange(RestoreFilter.Problems(spec));
        if (spec.ExistingResourcePolicy is not (null or "" or "none" or "update"))
        {
            errors.Add($"spec.existingResourcePolicy: \"{spec.ExistingResourcePolicy}\" is neither none nor update");
        }

        var (modifiers, modifierProblem) = await ReadModifiersAsync(spec.ResourceModifier, cancellation);
        if (modifierProblem is not null) errors.Add(modifierProblem);
        var notes = new List<string>();
        if (spec.ResourceModifier is null && spec.SkipDefaultResourceModifier != true && options.DefaultResourceModifier is { Length: > 0 } map)
        {
            // A mistake in what the server adds by itself does not keep every restore from being made.
            (modifiers, var problemOfDefault) = await ReadModifiersAsync(map, cancellation);
            if (problemOfDefault is not null) notes.Add($"the server's default resource modifier is not used: {problemOfDefault}");
        }

        var (mappings, mappingProblems) = await RestoreMappings.ReadAsync(cluster, options.Namespace, cancellation);
        errors.AddRange(mappingProblems);
        errors.AddRange(HookProblems(spec));
        var (policies, policyProblem) = await ResourcePolicyLookup.FindAsync(cluster, options.Namespace, spec, cancellation);
        if (policyProblem is not null) errors.Add(policyProblem);
        if (string.IsNullOrEmpty(spec.BackupName) == string.IsNullOrEmpty(spec.ScheduleName))
        {
            errors.Add("name either a backup or a schedule to restore from, not both");
            return (null, errors);
        }

        var (backup, problem) = string.IsNullOrEmpty(spec.BackupName)
            ? await NewestOfScheduleAsync(spec.ScheduleName!, cancellation)
            : await FindBackupAsync(spec.BackupName, cancellation);
        if (problem is not null) errors.Add(problem);
        if (backup is null) return (null, errors);
        var priorities = await cluster.GetAsync(KubernetesResources.ConfigMaps, options.Namespace, "enableapigroupversions", cancellation);
        var (wanted, mistakes) = VersionChoice.ReadPriorities(priorities.Text("data", "restoreResourcesVersionPriority") ?? "");
        var locationName = backup.Text("spec", "storageLocation");
        var location = await locations.FindAsync(locationName, cancellation);
        var (bucket, locationProblem) = await locations.OpenAsync(location, locationName, forWriting: false, cancellation);
        if (locationProblem is not null) errors.Add(location is null ? $"{locationProblem}; backup \"{backup.Name()}\" is in it: create the location again" : locationProblem);
        if (bucket is not null && errors.Count == 0 && await ContentsProblemAsync(bucket, backup.Name(), location!.Metadata.Name!, cancellation) is { } absence) errors.Add(absence);
        if (errors.Count > 0)
        {
            if (bucket is not null) await bucket.DisposeAsync();
            return (null, errors);
        }

        return (new PreparedRestore
        {
            Object = item,
            Spec = spec,
            BackupName = backup.Name(),
            Schedule = spec.ScheduleName ?? backup.Label(VeleroLabels.ScheduleName) ?? "",
            Bucket = bucket!,
            LocationName = location!.Metadata.Name!,
            Started = time.GetUtcNow(),
            Modifiers = modifiers,
            Notes = notes,
            Policies = policies,
            Mappings = mappings,
            VersionPriorities = wanted,
            VersionMistakes = mistakes,
        }, []);
    }

    private static IEnumerable<string> HookProblems(RestoreSpec spec)
    {
        foreach (var hook in spec.Hooks?.Resources ?? [])
        {
            foreach (var container in (hook.PostHooks ?? []).SelectMany(h => h.Init?.InitContainers ?? []))
            {
                var node = JsonNode.Parse(container.GetRawText());
                if (string.IsNullOrEmpty(node.Text("name")) || string.IsNullOrEmpty(node.Text("image")) || node.At("command") is not JsonArray { Count: > 0 })
                {
                    yield return $"spec.hooks: an init container of hook \"{hook.Name}\" lacks a name, an image or a command";
                }
            }
        }
    }

    private async Task<(ResourceModifiers? Modifiers, string? Problem)> ReadModifiersAsync(TypedLocalObjectReference? reference, CancellationToken cancellation)
    {
        if (reference is null) return (null, null);
        if (!string.Equals(reference.Kind, "configmap", StringComparison.OrdinalIgnoreCase)) return (null, $"spec.resourceModifier: kind \"{reference.Kind}\" is not supported; it must be configmap");
        var (modifiers, problem) = await ReadModifiersAsync(reference.Name ?? "", cancellation);
        return (modifiers, problem is null ? null : $"spec.resourceModifier: {problem}");
    }

    private async Task<(ResourceModifiers? Modifiers, string? Problem)> ReadModifiersAsync(string name, CancellationToken cancellation)
    {
        if (await cluster.GetAsync(KubernetesResources.ConfigMaps, options.Namespace, name, cancellation) is not { } configMap)
        {
            return (null, $"there is no ConfigMap \"{name}\" in namespace {options.Namespace}");
        }

        try
        {
            return (ModifierReader.Read(configMap), null);
        }
        catch (FormatException e)
        {
            return (null, $"ConfigMap \"{name}\": {e.Message}");
        }
    }

    private static async Task<string?> ContentsProblemAsync(LocationBucket bucket, string backup, string location, CancellationToken cancellation)
    {
        try
        {
            var contents = new BackupFiles(backup).Contents;
            if (!await bucket.ExistsAsync(contents, cancellation)) return $"backup \"{backup}\" has no contents in location \"{location}\"";
            await bucket.RequireKeyAsync(contents, cancellation);
            return null;
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e) || e is InvalidDataException)
        {
            return $"backup storage location \"{location}\": {e.Message}";
        }
    }

    private async Task<(JsonObject? Backup, string? Problem)> FindBackupAsync(string name, CancellationToken cancellation)
    {
        var backup = await cluster.GetAsync(VeleroResources.Backups, options.Namespace, name, cancellation);
        if (backup is null) return (null, $"backup \"{name}\" does not exist; one that is in a location appears here once the location was synchronised");
        var phase = backup.Text("status", "phase") ?? BackupPhase.New;
        return phase is BackupPhase.Completed or BackupPhase.PartiallyFailed
            ? (backup, null)
            : (null, $"backup \"{name}\" is {phase}; only a Completed or PartiallyFailed backup can be restored{(IsGoingOn(phase) ? "; wait for its end and restore again" : "")}");
    }

    private static bool IsGoingOn(string phase) => phase is not (BackupPhase.Failed or BackupPhase.FailedValidation or BackupPhase.Deleting);

    private async Task<(JsonObject? Backup, string? Problem)> NewestOfScheduleAsync(string schedule, CancellationToken cancellation)
    {
        if (!ObjectName.IsValid(schedule)) return (null, $"spec.scheduleName: \"{schedule}\" is no valid name of a schedule");
        JsonObject? newest = null;
        var selector = $"{VeleroLabels.ScheduleName}={VeleroLabels.ToLabelValue(schedule)}";
        await foreach (var backup in cluster.ListAsync(VeleroResources.Backups, options.Namespace, selector, cancellation))
        {
            // Times are in one format, so that text order is time order.
            var isNewer = string.CompareOrdinal(backup.Text("status", "startTimestamp"), newest.Text("status", "startTimestamp")) > 0;
            if (backup.Text("status", "phase") == BackupPhase.Completed && isNewer) newest = backup;
        }

        return newest is null ? (null, $"schedule \"{schedule}\" has no completed backup") : (newest, null);
    }
}
