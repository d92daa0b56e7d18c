using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.FieldOwnership;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Patching;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Schemas;
using NodeAgent.DevCluster.Storage;

namespace NodeAgent.DevCluster.Writes;

/// <summary>
/// Every change to an object, whether from a request or from a controller, goes through here: admission, validation,
/// metadata, field ownership, finalizers. Each method is atomic.
/// </summary>
internal sealed class ResourceWriter(ObjectStore store, ResourceRegistry registry, TimeProvider time)
{
    private const string ForegroundFinalizer = "foregroundDeletion";
    private const string OrphanFinalizer = "orphan";

    public JsonObject Create(ResourceType type, string ns, JsonObject obj, WriteOptions options)
    {
        lock (store.Gate)
        {
            Identify(type, ns, obj);
            var meta = obj.Meta();
            if (meta.Text("resourceVersion") is { Length: > 0 })
                throw ApiException.BadRequest("resourceVersion should not be set on objects to be created");
            if (meta.Text("name").Length == 0 && meta.Text("generateName") is { Length: > 0 } prefix)
                meta["name"] = GenerateName(type, ns, prefix);
            var name = meta.Text("name");
            if (type.Namespaced)
                RequireNamespace(type, ns, name);
            var key = new ObjectKey(type.Namespaced ? ns : "", name);
            if (name.Length > 0 && store.Find(type, key) is not null)
                throw ApiException.AlreadyExists(type, name);

            foreach (var field in (string[])["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"])
                meta.Remove(field);
            meta["uid"] = Guid.NewGuid().ToString();
            meta["creationTimestamp"] = Now();
            if (HasGeneration(type))
                meta["generation"] = 1;
            if (type.HasStatus && !KeepsStatusOnCreate(type))
                obj.Remove("status");
            Prepare(type, obj, null, options);
            Managers.TrackUpdate(type, null, obj, options, Now());
            BuiltinDefaults.Admit(type, obj);
            AllocatePorts(type, obj);
            if (options.DryRun)
                return Served(type, obj);
            var created = store.Put(type, key, Stored(type, obj)).Content;
            AfterWrite(type, created);
            return Served(type, created);
        }
    }

    public JsonObject Update(ResourceType type, ObjectKey key, JsonObject obj, WriteOptions options)
    {
        lock (store.Gate)
        {
            Identify(type, key.Namespace, obj);
            if (obj.Name() is var name && name != key.Name)
                throw ApiException.BadRequest(name.Length == 0
                    ? "the name of the object is required in its metadata"
                    : $"the name of the object ({name}) does not match the name on the URL ({key.Name})");
            var old = store.Find(type, key)?.Content ?? throw ApiException.NotFound(type, key.Name);
            var revision = obj.Text("metadata", "resourceVersion");
            if (revision.Length == 0 && type.IsCustom)
                throw ApiException.Invalid(type, key.Name, [FieldError.Invalid("metadata.resourceVersion", "0x0", "must be specified for an update")]);
            if (revision.Length > 0 && revision != old.Text("metadata", "resourceVersion"))
                throw ApiException.StaleWrite(type, key.Name);
            if (obj.Uid() is { Length: > 0 } uid && uid != old.Uid())
                throw ApiException.Conflict(type, key.Name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.Uid()}");
            return Replace(type, key, old, obj, options);
        }
    }

    public JsonObject Patch(ResourceType type, ObjectKey key, string contentType, JsonNode body, WriteOptions options)
    {
        lock (store.Gate)
        {
            var current = store.Find(type, key)?.Content;
            if (contentType == "application/apply-patch+yaml")
                return Apply(type, key, current, body as JsonObject ?? throw ApiException.BadRequest("an apply patch is an object"), options);
            if (current is null)
                throw ApiException.NotFound(type, key.Name);
            var old = Served(type, current);
            JsonNode? changed;
            try
            {
                changed = contentType switch
                {
                    "application/merge-patch+json" => MergePatch.Apply(old, body),
                    "application/json-patch+json" => JsonPatch.Apply(old, body),
                    "application/strategic-merge-patch+json" when type.IsCustom => throw new ApiException(
                        415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"),
                    "application/strategic-merge-patch+json" => StrategicMergePatch.Apply(old, body, MergeTopology.For(type)),
                    _ => throw new ApiException(415, "UnsupportedMediaType", $"the body of the request was in an unknown format ({contentType})"),
                };
            }
            catch (FormatException e)
            {
                throw contentType == "application/json-patch+json"
                    ? new ApiException(422, "Invalid", $"the server rejected our request due to an error in our request: {e.Message}", [])
                    : ApiException.BadRequest(e.Message);
            }
            if (changed is not JsonObject obj)
                throw ApiException.BadRequest("the patched result is not an object");
            return Update(type, key, obj, options);
        }
    }

    /// <returns>The object when it still exists (waiting for a finalizer or a grace period), or its last state; <c>Gone</c> tells which.</returns>
    public (JsonObject Object, bool Gone) Delete(ResourceType type, ObjectKey key, DeleteRequest request)
    {
        lock (store.Gate)
        {
            var old = store.Find(type, key)?.Content ?? throw ApiException.NotFound(type, key.Name);
            if (request.Uid.Length > 0 && request.Uid != old.Uid())
                throw ApiException.Conflict(type, key.Name, $"Precondition failed: UID in precondition: {request.Uid}, UID in object meta: {old.Uid()}");
            if (request.ResourceVersion.Length > 0 && request.ResourceVersion != old.Text("metadata", "resourceVersion"))
                throw ApiException.Conflict(type, key.Name, $"Precondition failed: ResourceVersion in precondition: {request.ResourceVersion}, ResourceVersion in object meta: {old.Text("metadata", "resourceVersion")}");
            if (type.Is("", "namespaces") && key.Name is "default" or "kube-system" && type.Group.Length == 0 && type.Plural == "namespaces")
                throw ApiException.Forbidden(type, key.Name, "this namespace may not be deleted");

            var obj = old.Copy();
            var meta = obj.Meta();
            var grace = type.Is("", "pods") ? PodGrace(obj, request) : 0;
            var finalizers = meta.ChildArray("finalizers");
            if (request.Propagation == "Foreground" && !obj.Finalizers().Contains(ForegroundFinalizer))
                finalizers.Append(ForegroundFinalizer);
            if (request.Propagation == "Orphan" && !obj.Finalizers().Contains(OrphanFinalizer))
                finalizers.Append(OrphanFinalizer);
            if (finalizers.Count == 0)
                meta.Remove("finalizers");
            var waits = grace > 0 || obj.Finalizers().Any() || type.Is("", "namespaces");
            if (request.DryRun)
                return (Served(type, obj), !waits);
            if (!waits)
            {
                store.Delete(type, key);
                AfterDelete(type, obj);
                return (Served(type, obj), true);
            }
            var deleting = old.IsDeleting();
            if (!deleting)
            {
                meta["deletionTimestamp"] = ApiTime.Format(time.GetUtcNow().AddSeconds(grace));
                meta["deletionGracePeriodSeconds"] = grace;
                if (HasGeneration(type))
                    meta["generation"] = old.Number(0, "metadata", "generation") + 1;
            }
            else if (grace < old.Number(long.MaxValue, "metadata", "deletionGracePeriodSeconds"))
                meta["deletionGracePeriodSeconds"] = grace;
            if (type.Is("", "namespaces"))
                obj.Child("status")["phase"] = "Terminating";
            return JsonNode.DeepEquals(obj, old) ? (Served(type, old), false) : (Served(type, store.Put(type, key, obj).Content), false);
        }
    }

    /// <summary>Changes an object on behalf of a controller; nothing happens when it is gone or the change changes nothing.</summary>
    public void Change(ResourceType type, ObjectKey key, Action<JsonObject> change, string subresource = "")
    {
        lock (store.Gate)
        {
            if (store.Find(type, key)?.Content is not { } old)
                return;
            var obj = old.Copy();
            change(obj);
            if (!JsonNode.DeepEquals(obj, old))
                Replace(type, key, old, obj, WriteOptions.Internal with { Subresource = subresource, FieldManager = "" });
        }
    }

    /// <summary>Removes a pod whose containers have ended, whatever grace period is left; finalizers still hold it.</summary>
    public void FinishPod(ObjectKey key)
    {
        lock (store.Gate)
        {
            if (store.Find(registry.Get("", "pods"), key) is not null)
                Delete(registry.Get("", "pods"), key, new DeleteRequest { GracePeriodSeconds = 0 });
        }
    }

    /// <summary>Custom resources are stored in one version and shown in the one asked for; nothing else differs between them.</summary>
    public static JsonObject Served(ResourceType type, JsonObject stored)
    {
        if (!type.IsCustom || stored.Text("apiVersion") == type.GroupVersion)
            return stored;
        var copy = stored.Copy();
        copy["apiVersion"] = type.GroupVersion;
        return copy;
    }

    private static JsonObject Stored(ResourceType type, JsonObject obj)
    {
        if (type.IsCustom)
            obj["apiVersion"] = type.StorageApiVersion;
        return obj;
    }

    private JsonObject Replace(ResourceType type, ObjectKey key, JsonObject old, JsonObject obj, WriteOptions options)
    {
        obj = obj.Copy();
        var meta = obj.Meta();
        var oldMeta = old.Meta();
        foreach (var field in (string[])["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion", "namespace"])
        {
            if (oldMeta[field] is { } kept)
                meta[field] = kept.DeepClone();
            else
                meta.Remove(field);
        }
        var ownership = meta["managedFields"];
        if (ownership is null && oldMeta["managedFields"] is { } owned)
            meta["managedFields"] = owned.DeepClone();
        if (options.Subresource == "status")
            obj = OnlyStatus(type, old, obj);
        else if (type.HasStatus && options.FieldManager.Length > 0)
            Keep(obj, old, "status");
        if (old.IsDeleting() && obj.Finalizers().Except(old.Finalizers()).Any() && !type.IsCustom)
            throw ApiException.Invalid(type, key.Name, [FieldError.Forbidden("metadata.finalizers", "no new finalizers can be added if the object is being deleted")]);

        Prepare(type, obj, old, options);
        Stored(type, obj);
        if (SameButOwnership(obj, old) && (ownership is null || JsonNode.DeepEquals(ownership, oldMeta["managedFields"])))
            return Served(type, old);
        if (HasGeneration(type) && !SameSpec(type, obj, old))
            obj.Meta()["generation"] = old.Number(0, "metadata", "generation") + 1;
        Managers.TrackUpdate(type, old, obj, options, Now());
        return Commit(type, key, old, obj, options);
    }

    private JsonObject Commit(ResourceType type, ObjectKey key, JsonObject old, JsonObject obj, WriteOptions options)
    {
        AllocatePorts(type, obj);
        if (options.DryRun)
            return Served(type, obj);
        // The last finalizer's removal is the deletion; pods also wait for their kubelet, namespaces for their content.
        if (old.IsDeleting() && !obj.Finalizers().Any() && !(type.Is("", "pods") && obj.Number(0, "metadata", "deletionGracePeriodSeconds") > 0)
            && !(type.Is("", "namespaces") && obj.Find("spec", "finalizers") is JsonArray { Count: > 0 }))
        {
            store.Delete(type, key);
            AfterDelete(type, obj);
            return Served(type, obj);
        }
        var written = store.Put(type, key, obj).Content;
        AfterWrite(type, written);
        return Served(type, written);
    }

    private JsonObject Apply(ResourceType type, ObjectKey key, JsonObject? old, JsonObject applied, WriteOptions options)
    {
        if (options.FieldManager is "" or "unknown")
            throw new ApiException(422, "Invalid", "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch", []);
        if (applied.Find("metadata", "managedFields") is not null)
            throw ApiException.BadRequest("metadata.managedFields must be nil");
        Identify(type, key.Namespace, applied);
        if (applied.Name() is { Length: > 0 } name && name != key.Name)
            throw ApiException.BadRequest($"the name of the object ({name}) does not match the name on the URL ({key.Name})");
        applied.Meta()["name"] = key.Name;
        if (old is null)
        {
            if (options.Subresource.Length > 0)
                throw ApiException.NotFound(type, key.Name);
            var fresh = applied.Copy();
            Managers.SetApplied(type, fresh, applied, options, Now());
            return Create(type, key.Namespace, fresh, options with { FieldManager = "" });
        }
        if (applied.Text("metadata", "resourceVersion") is { Length: > 0 } revision && revision != old.Text("metadata", "resourceVersion"))
            throw ApiException.StaleWrite(type, key.Name);
        var merged = Managers.Apply(type, old, applied, options, Now());
        return ReplaceApplied(type, key, old, merged, options);
    }

    private JsonObject ReplaceApplied(ResourceType type, ObjectKey key, JsonObject old, JsonObject merged, WriteOptions options)
    {
        if (options.Subresource == "status")
            merged = OnlyStatus(type, old, merged);
        else if (type.HasStatus)
            Keep(merged, old, "status");
        foreach (var field in (string[])["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion", "namespace"])
            Keep(merged.Meta(), old.Meta(), field);
        Prepare(type, merged, old, options);
        Stored(type, merged);
        if (SameButOwnership(merged, old) && Managers.SameOwnership(merged, old))
            return Served(type, old);
        if (HasGeneration(type) && !SameSpec(type, merged, old))
            merged.Meta()["generation"] = old.Number(0, "metadata", "generation") + 1;
        return Commit(type, key, old, merged, options);
    }

    private void AllocatePorts(ResourceType type, JsonObject obj)
    {
        if (type.StorageKey != "services")
            return;
        var errors = new List<FieldError>();
        NodePorts.Allocate(obj, store.List("services").Select(s => s.Content).Where(s => s.Uid() != obj.Uid()), errors);
        if (errors.Count > 0)
            throw ApiException.Invalid(type, obj.Name(), errors);
    }

    private static void Keep(JsonObject obj, JsonObject old, string field)
    {
        if (old[field] is { } kept)
            obj[field] = kept.DeepClone();
        else
            obj.Remove(field);
    }

    private static JsonObject OnlyStatus(ResourceType type, JsonObject old, JsonObject obj)
    {
        var result = old.Copy();
        if (obj["status"] is { } status)
            result["status"] = status.DeepClone();
        else
            result.Remove("status");
        if (obj.Meta()["managedFields"] is { } owned)
            result.Meta()["managedFields"] = owned.DeepClone();
        if (!type.IsCustom)
        {
            // Conditions of pods and nodes are set together with labels and annotations by some clients; built-in types take them.
            foreach (var field in (string[])["labels", "annotations"])
                Keep(result.Meta(), obj.Meta(), field);
        }
        return result;
    }

    private static void Prepare(ResourceType type, JsonObject obj, JsonObject? old, WriteOptions options)
    {
        if (type.Schema is { } schema)
            CustomResourceSchema.Admit(type, schema, obj, options);
        else
            BuiltinDefaults.Apply(type, obj, old);
        var errors = new List<FieldError>();
        MetadataRules.Check(type, obj, errors);
        if (!type.IsCustom)
            BuiltinRules.Check(type, obj, old, errors);
        if (errors.Count > 0)
            throw ApiException.Invalid(type, obj.Name(), errors);
    }

    private static void Identify(ResourceType type, string ns, JsonObject obj)
    {
        if (obj.Text("kind") is { Length: > 0 } kind && kind != type.Kind)
            throw ApiException.BadRequest($"{kind} in version \"{obj.Text("apiVersion")}\" cannot be handled as a {type.Kind}: the kind does not match the URL");
        if (obj.Text("apiVersion") is { Length: > 0 } version && version != type.GroupVersion && !(type.IsCustom && version == type.StorageApiVersion))
            throw ApiException.BadRequest($"the API version in the data ({version}) does not match the expected API version ({type.GroupVersion})");
        obj["kind"] = type.Kind;
        obj["apiVersion"] = type.GroupVersion;
        var meta = obj.Meta();
        if (!type.Namespaced)
        {
            meta.Remove("namespace");
            return;
        }
        if (meta.Text("namespace") is { Length: > 0 } given && given != ns)
            throw ApiException.BadRequest($"the namespace of the provided object does not match the namespace sent on the request ({given}, {ns})");
        meta["namespace"] = ns;
    }

    private void RequireNamespace(ResourceType type, string ns, string name)
    {
        var namespaces = registry.Get("", "namespaces");
        var found = store.Find(namespaces, new ObjectKey("", ns))?.Content ?? throw ApiException.NotFound(namespaces, ns);
        if (found.IsDeleting())
        {
            throw new ApiException(403, "Forbidden", $"{type.QualifiedName} \"{name}\" is forbidden: unable to create new content in namespace {ns} because it is being terminated", new JsonObject
            {
                ["name"] = name,
                ["kind"] = type.Plural,
                ["causes"] = new JsonArray(new JsonObject { ["reason"] = "NamespaceTerminating", ["message"] = $"namespace {ns} is being terminated", ["field"] = "metadata.namespace" }),
            });
        }
    }

    private string GenerateName(ResourceType type, string ns, string prefix)
    {
        for (var attempt = 0; ; attempt++)
        {
            // The letters leave out vowels and look-alikes, so that no words arise.
            var name = prefix[..Math.Min(prefix.Length, 58)] + System.Security.Cryptography.RandomNumberGenerator.GetString("bcdfghjklmnpqrstvwxz2456789", 5);
            if (attempt > 8 || store.Find(type, new ObjectKey(type.Namespaced ? ns : "", name)) is null)
                return name;
        }
    }

    private void AfterWrite(ResourceType type, JsonObject obj)
    {
        if (type.Plural == "customresourcedefinitions")
            registry.Serve(obj);
    }

    private void AfterDelete(ResourceType type, JsonObject obj)
    {
        if (type.Plural == "customresourcedefinitions")
            registry.Withdraw(obj.Name());
    }

    private static long PodGrace(JsonObject pod, DeleteRequest request)
    {
        // A pod no kubelet has taken, or whose containers have all ended, has nothing to wait for.
        if (pod.Text("spec", "nodeName").Length == 0 || pod.Text("status", "phase") is "Succeeded" or "Failed")
            return 0;
        var grace = request.GracePeriodSeconds ?? pod.Number(30, "spec", "terminationGracePeriodSeconds");
        return pod.IsDeleting() ? Math.Min(grace, pod.Number(grace, "metadata", "deletionGracePeriodSeconds")) : grace;
    }

    private static bool HasGeneration(ResourceType type) => type.IsCustom || type.Group is "apps" or "batch" or "networking.k8s.io" or "policy" or "apiextensions.k8s.io";

    private static bool KeepsStatusOnCreate(ResourceType type) => type.Is("", "nodes");

    private static bool SameSpec(ResourceType type, JsonObject a, JsonObject b)
    {
        var ignored = type.HasStatus || !type.IsCustom ? new[] { "metadata", "status" } : ["metadata"];
        return Without(a, ignored, b) && Without(b, ignored, a);

        static bool Without(JsonObject x, string[] ignored, JsonObject y) => x.All(p => ignored.Contains(p.Key) || JsonNode.DeepEquals(p.Value, y[p.Key]));
    }

    private static bool SameButOwnership(JsonObject a, JsonObject b)
    {
        return Same(a, b, "metadata") && Same(b, a, "metadata") && Same(a.Meta(), b.Meta(), "managedFields") && Same(b.Meta(), a.Meta(), "managedFields");

        static bool Same(JsonObject x, JsonObject y, string ignored) => x.All(p => p.Key == ignored || (y.ContainsKey(p.Key) && JsonNode.DeepEquals(p.Value, y[p.Key])));
    }

    private string Now() => ApiTime.Format(time.GetUtcNow());

    /// <summary>A revision as clients send it, or null when none is given.</summary>
    public static long? ParseRevision(string text)
    {
        if (text.Length == 0)
            return null;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var revision)
            ? revision
            : throw ApiException.BadRequest($"invalid resource version \"{text}\"");
    }
}
