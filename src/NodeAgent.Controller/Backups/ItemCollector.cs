using System.Net;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Hooks;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// Walks the cluster and puts what the backup takes into its archive, and with each object those that it needs: such a block is taken one by one,
/// several blocks at once as far as the options allow. With one worker the order of the archive is always the same.
/// </summary>
internal sealed class ItemCollector(BackupScope scope, BackupArchiveWriter archive, PodVolumeBackups volumes, BackupSnapshots snapshots, BackupHookRunner hooks, Func<int, int, Task> progress) : IDisposable
{
    // Guards what follows, which all blocks write to.
    private readonly Lock _gate = new();
    private readonly HashSet<string> _done = new(StringComparer.Ordinal);
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly HashSet<string> _namespacesUsed = new(StringComparer.Ordinal);
    private readonly HashSet<ResourceKind> _typesUsed = [];
    private readonly Dictionary<string, ServedResource> _served = scope.Backup.Resources.ToDictionary(r => r.Kind.GroupResource);
    private readonly SemaphoreSlim _bindingsGate = new(1);
    private List<JsonObject>? _clusterRoleBindings;
    private int _expected;

    /// <param name="run">Ends the run, early when something fails as a whole.</param>
    public async Task CollectAsync(CancellationTokenSource run)
    {
        var cancellation = run.Token;
        await ReportMissingNamespacesAsync(cancellation);
        foreach (var problem in scope.Backup.Unavailable) scope.Log.Warn("", $"what this group serves is not in the backup: {problem}");
        WarnOfUnknownOrders();
        foreach (var note in scope.Backup.PolicyNotes) scope.Log.Warn("", note);
        foreach (var misplaced in scope.Backup.Filter.Misplaced) scope.Log.Warn("", misplaced);
        var kinds = scope.Backup.Resources.Select(r => r.Kind).Where(k => k.GroupResource != KubernetesResources.Namespaces.GroupResource && !BackupSnapshots.IsLeftToSnapshots(k) && scope.Backup.Filter.TakesType(k));
        await using (var listings = new ResourceListings(scope, kinds, NamespacesOf, IsWanted, cancellation))
        await using (var workers = new BlockWorkers(scope.Options.ItemBlockWorkers, run))
        {
            foreach (var (kind, listing) in listings.All)
            {
                // Grows while types are still being listed; what objects pull in is not counted before it is there.
                await CollectTypeAsync(kind, listing, workers, () => _expected = listings.Count, cancellation);
                // Claims are the blocks' of the pods that use them, and volumes those of their claims: only the others are taken for their own sake.
                if (kind == KubernetesResources.Pods || kind == KubernetesResources.PersistentVolumeClaims) await workers.FinishAsync();
            }

            await workers.FinishAsync();
        }

        await CollectOtherVersionsAsync(cancellation);

        try
        {
            await CollectNamespacesAsync(cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            scope.Log.Error("", $"listing namespaces: {e.Message}");
        }

        await CollectDefinitionsAsync(cancellation);
    }

    public void Dispose() => _bindingsGate.Dispose();

    /// <summary>The objects that were taken, as the cluster shows them in the other versions of their types.</summary>
    private async Task CollectOtherVersionsAsync(CancellationToken cancellation)
    {
        var kinds = scope.Backup.OtherVersions.Where(o => _typesUsed.Any(t => t.GroupResource == o.GroupResource));
        await using var listings = new ResourceListings(scope, kinds, NamespacesOf, (kind, item) => _taken.Contains(IdOf(kind, item)), cancellation);
        foreach (var (kind, reading) in listings.All)
        {
            if (await TryReadAsync(kind, reading) is not { } listing) continue;
            await foreach (var item in listing.ItemsAsync(cancellation))
            {
                await archive.AddVersionAsync(kind, item, cancellation);
                await progress(archive.Count, Math.Max(archive.Count, _expected));
            }
        }
    }

    private async Task<ResourceListing?> TryReadAsync(ResourceKind kind, Task<ResourceListing> reading)
    {
        try
        {
            return await reading;
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            scope.Log.Error(null, $"listing {kind.GroupResource}: {e.Message}");
            return null;
        }
    }

    private void WarnOfUnknownOrders()
    {
        foreach (var type in scope.Backup.Order.Types.Where(t => !_served.ContainsKey(t)).Order(StringComparer.Ordinal))
        {
            scope.Log.Warn("", $"spec.orderedResources: the cluster serves no type {type}");
        }
    }

    /// <summary>Few named namespaces are asked one by one, which spares the server and needs no right to list the whole cluster.</summary>
    private IEnumerable<string?> NamespacesOf(ResourceKind kind) =>
        kind.Namespaced && scope.Backup.Filter.Namespaces is { } named ? named.Where(scope.Backup.Filter.TakesNamespace).Order(StringComparer.Ordinal) : [null];

    private bool IsWanted(ResourceKind kind, JsonObject item) => scope.Backup.Filter.Takes(kind, item);

    private async Task CollectTypeAsync(ResourceKind kind, Task<ResourceListing> reading, BlockWorkers workers, Action count, CancellationToken cancellation)
    {
        if (await TryReadAsync(kind, reading) is not { } listing) return;
        var first = scope.Backup.Order.Of(kind);
        var missing = listing.Order(first);
        foreach (var name in missing) scope.Log.Warn(null, $"spec.orderedResources: {kind.GroupResource} {name} is not among the objects of this backup");
        var ordered = first.Count - missing.Count;
        foreach (var block in await BlocksAsync(kind, listing, ordered, cancellation))
        {
            count();
            var items = new List<JsonObject>();
            foreach (var place in block) items.Add(await listing.ReadAsync(place, cancellation));
            var ended = await workers.StartAsync(token => kind == KubernetesResources.Pods ? AddPodsAsync(items, token) : AddAllAsync(kind, items, token));
            // What the backup wants first has been taken before others of its type begin.
            if (block[0] < ordered) await ended;
        }
    }

    /// <summary>The places of the objects that are taken one by one, in the order in which that begins.</summary>
    private static async Task<IEnumerable<IReadOnlyList<int>>> BlocksAsync(ResourceKind kind, ResourceListing listing, int ordered, CancellationToken cancellation)
    {
        if (kind != KubernetesResources.Pods)
        {
            IEnumerable<IReadOnlyList<int>> rest = Enumerable.Range(ordered, listing.Count - ordered).Select(i => (IReadOnlyList<int>)[i]);
            return ordered == 0 ? rest : rest.Prepend([.. Enumerable.Range(0, ordered)]);
        }

        var groups = new PodGroups();
        await foreach (var pod in listing.ItemsAsync(cancellation)) groups.Add(pod);
        groups.JoinFirst(ordered);
        return groups.ToBlocks();
    }

    private static string IdOf(ResourceKind kind, JsonObject item) => $"{kind.GroupResource}/{item.Namespace()}/{item.Name()}";

    private async Task AddAllAsync(ResourceKind kind, List<JsonObject> items, CancellationToken cancellation)
    {
        foreach (var item in items) await AddAsync(kind, item, cancellation);
    }

    /// <summary>Pods that share volumes: the hooks before of all of them, then their volumes and the pods themselves, then the hooks after.</summary>
    private async Task AddPodsAsync(List<JsonObject> pods, CancellationToken cancellation)
    {
        var (ready, requested) = (new List<JsonObject>(), new List<string>());
        try
        {
            foreach (var pod in pods.Where(p => Begin(KubernetesResources.Pods, p)))
            {
                if (await RunHooksBeforeAsync(pod, cancellation)) ready.Add(pod);
            }

            foreach (var pod in ready) await RequestVolumesAsync(pod, requested, cancellation);
        }
        finally
        {
            // Also when a request failed: the hooks before have run.
            foreach (var pod in ready) hooks.RunAfter(pod, () => Task.WhenAll([volumes.WaitForAsync(requested, cancellation), .. ready.Select(snapshots.WaitForAsync)]), cancellation);
        }

        foreach (var pod in ready) await StoreAsync(KubernetesResources.Pods, pod, cancellation);
    }

    private async Task<bool> RunHooksBeforeAsync(JsonObject pod, CancellationToken cancellation)
    {
        try
        {
            return await hooks.RunBeforeAsync(pod, cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            scope.Log.Error(pod.Namespace(), $"pods {pod.QualifiedName()}: {e.Message}");
            return false;
        }
    }

    private async Task RequestVolumesAsync(JsonObject pod, List<string> requested, CancellationToken cancellation)
    {
        try
        {
            await volumes.RequestAsync(pod, await snapshots.FallbacksAsync(pod, cancellation), requested, cancellation);
            await snapshots.TakeOfPodAsync(pod, cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            // The pod itself is worth having all the same.
            scope.Log.Error(pod.Namespace(), $"requesting the volumes of pod {pod.QualifiedName()}: {e.Message}");
        }
    }

    private async Task AddAsync(ResourceKind kind, JsonObject item, CancellationToken cancellation)
    {
        if (!Begin(kind, item)) return;
        try
        {
            if (kind == KubernetesResources.PersistentVolumeClaims) await snapshots.TakeOfClaimAsync(item, cancellation);
            if (kind == KubernetesResources.PersistentVolumes) await snapshots.TakeOfVolumeAsync(item, cancellation);
            if (kind == KubernetesResources.PersistentVolumes) volumes.Note(item);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            scope.Log.Error(item.Namespace(), $"{kind.GroupResource} {item.QualifiedName()}: {e.Message}");
            return;
        }

        await StoreAsync(kind, item, cancellation);
    }

    /// <summary>Whether the object is to be taken, by the block that asks and by no other.</summary>
    private bool Begin(ResourceKind kind, JsonObject item)
    {
        lock (_gate)
        {
            if (!_done.Add(IdOf(kind, item))) return false;
        }

        return !scope.Backup.Filter.LeavesOut(kind, item) && item.Text("metadata", "deletionTimestamp") is null;
    }

    private async Task StoreAsync(ResourceKind kind, JsonObject item, CancellationToken cancellation)
    {
        try
        {
            await archive.AddAsync(kind, item, cancellation);
        }
        catch (InvalidDataException e)
        {
            scope.Log.Error(item.Namespace(), $"{kind.GroupResource} {item.QualifiedName()}: {e.Message}");
            return;
        }

        lock (_gate)
        {
            _typesUsed.Add(kind);
            if (scope.Backup.OtherVersions.Count > 0) _taken.Add(IdOf(kind, item));
            if (kind.Namespaced) _namespacesUsed.Add(item.Namespace());
        }

        await progress(archive.Count, Math.Max(archive.Count, _expected));
        await AddRelatedAsync(kind, item, cancellation);
    }

    private async Task AddRelatedAsync(ResourceKind kind, JsonObject item, CancellationToken cancellation)
    {
        switch (kind.GroupResource)
        {
            case "pods":
                foreach (var claim in item.Objects("spec", "volumes").Select(v => v.Text("persistentVolumeClaim", "claimName")).OfType<string>())
                {
                    await AddByNameAsync(KubernetesResources.PersistentVolumeClaims, item.Namespace(), claim, cancellation);
                }

                if (item.Text("spec", "priorityClassName") is { Length: > 0 } priority) await AddByNameAsync("priorityclasses.scheduling.k8s.io", null, priority, cancellation);
                break;
            case "persistentvolumeclaims":
                await RecordClaimAsync(item, cancellation);
                if (item.Text("spec", "volumeName") is { Length: > 0 } volume)
                {
                    await AddByNameAsync(KubernetesResources.PersistentVolumes, null, volume, cancellation);
                }

                break;
            case "serviceaccounts":
                await AddBindingsAsync(item, cancellation);
                break;
        }
    }

    private async Task RecordClaimAsync(JsonObject claim, CancellationToken cancellation)
    {
        try
        {
            if (!snapshots.IsClaimTaken(claim.Namespace(), claim.Name())) await volumes.RecordUntakenAsync(claim, cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            scope.Log.Error(claim.Namespace(), $"volume of claim {claim.QualifiedName()}: {e.Message}");
        }
    }

    /// <summary>A service account is of little use without the cluster roles bound to it.</summary>
    private async Task AddBindingsAsync(JsonObject account, CancellationToken cancellation)
    {
        if (!_served.TryGetValue("clusterrolebindings.rbac.authorization.k8s.io", out var bindings) || !scope.Backup.Filter.AdmitsRelated(bindings.Kind)) return;
        foreach (var binding in (await ClusterRoleBindingsAsync(bindings.Kind, cancellation)).Where(b => b.Objects("subjects").Any(s =>
            s.Text("kind") == "ServiceAccount" && s.Text("name") == account.Name() && s.Text("namespace") == account.Namespace())))
        {
            await AddAsync(bindings.Kind, binding, cancellation);
            if (binding.Text("roleRef", "name") is { } role) await AddByNameAsync("clusterroles.rbac.authorization.k8s.io", null, role, cancellation);
        }
    }

    private async Task<List<JsonObject>> ClusterRoleBindingsAsync(ResourceKind kind, CancellationToken cancellation)
    {
        await _bindingsGate.WaitAsync(cancellation);
        try
        {
            if (_clusterRoleBindings is not null) return _clusterRoleBindings;
            _clusterRoleBindings = [];
            try
            {
                await foreach (var binding in scope.Cluster.ListAsync(kind, null, null, cancellation)) _clusterRoleBindings.Add(binding);
            }
            catch (Exception e) when (e is ApiException or HttpRequestException)
            {
                // Said once, not for each account.
                scope.Log.Error("", $"listing {kind.GroupResource}, so that roles bound to service accounts may be missing: {e.Message}");
            }

            return _clusterRoleBindings;
        }
        finally
        {
            _bindingsGate.Release();
        }
    }

    private async Task AddByNameAsync(string groupResource, string? ns, string name, CancellationToken cancellation)
    {
        if (_served.TryGetValue(groupResource, out var resource)) await AddByNameAsync(resource.Kind, ns, name, cancellation);
    }

    private async Task AddByNameAsync(ResourceKind kind, string? ns, string name, CancellationToken cancellation)
    {
        if (!scope.Backup.Filter.AdmitsRelated(kind)) return;
        lock (_gate)
        {
            if (_done.Contains($"{kind.GroupResource}/{ns ?? ""}/{name}")) return;
        }

        JsonObject? item;
        try
        {
            item = await scope.Cluster.GetAsync(kind, ns, name, cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            // What refers to it is in the backup, and so are the others.
            scope.Log.Error(ns ?? "", $"{kind.GroupResource} {KubeObject.Qualify(ns ?? "", name)}: {e.Message}");
            return;
        }

        if (item is null) scope.Log.Warn(ns ?? "", $"{kind.GroupResource} {KubeObject.Qualify(ns ?? "", name)} is referred to but does not exist");
        else await AddAsync(kind, item, cancellation);
    }

    private async Task CollectNamespacesAsync(CancellationToken cancellation)
    {
        var filter = scope.Backup.Filter;
        if (!filter.AdmitsNamespaces) return;
        await foreach (var ns in scope.Cluster.ListAsync(KubernetesResources.Namespaces, null, null, cancellation))
        {
            var active = ns.Text("status", "phase") is null or "Active";
            // Labels bring in namespaces that the lists of names do not; where there are no such lists, labels alone choose.
            var chosen = (!filter.Labels.IsEmpty && filter.Labels.Matches(ns)) || ((filter.Labels.IsEmpty || !filter.TakesAllNamespaces) && filter.TakesNamespace(ns.Name()));
            if (_namespacesUsed.Contains(ns.Name()) || (active && chosen && filter.AdmitsRelated(KubernetesResources.Namespaces))) await AddAsync(KubernetesResources.Namespaces, ns, cancellation);
        }
    }

    private async Task CollectDefinitionsAsync(CancellationToken cancellation)
    {
        if (!scope.Backup.Filter.AdmitsDefinitions || !_served.TryGetValue(KubernetesResources.CustomResourceDefinitions.GroupResource, out var definitions)) return;
        // Only groups with a dot can be defined by a custom resource definition.
        foreach (var kind in _typesUsed.Where(k => k.Group.Contains('.')).ToList())
        {
            try
            {
                var definition = await scope.Cluster.GetAsync(definitions.Kind, null, kind.GroupResource, cancellation);
                if (definition is not null) await AddAsync(definitions.Kind, definition, cancellation);
            }
            catch (Exception e) when (e is ApiException or HttpRequestException)
            {
                scope.Log.Error("", $"definition of {kind.GroupResource}: {e.Message}");
            }
        }
    }

    private async Task ReportMissingNamespacesAsync(CancellationToken cancellation)
    {
        foreach (var ns in (scope.Backup.Filter.Namespaces ?? new HashSet<string>()).Order(StringComparer.Ordinal))
        {
            try
            {
                if (await scope.Cluster.GetAsync(KubernetesResources.Namespaces, null, ns, cancellation) is null) scope.Log.Error("", $"included namespace {ns} does not exist");
            }
            catch (Exception e) when (e is ApiException or HttpRequestException)
            {
                scope.Log.Error("", $"included namespace {ns}: {e.Message}");
            }
        }
    }
}
