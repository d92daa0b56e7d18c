using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Patching;

namespace NodeAgent.DevCluster.FieldOwnership;

/// <summary>A set of field paths, in the shape of the API's FieldsV1: f:name, k:{keys of an item}, v:value, and "." for the item itself.</summary>
internal sealed class FieldSet
{
    private readonly SortedDictionary<string, FieldSet> _children = new(StringComparer.Ordinal);
    private bool _member;

    public bool IsEmpty => !_member && _children.Count == 0;

    public static FieldSet Read(JsonObject fields)
    {
        var set = new FieldSet();
        foreach (var (step, child) in fields)
        {
            if (step == ".")
                set._member = true;
            else
                set._children[step] = Read(child as JsonObject ?? []);
        }
        // An empty object is a leaf, which is a member without children.
        if (set._children.Count == 0)
            set._member = true;
        return set;
    }

    public JsonObject Write()
    {
        var fields = new JsonObject();
        if (_member && _children.Count > 0)
            fields["."] = new JsonObject();
        foreach (var (step, child) in _children)
            fields[step] = child.Write();
        return fields;
    }

    /// <summary>The fields that an object sets.</summary>
    public static FieldSet Of(JsonNode? node, MergeTopology at)
    {
        var set = new FieldSet();
        if (node is JsonObject { Count: > 0 } obj && !at.AtomicMap)
        {
            foreach (var (name, value) in obj)
                set._children["f:" + name] = Of(value, at.Field(name));
        }
        else if (node is JsonArray { Count: > 0 } list && !at.Rule.IsAtomic)
        {
            foreach (var item in list)
            {
                var child = at.Rule.IsSet ? new FieldSet() : Of(item, at.Item);
                child._member = true;
                set._children[Step(item, at.Rule)] = child;
            }
        }
        else
            set._member = true;
        return set;
    }

    /// <summary>The fields of a new object that are absent from the old one or have another value there.</summary>
    public static FieldSet Changed(JsonNode? old, JsonNode? now, MergeTopology at)
    {
        var set = new FieldSet();
        if (JsonNode.DeepEquals(old, now))
            return set;
        if (now is JsonObject { Count: > 0 } obj && old is JsonObject or null && !at.AtomicMap)
        {
            foreach (var (name, value) in obj)
                set.Attach("f:" + name, old is JsonObject was && was.ContainsKey(name) ? Changed(was[name], value, at.Field(name)) : Of(value, at.Field(name)));
        }
        else if (now is JsonArray { Count: > 0 } list && old is JsonArray or null && !at.Rule.IsAtomic)
        {
            foreach (var item in list)
            {
                var step = Step(item, at.Rule);
                var before = (old as JsonArray)?.FirstOrDefault(o => Step(o, at.Rule) == step);
                if (before is not null && at.Rule.IsSet)
                    continue;
                var child = at.Rule.IsSet ? new FieldSet { _member = true } : before is null ? Of(item, at.Item) : Changed(before, item, at.Item);
                if (before is null)
                    child._member = true;
                set.Attach(step, child);
            }
        }
        else
            set._member = true;
        return set;
    }

    public FieldSet Union(FieldSet other) => Combine(other, (a, b) => a || b);

    public FieldSet Except(FieldSet other) => Combine(other, (a, b) => a && !b);

    public FieldSet Intersect(FieldSet other) => Combine(other, (a, b) => a && b);

    /// <summary>Every member as a readable path, with the values found there in two objects.</summary>
    public IEnumerable<(string Path, JsonNode? Left, JsonNode? Right, bool Leaf)> Walk(JsonNode? left, JsonNode? right, MergeTopology at, string path = "")
    {
        if (_member)
            yield return (path, left, right, _children.Count == 0);
        foreach (var (step, child) in _children)
        {
            var (l, below, shown) = Enter(left, step, at);
            var (r, _, _) = Enter(right, step, at);
            foreach (var found in child.Walk(l, r, below, path + shown))
                yield return found;
        }
    }

    /// <summary>Takes the members out of an object; items and maps that this empties stay unless they are members too.</summary>
    public void RemoveFrom(JsonNode? node, MergeTopology at)
    {
        foreach (var (step, child) in _children)
        {
            var (value, below, _) = Enter(node, step, at);
            child.RemoveFrom(value, below);
            if (!child._member)
            {
                // A map whose every field this removed goes with them.
                if (node is JsonObject parent && value is JsonObject { Count: 0 } or JsonArray { Count: 0 } && step.StartsWith("f:", StringComparison.Ordinal))
                    ((JsonObject)node!).Remove(step[2..]);
                continue;
            }
            if (node is JsonObject obj && step.StartsWith("f:", StringComparison.Ordinal))
                obj.Remove(step[2..]);
            else if (node is JsonArray list && list.FirstOrDefault(i => Step(i, at.Rule) == step) is { } item)
                list.Remove(item);
        }
    }

    private static (JsonNode? Value, MergeTopology Below, string Shown) Enter(JsonNode? node, string step, MergeTopology at)
    {
        if (step.StartsWith("f:", StringComparison.Ordinal))
            return (node.Find(step[2..]), at.Field(step[2..]), "." + step[2..]);
        var item = node is JsonArray list ? list.FirstOrDefault(i => Step(i, at.Rule) == step) : null;
        var shown = step[2..];
        if (step.StartsWith("k:", StringComparison.Ordinal) && JsonNode.Parse(shown) is JsonObject keys)
            shown = string.Join(',', keys.Select(k => $"{k.Key}={k.Value?.ToJsonString()}"));
        return (item, at.Item, $"[{shown}]");
    }

    private static string Step(JsonNode? item, ListRule rule)
    {
        if (!rule.IsMap || item is not JsonObject obj)
            return "v:" + (item?.ToJsonString() ?? "null");
        var keys = new JsonObject();
        foreach (var key in rule.Keys.Order(StringComparer.Ordinal))
        {
            if (obj[key] is { } value)
                keys[key] = value.DeepClone();
            else if (key == "protocol")
                keys[key] = "TCP";
        }
        return "k:" + keys.ToJsonString();
    }

    private void Attach(string step, FieldSet child)
    {
        if (!child.IsEmpty)
            _children[step] = child;
    }

    private FieldSet Combine(FieldSet other, Func<bool, bool, bool> keep)
    {
        var result = new FieldSet { _member = keep(_member, other._member) };
        var empty = new FieldSet();
        foreach (var step in _children.Keys.Union(other._children.Keys))
            result.Attach(step, _children.GetValueOrDefault(step, empty).Combine(other._children.GetValueOrDefault(step, empty), keep));
        return result;
    }
}
