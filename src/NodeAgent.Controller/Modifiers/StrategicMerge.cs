using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Modifiers;

/// <summary>
/// Kubernetes' strategic merge patch: as a merge patch, but lists of known types are merged item by item, and directives in the patch
/// ($patch, $retainKeys, $deleteFromPrimitiveList, $setElementOrder) say what a merge alone cannot.
/// </summary>
internal static class StrategicMerge
{
    private const string Directive = "$patch";
    private const string RetainKeys = "$retainKeys";
    private const string DeleteFromList = "$deleteFromPrimitiveList/";
    private const string Order = "$setElementOrder/";

    /// <summary>The patched object; the given one stays as it is.</summary>
    /// <exception cref="InvalidDataException">The patch does not fit the object's type.</exception>
    public static JsonObject Apply(JsonObject item, JsonObject patch)
    {
        var type = PatchSchema.TypeOf(item.Text("apiVersion"), item.Text("kind"))
            ?? throw new InvalidDataException($"strategic patches are for Kubernetes' own types, and {item.Text("apiVersion")} {item.Text("kind")} is none; use mergePatches");
        return MergeObject((JsonObject)item.DeepClone(), (JsonObject)patch.DeepClone(), type, "");
    }

    private static JsonObject MergeObject(JsonObject original, JsonObject patch, string? type, string path)
    {
        if (patch.Text(Directive) is { } directive)
        {
            patch.Remove(Directive);
            switch (directive)
            {
                case "replace":
                    return (JsonObject)Clean(patch)!;
                case "delete":
                    return [];
                case "merge":
                    break;
                default:
                    throw new InvalidDataException($"{path}: {Directive} \"{directive}\" is none of merge, replace and delete");
            }
        }

        Retain(original, patch, path);
        foreach (var (name, value) in patch.ToList())
        {
            if (name.StartsWith(Order, StringComparison.Ordinal)) continue;
            if (name.StartsWith(DeleteFromList, StringComparison.Ordinal))
            {
                DeleteValues(original, name[DeleteFromList.Length..], value, path);
                continue;
            }

            if (value is null)
            {
                original.Remove(name);
                continue;
            }

            patch[name] = null;
            original[name] = MergeValue(original[name], value, patch[Order + name] as JsonArray, PatchSchema.Find(type, name), $"{path}/{name}");
        }

        foreach (var (name, order) in patch.Where(p => p.Key.StartsWith(Order, StringComparison.Ordinal)).ToList())
        {
            var field = name[Order.Length..];
            if (patch.ContainsKey(field) || original[field] is not JsonArray list || order is not JsonArray wanted) continue;
            original[field] = Arrange([.. list], wanted, [.. list], PatchSchema.Find(type, field).Key);
        }

        return original;
    }

    private static JsonNode? MergeValue(JsonNode? original, JsonNode value, JsonArray? order, PatchField field, string path) => (original, value) switch
    {
        (JsonObject o, JsonObject p) => field.Replaces ? Clean(p) : MergeObject((JsonObject)o.DeepClone(), p, field.Type, path),
        (null, JsonObject p) => MergeObject([], p, field.Type, path),
        (JsonArray o, JsonArray p) when field.IsSet => Arrange([.. o, .. p.Where(v => !Contains(o, v))], order ?? p, [.. o], null),
        (JsonArray o, JsonArray p) when field.Key is not null => MergeItems([.. o], p, order, field, path),
        (null, JsonArray p) when field.Key is not null => MergeItems([], p, order, field, path),
        _ => Clean(value),
    };

    private static JsonArray MergeItems(List<JsonNode?> original, JsonArray patch, JsonArray? order, PatchField field, string path)
    {
        var additions = new List<JsonObject>();
        var replaces = false;
        var merged = original.ToList();
        foreach (var node in patch.ToList())
        {
            var item = node as JsonObject ?? throw new InvalidDataException($"{path}: each item must be an object with its {field.Key}");
            var directive = item.Text(Directive);
            item.Remove(Directive);
            if (directive == "replace")
            {
                // Stands for the list, whatever else it says: the other items of the patch are all that is left.
                replaces = true;
                continue;
            }

            if (item[field.Key!] is not { } key) throw new InvalidDataException($"{path}: an item of the patch has no {field.Key}, by which the list is merged");
            if (directive == "delete") merged.RemoveAll(m => JsonNode.DeepEquals(m.At(field.Key!), key));
            else if (directive is null or "merge") additions.Add(item);
            else throw new InvalidDataException($"{path}: {Directive} \"{directive}\" is none of merge, replace and delete");
        }

        if (replaces) merged.Clear();
        foreach (var item in additions)
        {
            var at = merged.FindIndex(m => JsonNode.DeepEquals(m.At(field.Key!), item[field.Key!]));
            var result = MergeObject(at < 0 ? [] : (JsonObject)merged[at]!.DeepClone(), (JsonObject)item.DeepClone(), field.Type, $"{path}/{item[field.Key!]}");
            if (at < 0) merged.Add(result);
            else merged[at] = result;
        }

        if (replaces) return new JsonArray([.. merged.Select(m => m?.DeepClone())]);
        return Arrange(merged, order ?? new JsonArray([.. additions.Select(a => a.DeepClone())]), original, field.Key);
    }

    /// <summary>
    /// What the patch names keeps the patch's order, the rest the object's; where the object does not say which of two comes first, it is the
    /// patch's item. So new items come before those that were there.
    /// </summary>
    private static JsonArray Arrange(List<JsonNode?> merged, JsonArray order, List<JsonNode?> before, string? key)
    {
        int Find(IReadOnlyList<JsonNode?> list, JsonNode? item)
        {
            for (var i = 0; i < list.Count; i++)
            {
                if (key is null ? JsonNode.DeepEquals(list[i], item) : JsonNode.DeepEquals(list[i].At(key), item.At(key))) return i;
            }

            return -1;
        }

        var wanted = order.ToList();
        var named = new Queue<JsonNode?>(merged.Where(m => Find(wanted, m) >= 0).OrderBy(m => Find(wanted, m)));
        var rest = new Queue<JsonNode?>(merged.Where(m => Find(wanted, m) < 0));
        var result = new JsonArray();
        while (named.Count + rest.Count > 0)
        {
            var restFirst = named.Count == 0 || (rest.Count > 0 && Find(before, rest.Peek()) is >= 0 and var r && Find(before, named.Peek()) is >= 0 and var n && r < n);
            result.Add((restFirst ? rest : named).Dequeue()?.DeepClone());
        }

        return result;
    }

    private static void Retain(JsonObject original, JsonObject patch, string path)
    {
        if (!patch.ContainsKey(RetainKeys)) return;
        var kept = (patch[RetainKeys] as JsonArray ?? throw new InvalidDataException($"{path}: {RetainKeys} is no list")).Select(k => k?.ToString() ?? "").ToHashSet(StringComparer.Ordinal);
        patch.Remove(RetainKeys);
        var outside = patch.FirstOrDefault(p => p.Value is not null && !p.Key.StartsWith('$') && !kept.Contains(p.Key)).Key;
        if (outside is not null) throw new InvalidDataException($"{path}: the patch sets {outside}, which its {RetainKeys} does not name");
        foreach (var (name, _) in original.ToList().Where(p => !kept.Contains(p.Key))) original.Remove(name);
    }

    private static void DeleteValues(JsonObject original, string field, JsonNode? values, string path)
    {
        if (values is not JsonArray list) throw new InvalidDataException($"{path}: {DeleteFromList}{field} is no list");
        if (original[field] is not JsonArray from) return;
        original[field] = new JsonArray([.. from.Where(v => !Contains(list, v)).Select(v => v?.DeepClone())]);
    }

    private static bool Contains(JsonArray list, JsonNode? value) => list.Any(v => JsonNode.DeepEquals(v, value));

    /// <summary>A value of the patch where there was none: without directives, nulls in objects, and items that it would have deleted.</summary>
    private static JsonNode? Clean(JsonNode? value)
    {
        switch (value)
        {
            case JsonObject o:
                return new JsonObject(o.Where(p => p.Value is not null && !p.Key.StartsWith('$')).Select(p => KeyValuePair.Create(p.Key, Clean(p.Value))));
            case JsonArray a:
                var kept = a.Where(v => v.Text(Directive) != "delete" && !(v is JsonObject { Count: 1 } only && only.ContainsKey(Directive)));
                return new JsonArray([.. kept.Select(Clean)]);
            default:
                return value?.DeepClone();
        }
    }
}
