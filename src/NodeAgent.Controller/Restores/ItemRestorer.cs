using System.Net;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Hooks;
using NodeAgent.Controller.Restores.Mappings;
using NodeAgent.Controller.Restores.Versions;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Restores;

/// <summary>Brings objects back one by one, each once, and with each those that it cannot do without. Not for concurrent use.</summary>
internal sealed class ItemRestorer(RestoreScope scope, RestoreSources sources, PodVolumeRestores volumes, SnapshotRestores snapshots, RestoreHookRunner hooks, Departures departures)
{
    private readonly HashSet<string> _done = new(StringComparer.Ordinal);
    private readonly HashSet<string> _namespacesReady = new(StringComparer.Ordinal);
    private readonly HashSet<string> _namespacesStuck = new(StringComparer.Ordinal);
    private readonly HashSet<string> _provisioned = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SortedSet<string>> _outcomes = new(StringComparer.Ordinal);
    private ILookup<string, ResourceKind> _served = Enumerable.Empty<ResourceKind>().ToLookup(k => k.GroupResource);
    private Dictionary<string, string> _preferredVersions = [];
    private readonly ItemMapper _mapper = new(scope);
    private readonly UnservedTypes _unserved = new(scope.Log);
    private readonly HashSet<string> _notEstablished = new(StringComparer.Ordinal);
    private readonly HashSet<string> _established = new(StringComparer.Ordinal);

    /// <summary>Objects that were handled, whatever the outcome.</summary>
    public int Handled => _done.Count;

    /// <summary>Learns anew what the cluster serves, as after new resource definitions.</summary>
    public async Task DiscoverAsync(CancellationToken cancellation)
    {
        var started = scope.Time.GetTimestamp();
        while (true)
        {
            var found = await scope.Cluster.DiscoverAsync(cancellation);
            _served = found.All.Select(r => r.Kind).ToLookup(k => k.GroupResource);
            _preferredVersions = found.Preferred.GroupBy(r => r.Kind.GroupResource).ToDictionary(g => g.Key, g => g.First().Kind.Version);
            sources.Use(found.Preferred);
            // A server tells a moment after a definition was established what it defines.
            if (_established.All(_served.Contains) || scope.Time.GetElapsedTime(started) > scope.Options.ResourceTimeout) return;
            await Task.Delay(scope.Options.PollInterval, scope.Time, cancellation);
        }
    }

    /// <summary>Says what the cluster had no place for; called once, behind all objects.</summary>
    public void ReportUnserved() => _unserved.Report();

    /// <summary>The resource list file: apiVersion/Kind to names with what was done.</summary>
    public JsonObject ResourceList()
    {
        var list = new JsonObject();
        foreach (var (key, names) in _outcomes) list[key] = new JsonArray([.. names.Select(n => (JsonNode)n)]);
        return list;
    }

    /// <summary>Restores one object. What goes wrong with it is logged as its warning or error and concerns no other.</summary>
    public async Task RestoreAsync(ArchivedItem archived, CancellationToken cancellation)
    {
        if (!_done.Add($"{archived.GroupResource}/{archived.Namespace}/{archived.Name}")) return;
        var ns = archived.Namespace.Length == 0 ? "" : scope.Restore.Map(archived.Namespace);
        try
        {
            var item = await BackupArchive.ReadAsync(InChosenVersion(archived), cancellation);
            var outcome = await RestoreAsync(archived, item, ns, cancellation);
            Record(item, archived.GroupResource, ns, outcome);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException or InvalidDataException)
        {
            scope.Log.Error(ns, $"{archived.GroupResource} {KubeObject.Qualify(ns, archived.Name)}: {e.Message}");
            Record([], archived.GroupResource, KubeObject.Qualify(ns, archived.Name), "failed");
        }
    }

    /// <summary>Makes sure that a target namespace exists, as the backup describes its source.</summary>
    public async Task EnsureNamespaceAsync(string original, CancellationToken cancellation)
    {
        var name = scope.Restore.Map(original);
        if (_namespacesReady.Contains(name)) return;
        // Waited for once: every further object in it would wait as long again.
        if (_namespacesStuck.Contains(name)) throw new InvalidDataException($"namespace {name} is still being deleted");
        var started = scope.Time.GetTimestamp();
        while (true)
        {
            var existing = await scope.Cluster.GetAsync(KubernetesResources.Namespaces, null, name, cancellation);
            if (existing is null) break;
            if (existing.Text("metadata", "deletionTimestamp") is null)
            {
                _namespacesReady.Add(name);
                return;
            }

            if (scope.Time.GetElapsedTime(started) > scope.Options.ResourceTimeout)
            {
                _namespacesStuck.Add(name);
                throw new InvalidDataException($"namespace {name} is still being deleted after {GoDuration.Format(scope.Options.ResourceTimeout)}");
            }

            await Task.Delay(scope.Options.PollInterval, scope.Time, cancellation);
        }

        var archived = sources.Archive.Find(KubernetesResources.Namespaces.GroupResource, "", original);
        var item = archived is null ? [] : await BackupArchive.ReadAsync(archived, cancellation);
        RestoredObject.Reset(item);
        item["apiVersion"] = "v1";
        item["kind"] = "Namespace";
        item.Child("metadata")["name"] = name;
        item.Remove("spec");
        (item.At("metadata", "labels") as JsonObject)?.Remove("kubernetes.io/metadata.name");
        RestoredObject.AddLabels(item, scope.Restore.Name, scope.Restore.BackupName);
        await scope.Cluster.CreateAsync(KubernetesResources.Namespaces, null, item, cancellation);
        _namespacesReady.Add(name);
        Record(item, KubernetesResources.Namespaces.GroupResource, "", "created");
    }

    private async Task<string> RestoreAsync(ArchivedItem archived, JsonObject item, string ns, CancellationToken cancellation)
    {
        if (RestoredObject.ReasonToSkip(archived.GroupResource, item) is { } reason)
        {
            scope.Log.Info($"{archived.GroupResource} {item.QualifiedName()} is left out: {reason}");
            return "skipped";
        }

        var (served, problem) = ServedKind(archived, item);
        if (served is not { } kind)
        {
            _unserved.Add(archived.GroupResource, problem!, isError: _served.Contains(archived.GroupResource), ns, item.Name());
            return "failed";
        }

        if (archived.Namespace.Length > 0) await EnsureNamespaceAsync(archived.Namespace, cancellation);
        var status = item["status"]?.DeepClone();
        var managers = item.At("metadata", "managedFields")?.DeepClone();
        RestoredObject.Reset(item);
        if (!await PrepareAsync(archived, item, managers, cancellation)) return "skipped";
        (item, kind) = Modify(archived, item, kind, ns);
        if (ns.Length > 0) item.Child("metadata")["namespace"] = ns;
        RestoredObject.AddLabels(item, scope.Restore.Name, scope.Restore.BackupName);

        var (created, existing) = await CreateAsync(kind, item, ns, cancellation);
        if (created is null) return await ReconcileExistingAsync(kind, existing!, item, ns, cancellation);
        await RestoreManagersAsync(kind, ns, item.Name(), managers, cancellation);
        if (status is not null && WantsStatus(archived, item)) await RestoreStatusAsync(kind, ns, item.Name(), status, cancellation);
        if (kind == KubernetesResources.PersistentVolumeClaims && sources.Filter.TakesVolumeData) volumes.NoteNew(archived.Namespace, archived.Name);
        if (kind.GroupResource == "pods" && sources.Filter.TakesVolumeData) await volumes.RequestAsync(created, archived.Namespace, cancellation);
        if (kind.GroupResource == "pods") hooks.RunAfter(created, volumes.Ended, cancellation);
        if (kind.GroupResource == KubernetesResources.CustomResourceDefinitions.GroupResource) await WaitForDefinitionAsync(kind, item.Name(), cancellation);
        return "created";
    }

    /// <summary>Applies the restore's modifiers. What of them cannot be applied is an error, and the object is made without it.</summary>
    private (JsonObject Item, ResourceKind Kind) Modify(ArchivedItem archived, JsonObject item, ResourceKind kind, string ns)
    {
        if (scope.Restore.Modifiers is not { } modifiers) return (item, kind);
        var (modified, problems) = modifiers.Apply(item, archived.GroupResource);
        foreach (var problem in problems) scope.Log.Error(ns, $"{archived.GroupResource} {KubeObject.Qualify(ns, item.Name())}: {problem}");
        if (modified.Text("apiVersion") == item.Text("apiVersion") && modified.Text("kind") == item.Text("kind")) return (modified, kind);
        var other = _served.SelectMany(s => s).FirstOrDefault(k => k.ApiVersion == modified.Text("apiVersion") && k.Kind == modified.Text("kind"));
        return other is null
            ? throw new InvalidDataException($"the resource modifier made it a {modified.Text("apiVersion")} {modified.Text("kind")}, which the cluster does not serve")
            : (modified, other);
    }

    /// <summary>What each type needs before it is created; false leaves the object out.</summary>
    private async Task<bool> PrepareAsync(ArchivedItem archived, JsonObject item, JsonNode? managers, CancellationToken cancellation)
    {
        await _mapper.MapAsync(archived.GroupResource, item, cancellation);
        switch (archived.GroupResource)
        {
            case "pods":
                RestoredObject.PreparePod(item);
                WaitContainer.Remove(item);
                if (sources.Filter.TakesVolumeData) volumes.AddWaitContainer(item, archived.Namespace);
                hooks.AddInitContainers(item, scope.Restore.Map(archived.Namespace));
                if (item.Text("spec", "priorityClassName") is { Length: > 0 } priority) await RestoreRelatedAsync("priorityclasses.scheduling.k8s.io", priority, cancellation);
                foreach (var volume in item.Objects("spec", "volumes"))
                {
                    if (volume.Text("persistentVolumeClaim", "claimName") is { } claim) await RestoreClaimAsync(archived.Namespace, claim, cancellation);
                }

                return true;
            case "persistentvolumes":
                return await snapshots.RestoreAsync(item, cancellation) || PrepareVolume(item);
            case "persistentvolumeclaims":
                await PrepareClaimAsync(archived, item, cancellation);
                return true;
            case "services":
                RestoredObject.PrepareService(item, scope.Restore.Spec.PreserveNodePorts == true, managers);
                return true;
            case "mutatingwebhookconfigurations.admissionregistration.k8s.io" or "validatingwebhookconfigurations.admissionregistration.k8s.io":
                RestoredObject.PrepareWebhooks(item);
                return true;
            case "customresourcedefinitions.apiextensions.k8s.io":
                RestoredObject.PrepareDefinition(item);
                return true;
            case "volumesnapshots.snapshot.storage.k8s.io" or "volumesnapshotcontents.snapshot.storage.k8s.io" when item.Label(VeleroLabels.BackupName) is not null:
                // Those of the backup's own come with the claims that are filled from them.
                return false;
            case "jobs.batch":
                RestoredObject.PrepareJob(item);
                return true;
            case "serviceaccounts":
                RestoredObject.PrepareServiceAccount(item);
                return true;
            case "secrets" when item.Text("type") == "kubernetes.io/service-account-token":
                var account = item.Annotation("kubernetes.io/service-account.name") ?? "";
                if (item.Name().StartsWith(account + "-token-", StringComparison.Ordinal)) return false;
                RestoredObject.PrepareTokenSecret(item);
                return true;
            case "rolebindings.rbac.authorization.k8s.io" or "clusterrolebindings.rbac.authorization.k8s.io":
                RestoredObject.MapSubjects(item, scope.Restore.NamespaceMapping);
                return true;
            default:
                return true;
        }
    }

    private bool PrepareVolume(JsonObject volume)
    {
        var (ns, name) = (volume.Text("spec", "claimRef", "namespace") ?? "", volume.Text("spec", "claimRef", "name") ?? "");
        // New and empty when its files come from the backup, or when it went with its claim and nothing of it is left.
        if (volumes.ClaimsWithData.Contains($"{ns}/{name}") || snapshots.Csi.Has(ns, name) || volume.Text("spec", "persistentVolumeReclaimPolicy") is null or "Delete")
        {
            _provisioned.Add(volume.Name());
            scope.Log.Info($"persistentvolumes {volume.Name()} is left out: its claim gets a new volume");
            return false;
        }

        RestoredObject.PrepareVolume(volume, scope.Restore.NamespaceMapping);
        return true;
    }

    private async Task PrepareClaimAsync(ArchivedItem archived, JsonObject claim, CancellationToken cancellation)
    {
        var volume = claim.Text("spec", "volumeName") ?? "";
        var provision = volumes.ClaimsWithData.Contains($"{archived.Namespace}/{archived.Name}");
        if (volume.Length > 0)
        {
            await RestoreRelatedAsync(KubernetesResources.PersistentVolumes.GroupResource, volume, cancellation);
            if (snapshots.HasFailed(volume)) throw new InvalidDataException($"its volume {volume} could not be made from its snapshot, and an empty one in its place would pass for the data; mend the cause and restore again");
            volume = snapshots.NameOf(volume);
            claim.Child("spec")["volumeName"] = volume;
            // A claim that names a volume which is nowhere would be lost for ever.
            provision |= _provisioned.Contains(volume) || !await departures.StaysAsync(KubernetesResources.PersistentVolumes, null, volume, cancellation);
        }

        var node = await _mapper.NodeForAsync(claim, cancellation);
        RestoredObject.PrepareClaim(claim, provision);
        if (!volumes.ClaimsWithData.Contains($"{archived.Namespace}/{archived.Name}")) await snapshots.Csi.PrepareAsync(archived.Namespace, claim, cancellation);
        if (node is not null) ItemMapper.SelectNode(claim, node);
    }

    /// <summary>The claim of a pod comes along even where labels choose the pod alone: it could not run without.</summary>
    private async Task RestoreClaimAsync(string ns, string name, CancellationToken cancellation)
    {
        var claims = KubernetesResources.PersistentVolumeClaims.GroupResource;
        if (!sources.Filter.TakesType(claims) || !sources.Filter.TakesNamespace(ns)) return;
        if (sources.Archive.Find(claims, ns, name) is { } claim) await RestoreAsync(claim, cancellation);
    }

    private async Task RestoreRelatedAsync(string groupResource, string name, CancellationToken cancellation)
    {
        if (!sources.Filter.AdmitsClusterScoped || !sources.Filter.TakesType(groupResource)) return;
        if (sources.Archive.Find(groupResource, "", name) is { } related) await RestoreAsync(related, cancellation);
    }

    /// <summary>Creates the object, or answers the one that is there. One that is being deleted is none: it is waited for, or it would be skipped and then be gone.</summary>
    private async Task<(JsonObject? Created, JsonObject? Existing)> CreateAsync(ResourceKind kind, JsonObject item, string ns, CancellationToken cancellation)
    {
        if (kind == KubernetesResources.PersistentVolumeClaims && snapshots.Csi.IsLeftAsItIs(ns, item.Name()))
        {
            return (null, await departures.FindStayingAsync(kind, ns, item.Name(), cancellation)
                ?? throw new InvalidDataException("it was deleted while the restore ran; restore again, since an empty one in its place would pass for the data of its snapshot"));
        }

        while (true)
        {
            try
            {
                return (await scope.Cluster.CreateAsync(kind, ns, item, cancellation), null);
            }
            // A node port that is taken is refused as invalid; when the service itself is what holds it, that is a conflict.
            catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict || kind.GroupResource == "services")
            {
                var existing = await scope.Cluster.GetAsync(kind, ns, item.Name(), cancellation);
                if (existing is null && e.StatusCode != HttpStatusCode.Conflict) throw;
                if (existing is not null && existing.Text("metadata", "deletionTimestamp") is null) return (null, existing);
                if (!await departures.WaitAsync(cancellation))
                {
                    if (existing is null) throw;
                    throw new InvalidDataException("the one in the cluster is still being deleted; restore again when it is gone");
                }
            }
        }
    }

    private async Task<string> ReconcileExistingAsync(ResourceKind kind, JsonObject existing, JsonObject desired, string ns, CancellationToken cancellation)
    {
        RestoredObject.Reset(existing);
        var compared = (JsonObject)existing.DeepClone();
        RestoredObject.AddLabels(compared, scope.Restore.Name, scope.Restore.BackupName);
        var update = scope.Restore.Spec.ExistingResourcePolicy == "update";
        var isAccount = kind.GroupResource == KubernetesResources.ServiceAccounts.GroupResource;
        if (JsonNode.DeepEquals(compared, desired) && !update) return "skipped";
        var target = isAccount ? MergePatch.MergeServiceAccounts(existing, desired) : update ? desired : null;
        if (target is null)
        {
            scope.Log.Warn(ns, $"{kind.Kind} {KubeObject.Qualify(ns, desired.Name())} exists and differs from the backup; it was left as it is (existingResourcePolicy update would change it)");
            return "skipped";
        }

        var patch = MergePatch.Between(existing, target);
        if (patch.Count == 0) return "skipped";
        try
        {
            await scope.Cluster.PatchAsync(kind, ns, desired.Name(), patch, null, cancellation);
            return "updated";
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            scope.Log.Warn(ns, $"{kind.Kind} {KubeObject.Qualify(ns, desired.Name())} exists and could not be updated: {e.Message}");
            if (update) await UpdateLabelsAsync(kind, ns, desired, cancellation);
            return "failed";
        }
    }

    /// <summary>What could not be updated at least tells which restore it would have come from.</summary>
    private async Task UpdateLabelsAsync(ResourceKind kind, string ns, JsonObject desired, CancellationToken cancellation)
    {
        var labelled = new JsonObject();
        RestoredObject.AddLabels(labelled, scope.Restore.Name, scope.Restore.BackupName);
        try
        {
            await scope.Cluster.PatchAsync(kind, ns, desired.Name(), labelled, null, cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            scope.Log.Error(ns, $"{kind.Kind} {KubeObject.Qualify(ns, desired.Name())}: its labels could not be updated either: {e.Message}");
        }
    }

    private bool WantsStatus(ArchivedItem archived, JsonObject item) =>
        item.Annotation(VeleroLabels.RestoreStatus)?.ToLowerInvariant() switch
        {
            "true" => true,
            "false" => false,
            _ => sources.Filter.TakesStatus(archived.GroupResource),
        };

    private async Task RestoreStatusAsync(ResourceKind kind, string ns, string name, JsonNode status, CancellationToken cancellation)
    {
        try
        {
            await scope.Cluster.PatchAsync(kind, ns, name, new JsonObject { ["status"] = status.DeepClone() }, "status", cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            scope.Log.Warn(ns, $"{kind.Kind} {KubeObject.Qualify(ns, name)}: its status could not be restored: {e.Message}");
        }
    }

    /// <summary>
    /// Whoever applied fields on the server's side owns them again, or the next apply would be a conflict with this program. Other owners are
    /// of no consequence, and not worth a request for each object.
    /// </summary>
    private async Task RestoreManagersAsync(ResourceKind kind, string ns, string name, JsonNode? managers, CancellationToken cancellation)
    {
        if (managers is not JsonArray list || !list.Any(m => m.Text("operation") == "Apply")) return;
        try
        {
            await scope.Cluster.PatchAsync(kind, ns, name, new JsonObject { ["metadata"] = new JsonObject { ["managedFields"] = list } }, null, cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            scope.Log.Warn(ns, $"{kind.Kind} {KubeObject.Qualify(ns, name)}: who manages its fields could not be restored: {e.Message}");
        }
    }

    private async Task WaitForDefinitionAsync(ResourceKind kind, string name, CancellationToken cancellation)
    {
        var started = scope.Time.GetTimestamp();
        while (scope.Time.GetElapsedTime(started) < scope.Options.ResourceTimeout)
        {
            var definition = await Outage.OutlastAsync(() => scope.Cluster.GetAsync(kind, null, name, cancellation), scope.Options.ResourceTimeout - scope.Time.GetElapsedTime(started), scope.Time, null, cancellation);
            if (definition.Objects("status", "conditions").Any(c => c.Text("type") == "Established" && c.Text("status") == "True"))
            {
                if (definition.Objects("spec", "versions").Any(v => v.IsTrue("served"))) _established.Add(name);
                return;
            }

            await Task.Delay(scope.Options.PollInterval, scope.Time, cancellation);
        }

        _notEstablished.Add(name);
        scope.Log.Error("", $"resource definition {name} was not established within {GoDuration.Format(scope.Options.ResourceTimeout)}; see its conditions");
    }

    private ArchivedItem InChosenVersion(ArchivedItem archived)
    {
        if (sources.Archive.VersionsOf(archived.GroupResource) is not { } versions) return archived;
        var target = _served[archived.GroupResource].Select(k => k.Version).ToList();
        var wanted = scope.Restore.VersionPriorities.TryGetValue(archived.GroupResource, out var order) ? order : [];
        var chosen = VersionChoice.Choose(versions.Preferred, versions.All, _preferredVersions.GetValueOrDefault(archived.GroupResource), target, wanted);
        return chosen == versions.Preferred ? archived : sources.Archive.InVersion(archived, chosen);
    }

    /// <summary>The type at the version that the object was stored in, or why there is none.</summary>
    private (ResourceKind? Kind, string? Problem) ServedKind(ArchivedItem archived, JsonObject item)
    {
        var served = _served[archived.GroupResource].ToList();
        var apiVersion = item.Text("apiVersion");
        if (served.Count == 0)
        {
            return (null, _notEstablished.Contains(archived.GroupResource)
                ? $"its definition was not established in time, so that the cluster does not serve {apiVersion} {item.Text("kind")}"
                : $"the cluster does not serve {apiVersion} {item.Text("kind")}");
        }

        if (served.FirstOrDefault(k => k.ApiVersion == apiVersion) is not { } kind)
        {
            var versions = sources.Archive.VersionsOf(archived.GroupResource)?.All.Order(KubernetesVersion.NewestFirst);
            return (null, $"the cluster serves it as {string.Join(", ", served.Select(k => k.ApiVersion))}, not as {(versions is null ? apiVersion : $"the backup has it ({string.Join(", ", versions)})")}");
        }

        if (kind.Namespaced == archived.Namespace.Length > 0) return (kind, null);
        return (null, kind.Namespaced ? "in the cluster it lives in a namespace, in the backup in none" : "in the backup it lives in a namespace, in the cluster in none");
    }

    private void Record(JsonObject item, string groupResource, string ns, string outcome)
    {
        var key = item.Text("kind") is { } kind ? $"{item.Text("apiVersion")}/{kind}" : groupResource;
        if (!_outcomes.TryGetValue(key, out var names)) _outcomes[key] = names = new SortedSet<string>(StringComparer.Ordinal);
        names.Add($"{(item.Name().Length > 0 ? KubeObject.Qualify(ns, item.Name()) : ns)}({outcome})");
    }
}
