using System.Text.Json.Nodes;

namespace NodeAgent.Controller.Restores;

/// <summary>RFC 7396 merge patches between two versions of an object.</summary>
internal static class MergePatch
{
    /// <summary>The patch that turns one object into the other; empty when they are equal.</summary>
    public static JsonObject Between(JsonObject from, JsonObject to)
    {
        var patch = new JsonObject();
        foreach (var (name, value) in to)
        {
            var old = from[name];
            if (JsonNode.DeepEquals(old, value)) continue;
            patch[name] = old is JsonObject oldObject && value is JsonObject newObject ? Between(oldObject, newObject) : value?.DeepClone();
        }

        foreach (var (name, _) in from)
        {
            if (!to.ContainsKey(name)) patch[name] = null;
        }

        return patch;
    }

    /// <summary>The object with the patch applied; the given one stays as it is.</summary>
    public static JsonObject Apply(JsonObject target, JsonObject patch)
    {
        var result = (JsonObject)target.DeepClone();
        foreach (var (name, value) in patch)
        {
            if (value is null) result.Remove(name);
            else result[name] = value is JsonObject changes ? Apply(result[name] as JsonObject ?? [], changes) : value.DeepClone();
        }

        return result;
    }

    /// <summary>A service account of the cluster with what the backup has besides: secrets, labels, annotations.</summary>
    public static JsonObject MergeServiceAccounts(JsonObject inCluster, JsonObject fromBackup)
    {
        var merged = (JsonObject)inCluster.DeepClone();
        foreach (var list in new[] { "secrets", "imagePullSecrets" })
        {
            if (fromBackup[list] is not JsonArray additions) continue;
            if (merged[list] is not JsonArray target) merged[list] = target = [];
            foreach (var addition in additions.OfType<JsonObject>().Where(a => !target.OfType<JsonObject>().Any(t => JsonNode.DeepEquals(t["name"], a["name"]))))
            {
                target.Add((JsonNode)addition.DeepClone());
            }
        }

        foreach (var map in new[] { "labels", "annotations" })
        {
            if (fromBackup["metadata"]?[map] is not JsonObject additions) continue;
            if (merged["metadata"]![map] is not JsonObject target) merged["metadata"]![map] = target = [];
            foreach (var (key, value) in additions.Where(a => !target.ContainsKey(a.Key)).ToList()) target[key] = value?.DeepClone();
        }

        return merged;
    }
}
