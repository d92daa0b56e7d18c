using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Backups;

/// <summary>Fills in what a backup leaves to the server and finds out whether it can be made.</summary>
internal sealed class BackupPreparation(ClusterClient cluster, StorageLocations locations, BackupFolders folders, SnapshotLocations snapshotLocations, ControllerOptions options, TimeProvider time)
{
    private static readonly TimeSpan CsiSnapshotTimeout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ItemOperationTimeout = TimeSpan.FromHours(4);

    // One resource served by two groups is taken from the first of them; these are the known pairs.
    private static readonly (string Kept, string Dropped)[] Cohabiting =
    [
        ("deployments.apps", "deployments.extensions"), ("daemonsets.apps", "daemonsets.extensions"), ("replicasets.apps", "replicasets.extensions"),
        ("networkpolicies.networking.k8s.io", "networkpolicies.extensions"), ("events", "events.events.k8s.io"),
    ];

    /// <summary>A prepared backup, or the reasons why there is none.</summary>
    public async Task<(PreparedBackup? Prepared, IReadOnlyList<string> Errors)> PrepareAsync(JsonObject item, CancellationToken cancellation)
    {
        Backup read;
        try
        {
            read = item.Deserialize(VeleroJsonContext.Default.Backup)!;
        }
        catch (JsonException e)
        {
            return (null, [$"the object is malformed at {e.Path}: {e.Message}"]);
        }

        var errors = new List<string>();
        if (!ObjectName.IsValid(item.Name())) errors.Add($"\"{item.Name()}\" is no valid name of a backup");
        if (read.Spec.Ttl < TimeSpan.Zero) errors.Add($"spec.ttl: {GoDuration.Format(read.Spec.Ttl.Value)} is negative");
        errors.AddRange(BackupFilter.Problems(read.Spec));
        errors.AddRange(ResourceOrder.Problems(read.Spec.OrderedResources));
        var (policies, policyProblem) = await ResourcePolicyLookup.FindAsync(cluster, options.Namespace, read.Spec, cancellation);
        if (policyProblem is not null) errors.Add(policyProblem);
        if (options.GlobalVolumePolicies is { Length: > 0 } ofServer)
        {
            // Looked at for each backup: the map may change, or go, while the server runs.
            (policies, var serverProblem) = await ResourcePolicyLookup.JoinServersAsync(cluster, options.Namespace, ofServer, policies, cancellation);
            if (serverProblem is not null) errors.Add(serverProblem);
        }

        if (read.Spec.SnapshotMoveData == true) errors.Add("spec.snapshotMoveData: moving snapshot data is not supported; use defaultVolumesToFsBackup");
        var snapshots = await snapshotLocations.ChooseAsync(
            read.Spec with { DefaultVolumesToFsBackup = FilesByDefault(read.Spec) }, cancellation);
        errors.AddRange(snapshots.Errors);
        var (places, problems) = await FindPlacesAsync(item, errors, cancellation);
        if (places.Count == 0) errors.AddRange(problems);
        if (errors.Count > 0)
        {
            foreach (var place in places) await place.Bucket.DisposeAsync();
            return (null, errors);
        }

        var spec = read.Spec with
        {
            StorageLocation = places[0].Name,
            Ttl = read.Spec.Ttl is { } ttl && ttl > TimeSpan.Zero ? ttl : options.DefaultBackupTtl,
            DefaultVolumesToFsBackup = FilesByDefault(read.Spec),
            CsiSnapshotTimeout = read.Spec.CsiSnapshotTimeout is { } csi && csi > TimeSpan.Zero ? csi : CsiSnapshotTimeout,
            ItemOperationTimeout = read.Spec.ItemOperationTimeout is { } operation && operation > TimeSpan.Zero ? operation : ItemOperationTimeout,
            SnapshotMoveData = false,
            VolumeSnapshotLocations = snapshots.Locations.Count == 0 ? null : [.. snapshots.Locations.Select(l => l.Metadata.Name!)],
        };
        try
        {
            return (await PrepareAsync(item, read with { Spec = spec }, policies, places, cancellation) with { Snapshots = snapshots, PlaceProblems = problems }, []);
        }
        catch
        {
            foreach (var place in places) await place.Bucket.DisposeAsync();
            throw;
        }
    }

    /// <summary>The older field counts only where it says yes, and then comes first, as in Velero.</summary>
    private bool FilesByDefault(BackupSpec spec) => spec.DefaultVolumesToRestic == true || (spec.DefaultVolumesToFsBackup ?? options.DefaultVolumesToFsBackup);

    private async Task<PreparedBackup> PrepareAsync(JsonObject item, Backup read, ResourcePolicies policies, List<BackupPlace> places, CancellationToken cancellation)
    {
        var updated = await WriteDefaultsAsync(item, read.Spec, places[0].Location, cancellation);
        var served = await cluster.DiscoverAsync(cancellation);
        var (namespaces, excluded) = await ResolveNamespacesAsync(read.Spec, cancellation);
        var names = new ResourceNames(served.Preferred);
        return new PreparedBackup
        {
            Object = updated,
            Backup = read,
            Places = places,
            PlaceProblems = [],
            Filter = new BackupFilter(read.Spec, policies.Filters, names, namespaces, excluded)
            {
                Fine = new FineFilters(policies, names),
                OnlyPods = item.Annotation(BackupFilter.PodsAnnotation)?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal),
            },
            Policies = policies,
            PolicyNotes = [.. policies.Notes, .. FineFilters.Notes(policies, names)],
            Order = new ResourceOrder(read.Spec.OrderedResources, names),
            Resources = InOrder(served.Preferred),
            OtherVersions = options.AllApiVersions ? [.. served.All.Where(r => !r.IsPreferred && r.Can("list") && r.Can("create")).Select(r => r.Kind)] : [],
            Unavailable = served.UnavailableGroups,
            Started = time.GetUtcNow(),
        };
    }

    /// <summary>
    /// The locations that can take the backup, and why others cannot. One that does not exist or has a backup of the name is a mistake of
    /// whoever asks, and becomes an error; one that is away is no reason to leave the others without the backup.
    /// </summary>
    private async Task<(List<BackupPlace> Places, List<string> Problems)> FindPlacesAsync(JsonObject item, List<string> errors, CancellationToken cancellation)
    {
        var (places, problems) = (new List<BackupPlace>(), new List<string>());
        IReadOnlyList<string?> names = BackupLocations.NamesOf(item);
        if (names.Count == 0) names = [null];
        foreach (var name in names)
        {
            var location = await locations.FindAsync(name, cancellation);
            var (bucket, problem) = await locations.OpenAsync(location, name, forWriting: true, cancellation);
            if (bucket is null)
            {
                if (location is null) errors.Add(string.IsNullOrEmpty(name) ? problem! : problem + "; create it, or name another");
                else problems.Add(problem!);
                continue;
            }

            var place = new BackupPlace(location!, bucket);
            var (inside, isTaken) = await ProblemInsideAsync(place, bucket, item.Name(), cancellation);
            if (places.FirstOrDefault(p => p.Bucket.Location == bucket.Location) is { } same) (inside, isTaken) = ($"backup storage locations \"{same.Name}\" and \"{place.Name}\" are the same place; name one of them", true);
            if (inside is null)
            {
                places.Add(place);
                continue;
            }

            await bucket.DisposeAsync();
            (isTaken ? errors : problems).Add(inside);
        }

        // The last that is found out: a backup that does not come about keeps nobody from its name.
        if (errors.Count == 0) await ClaimAsync(item, places, errors, problems, cancellation);
        return (places, problems);
    }

    /// <summary>Makes the folders in all places the backup's own. One that is another's is an error, and then no place stays claimed.</summary>
    private async Task ClaimAsync(JsonObject item, List<BackupPlace> places, List<string> errors, List<string> problems, CancellationToken cancellation)
    {
        foreach (var place in places.ToList())
        {
            try
            {
                if (await folders.TakeAsync(place.Bucket, place.Name, item, cancellation) is { } taken) errors.Add(taken);
            }
            catch (Exception e) when (BucketFailure.IsCauseOf(e))
            {
                problems.Add($"backup storage location \"{place.Name}\": {e.Message}");
                places.Remove(place);
                await place.Bucket.DisposeAsync();
            }
        }

        if (errors.Count == 0) return;
        foreach (var place in places)
        {
            try
            {
                await BackupFolders.ReleaseAsync(place.Bucket, item, cancellation);
            }
            catch (Exception e) when (BucketFailure.IsCauseOf(e))
            {
                // It goes when somebody of this installation wants the name.
            }
        }
    }

    /// <summary>What speaks against a backup in that place, which its location's phase does not tell: that may be a minute old. And whether the name is taken.</summary>
    private async Task<(string? Problem, bool IsTaken)> ProblemInsideAsync(BackupPlace place, LocationBucket bucket, string backup, CancellationToken cancellation)
    {
        try
        {
            if (await locations.EmptinessOfAsync(place.Location, bucket, cancellation) is { } emptiness) return ($"backup storage location \"{place.Name}\": {emptiness}", false);
            // A name that is none is told of already, and makes no key.
            if (ObjectName.IsValid(backup) && await bucket.ExistsAsync(new BackupFiles(backup).Metadata, cancellation))
                return ($"location \"{place.Name}\" already has a backup named \"{backup}\"; choose another name or delete that one first", true);
            await bucket.PrepareAsync(cancellation);
            return (null, false);
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e))
        {
            return ($"backup storage location \"{place.Name}\": {e.Message}", false);
        }
    }

    /// <summary>Core first, and in it pods, claims and volumes, so that volumes are requested early; other groups as discovered.</summary>
    private static List<ServedResource> InOrder(IReadOnlyList<ServedResource> served)
    {
        var present = served.Select(r => r.Kind.GroupResource).ToHashSet(StringComparer.Ordinal);
        var dropped = Cohabiting.Where(c => present.Contains(c.Kept)).Select(c => c.Dropped).ToHashSet(StringComparer.Ordinal);
        return [.. served
            .Where(r => r.Can("list") && r.Can("create") && r.Can("get") && r.Can("delete"))
            .Where(r => !dropped.Contains(r.Kind.GroupResource))
            .OrderBy(r => r.Kind.GroupResource switch { "pods" => 0, "persistentvolumeclaims" => 1, "persistentvolumes" => 2, _ => r.Kind.Group.Length == 0 ? 3 : 4 })];
    }

    private async Task<(HashSet<string>? Included, List<string> Excluded)> ResolveNamespacesAsync(BackupSpec spec, CancellationToken cancellation)
    {
        var excluded = (spec.ExcludedNamespaces ?? []).ToList();
        var all = new List<string>();
        await foreach (var ns in cluster.ListAsync(KubernetesResources.Namespaces, null, null, cancellation))
        {
            all.Add(ns.Name());
            if (BackupFilter.IsMarkedExcluded(ns)) excluded.Add(ns.Name());
        }

        var patterns = spec.IncludedNamespaces ?? [];
        if (patterns.Count == 0 || patterns.Contains("*")) return (null, excluded);
        // A name without wildcards stays although no such namespace exists: the run says that it is missing.
        var included = patterns.Where(p => p.Length > 0).SelectMany(p => NameGlob.HasWildcard(p) ? all.Where(new NameGlob(p).Matches) : [p]);
        return (included.ToHashSet(StringComparer.Ordinal), excluded);
    }

    private async Task<JsonObject> WriteDefaultsAsync(JsonObject item, BackupSpec spec, BackupStorageLocation location, CancellationToken cancellation)
    {
        var version = await cluster.VersionAsync(cancellation);
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["labels"] = new JsonObject { [VeleroLabels.StorageLocation] = VeleroLabels.ToLabelValue(location.Metadata.Name!) },
                ["annotations"] = new JsonObject
                {
                    [VeleroLabels.SourceClusterGitVersion] = version.GitVersion,
                    [VeleroLabels.SourceClusterMajorVersion] = version.Major,
                    [VeleroLabels.SourceClusterMinorVersion] = version.Minor,
                    [VeleroLabels.ResourceTimeout] = GoDuration.Format(options.ResourceTimeout),
                    [VeleroLabels.GlobalVolumePolicies] = options.GlobalVolumePolicies.Length > 0 ? options.GlobalVolumePolicies : null,
                },
            },
            ["spec"] = new JsonObject
            {
                ["storageLocation"] = spec.StorageLocation,
                ["ttl"] = GoDuration.Format(spec.Ttl!.Value),
                ["defaultVolumesToFsBackup"] = spec.DefaultVolumesToFsBackup,
                ["csiSnapshotTimeout"] = GoDuration.Format(spec.CsiSnapshotTimeout!.Value),
                ["itemOperationTimeout"] = GoDuration.Format(spec.ItemOperationTimeout!.Value),
                ["snapshotMoveData"] = spec.SnapshotMoveData,
                ["volumeSnapshotLocations"] = spec.VolumeSnapshotLocations is { } names ? new JsonArray([.. names.Select(n => (JsonNode)n)]) : null,
            },
        };
        return await cluster.PatchAsync(VeleroResources.Backups, options.Namespace, item.Name(), patch, null, cancellation);
    }
}
