using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Patching;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.FieldOwnership;

/// <summary>Who owns which fields of an object (metadata.managedFields), and server-side apply, which decides by it.</summary>
internal static class Managers
{
    private static readonly string[] ServerFields =
        ["name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName", "selfLink"];

    /// <summary>Records that a create or update by this manager changed what differs between two states.</summary>
    public static void TrackUpdate(ResourceType type, JsonObject? old, JsonObject obj, WriteOptions options, string now)
    {
        if (options.FieldManager.Length == 0)
            return;
        // A client may reset the record by writing an empty one.
        if (obj.Meta()["managedFields"] is JsonArray given && (given.Count == 0 || given is [JsonObject { Count: 0 }]))
        {
            obj.Meta().Remove("managedFields");
            return;
        }
        var at = MergeTopology.For(type);
        var left = Strip(old, type, options.Subresource);
        var right = Strip(obj, type, options.Subresource);
        var changed = FieldSet.Changed(left, right, at);
        var removed = FieldSet.Changed(right, left, at).Except(changed);
        var entries = obj.Meta()["managedFields"] is JsonArray list ? list.OfType<JsonObject>().Select(e => e.Copy()).ToList() : [];
        if (changed.IsEmpty && removed.IsEmpty)
            return;
        foreach (var entry in entries)
            entry["fieldsV1"] = FieldSet.Read(entry.FindObject("fieldsV1") ?? []).Except(changed).Except(removed).Write();
        if (!changed.IsEmpty)
            AddTo(entries, type, options, "Update", now, existing => existing.Union(changed));
        Write(obj, entries);
    }

    /// <summary>Makes an applied configuration the whole of what this manager owns in a new object.</summary>
    public static void SetApplied(ResourceType type, JsonObject obj, JsonObject applied, WriteOptions options, string now)
    {
        var entries = new List<JsonObject>();
        AddTo(entries, type, options, "Apply", now, _ => FieldSet.Of(Strip(applied, type, options.Subresource), MergeTopology.For(type)));
        Write(obj, entries);
    }

    /// <summary>Merges an applied configuration into an object, and takes out what the manager applied before and no longer does.</summary>
    public static JsonObject Apply(ResourceType type, JsonObject old, JsonObject applied, WriteOptions options, string now)
    {
        var at = MergeTopology.For(type);
        var config = Strip(applied, type, options.Subresource)!;
        var wanted = FieldSet.Of(config, at);
        var entries = old.Meta()["managedFields"] is JsonArray list ? list.OfType<JsonObject>().Select(e => e.Copy()).ToList() : [];
        var mine = entries.FirstOrDefault(e => IsMine(e, options, "Apply"));
        var before = mine is null ? new FieldSet() : FieldSet.Read(mine.FindObject("fieldsV1") ?? []);
        var others = new FieldSet();
        var conflicts = new List<(string Manager, string Path)>();
        foreach (var entry in entries.Where(e => e != mine))
        {
            var owned = FieldSet.Read(entry.FindObject("fieldsV1") ?? []);
            var shared = wanted.Intersect(owned);
            var clashes = shared.Walk(old, config, at).Where(f => f.Leaf && f.Path.Length > 0 && !JsonNode.DeepEquals(f.Left, f.Right)).Select(f => f.Path).ToList();
            conflicts.AddRange(clashes.Select(p => ($"\"{entry.Text("manager")}\"", p)));
            if (clashes.Count > 0 && options.Force)
                entry["fieldsV1"] = owned.Except(FieldSet.Changed(old, Merge(old, config, at), at)).Write();
            others = others.Union(FieldSet.Read(entry.FindObject("fieldsV1") ?? []));
        }
        if (conflicts.Count > 0 && !options.Force)
            throw Conflict(conflicts);
        var merged = (JsonObject)Merge(old, config, at)!;
        before.Except(wanted).Except(others).RemoveFrom(merged, at);
        AddTo(entries, type, options, "Apply", now, _ => wanted);
        Write(merged, entries);
        return merged;
    }

    /// <summary>True when two states say the same of who owns what, whenever it was written.</summary>
    public static bool SameOwnership(JsonObject a, JsonObject b)
    {
        return JsonNode.DeepEquals(Timeless(a), Timeless(b));

        static JsonArray Timeless(JsonObject obj) => new([.. obj.Items("metadata", "managedFields").Select(e =>
        {
            var copy = e.Copy();
            copy.Remove("time");
            return (JsonNode)copy;
        })]);
    }

    private static JsonNode? Merge(JsonNode? live, JsonNode? applied, MergeTopology at)
    {
        if (applied is JsonObject config && live is JsonObject current && !at.AtomicMap)
        {
            var result = current.Copy();
            foreach (var (name, value) in config)
                result[name] = Merge(current[name], value, at.Field(name));
            return result;
        }
        if (applied is JsonArray items && live is JsonArray existing && !at.Rule.IsAtomic)
        {
            var result = (JsonArray)existing.DeepClone();
            foreach (var item in items)
            {
                var same = result.FirstOrDefault(r => at.Rule.IsSet ? JsonNode.DeepEquals(r, item) : SameItem(r, item, at.Rule));
                if (same is null)
                    result.Add(item?.DeepClone());
                else if (at.Rule.IsMap)
                    result[result.IndexOf(same)] = Merge(same.DeepClone(), item, at.Item);
            }
            return result;
        }
        return applied?.DeepClone();
    }

    private static bool SameItem(JsonNode? a, JsonNode? b, ListRule rule) =>
        rule.Keys.All(k => JsonNode.DeepEquals(a.Find(k), b.Find(k)) || (k == "protocol" && (a.Find(k) is null || b.Find(k) is null)));

    private static void AddTo(List<JsonObject> entries, ResourceType type, WriteOptions options, string operation, string now, Func<FieldSet, FieldSet> change)
    {
        var entry = entries.FirstOrDefault(e => IsMine(e, options, operation));
        if (entry is null)
        {
            entry = new JsonObject { ["manager"] = options.FieldManager, ["operation"] = operation };
            entries.Add(entry);
        }
        var fields = change(entry.FindObject("fieldsV1") is { Count: > 0 } known ? FieldSet.Read(known) : new FieldSet());
        entry["apiVersion"] = type.GroupVersion;
        entry["time"] = now;
        entry["fieldsType"] = "FieldsV1";
        entry["fieldsV1"] = fields.Write();
        if (options.Subresource.Length > 0)
            entry["subresource"] = options.Subresource;
    }

    private static bool IsMine(JsonObject entry, WriteOptions options, string operation) =>
        entry.Text("manager") == options.FieldManager && entry.Text("operation") == operation && entry.Text("subresource") == options.Subresource;

    private static void Write(JsonObject obj, List<JsonObject> entries)
    {
        var kept = entries.Where(e => e.FindObject("fieldsV1") is { Count: > 0 }).ToList();
        if (kept.Count == 0)
            obj.Meta().Remove("managedFields");
        else
            obj.Meta()["managedFields"] = new JsonArray([.. kept.Select(e => (JsonNode)e.DeepClone())]);
    }

    private static JsonObject? Strip(JsonObject? obj, ResourceType type, string subresource)
    {
        if (obj is null)
            return null;
        var copy = obj.Copy();
        copy.Remove("apiVersion");
        copy.Remove("kind");
        if (copy["metadata"] is JsonObject meta)
        {
            foreach (var field in ServerFields)
                meta.Remove(field);
            if (meta.Count == 0)
                copy.Remove("metadata");
        }
        if (subresource == "status")
        {
            foreach (var field in copy.Select(p => p.Key).Where(k => k != "status").ToList())
                copy.Remove(field);
        }
        else if (type.HasStatus)
            copy.Remove("status");
        return copy;
    }

    private static ApiException Conflict(List<(string Manager, string Path)> conflicts)
    {
        var causes = new JsonArray([.. conflicts.Select(c => (JsonNode)new JsonObject { ["reason"] = "FieldManagerConflict", ["message"] = $"conflict with {c.Manager}", ["field"] = c.Path })]);
        var count = conflicts.Count == 1 ? "1 conflict" : $"{conflicts.Count} conflicts";
        var text = string.Join(", ", conflicts.Select(c => $"conflict with {c.Manager}: {c.Path}"));
        return new ApiException(409, "Conflict", $"Apply failed with {count}: {text}", new JsonObject { ["causes"] = causes });
    }
}
