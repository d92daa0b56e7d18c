using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;

namespace NodeAgent.DevCluster.Patching;

/// <summary>
/// Strategic merge patch, with its directives $patch (replace, delete, merge), $deleteFromPrimitiveList, $retainKeys and
/// $setElementOrder. A keyed list merges by the first key alone, as that patch form does.
/// </summary>
internal static class StrategicMergePatch
{
    private const string Directive = "$patch";
    private const string DeleteFromPrimitive = "$deleteFromPrimitiveList/";
    private const string ElementOrder = "$setElementOrder/";

    /// <exception cref="FormatException">The patch does not fit the object.</exception>
    public static JsonNode? Apply(JsonNode? target, JsonNode? patch, MergeTopology at)
    {
        if (patch is not JsonObject changes)
            return patch?.DeepClone();
        switch (changes.Text(Directive))
        {
            case "replace":
                var whole = changes.Copy();
                whole.Remove(Directive);
                return whole;
            case "delete":
                return null;
        }
        var result = target is JsonObject existing ? existing.Copy() : [];
        if (changes["$retainKeys"] is JsonArray retained)
        {
            var keep = retained.Select(k => k.Text()).ToHashSet();
            foreach (var name in result.Select(p => p.Key).Where(k => !keep.Contains(k)).ToList())
                result.Remove(name);
        }
        foreach (var (name, value) in changes)
        {
            if (name is Directive or "$retainKeys" || name.StartsWith(ElementOrder, StringComparison.Ordinal))
                continue;
            if (name.StartsWith(DeleteFromPrimitive, StringComparison.Ordinal))
            {
                if (result[name[DeleteFromPrimitive.Length..]] is JsonArray list)
                    RemoveValues(list, value as JsonArray ?? []);
                continue;
            }
            if (value is null)
            {
                result.Remove(name);
                continue;
            }
            var child = at.Field(name);
            var merged = value is JsonArray items ? MergeList(result[name] as JsonArray, items, child) : Apply(result[name], value, child);
            if (merged is null)
                result.Remove(name);
            else
                result[name] = merged;
        }
        foreach (var (name, order) in changes.Where(p => p.Key.StartsWith(ElementOrder, StringComparison.Ordinal)))
        {
            var field = name[ElementOrder.Length..];
            if (result[field] is JsonArray list && order is JsonArray wanted)
                result[field] = Sort(list, wanted, at.Field(field).Rule);
        }
        return result;
    }

    private static JsonArray MergeList(JsonArray? target, JsonArray patch, MergeTopology at)
    {
        var rule = at.Rule;
        if (target is null || rule.IsAtomic || patch.OfType<JsonObject>().Any(i => i.Text(Directive) == "replace"))
        {
            var kept = patch.Where(i => i.Text(Directive) is not ("replace" or "delete")).Select(i => i?.DeepClone());
            return [.. kept];
        }
        var result = (JsonArray)target.DeepClone();
        if (rule.IsSet)
        {
            foreach (var value in patch.Where(v => !result.Any(r => JsonNode.DeepEquals(r, v))))
                result.Add(value?.DeepClone());
            return result;
        }
        var key = rule.Keys[0];
        foreach (var item in patch.OfType<JsonObject>())
        {
            if (item[key] is not { } id)
                throw new FormatException($"map: {item.ToJsonString()} does not contain declared merge key: {key}");
            var index = IndexOf(result, key, id);
            if (item.Text(Directive) == "delete")
            {
                if (index >= 0)
                    result.RemoveAt(index);
                continue;
            }
            var merged = Apply(index < 0 ? null : result[index], item, at.Item);
            if (index < 0)
                result.Add(merged);
            else
                result[index] = merged;
        }
        return result;
    }

    private static JsonArray Sort(JsonArray list, JsonArray wanted, ListRule rule)
    {
        var items = list.Select(i => i?.DeepClone()).ToList();
        var ranked = items.Select((item, i) => (item, i, Rank: Rank(item))).ToList();
        // Items the order does not name stay behind the named ones, in their own order.
        return [.. ranked.OrderBy(r => r.Rank < 0 ? int.MaxValue : r.Rank).ThenBy(r => r.i).Select(r => r.item)];

        int Rank(JsonNode? item)
        {
            for (var i = 0; i < wanted.Count; i++)
            {
                if (rule.IsMap ? JsonNode.DeepEquals(item.Find(rule.Keys[0]), wanted[i].Find(rule.Keys[0])) : JsonNode.DeepEquals(item, wanted[i]))
                    return i;
            }
            return -1;
        }
    }

    private static int IndexOf(JsonArray list, string key, JsonNode id)
    {
        for (var i = 0; i < list.Count; i++)
        {
            if (JsonNode.DeepEquals(list[i].Find(key), id))
                return i;
        }
        return -1;
    }

    private static void RemoveValues(JsonArray list, JsonArray values)
    {
        for (var i = list.Count - 1; i >= 0; i--)
        {
            if (values.Any(v => JsonNode.DeepEquals(v, list[i])))
                list.RemoveAt(i);
        }
    }
}
