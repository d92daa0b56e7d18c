using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;

namespace NodeAgent.DevCluster.Patching;

/// <summary>JSON patch (RFC 6902).</summary>
internal static class JsonPatch
{
    /// <exception cref="FormatException">The patch is malformed, names a path that is not there, or a test in it fails.</exception>
    public static JsonNode? Apply(JsonNode target, JsonNode patch)
    {
        if (patch is not JsonArray operations)
            throw new FormatException("a JSON patch is an array of operations");
        // A holder makes the root an ordinary member.
        var root = new JsonObject { ["root"] = target.DeepClone() };
        foreach (var node in operations)
        {
            if (node is not JsonObject operation)
                throw new FormatException("an operation of a JSON patch is an object");
            var path = Parse(operation.Text("path"));
            switch (operation.Text("op"))
            {
                case "add":
                    Add(root, path, operation["value"]?.DeepClone());
                    break;
                case "remove":
                    Remove(root, path);
                    break;
                case "replace":
                    Remove(root, path);
                    Add(root, path, operation["value"]?.DeepClone());
                    break;
                case "move":
                    var moved = Get(root, Parse(operation.Text("from")))?.DeepClone();
                    Remove(root, Parse(operation.Text("from")));
                    Add(root, path, moved);
                    break;
                case "copy":
                    Add(root, path, Get(root, Parse(operation.Text("from")))?.DeepClone());
                    break;
                case "test":
                    if (!JsonNode.DeepEquals(Get(root, path), operation["value"]))
                        throw new FormatException($"testing value {operation.Text("path")} failed");
                    break;
                default:
                    throw new FormatException($"unknown operation \"{operation.Text("op")}\"");
            }
        }
        return root["root"]?.DeepClone();
    }

    private static string[] Parse(string pointer)
    {
        if (pointer.Length > 0 && pointer[0] != '/')
            throw new FormatException($"the path \"{pointer}\" does not start with /");
        return ["root", .. pointer.Split('/').Skip(1).Select(s => s.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];
    }

    private static JsonNode Parent(JsonNode root, string[] path)
    {
        JsonNode? node = root;
        foreach (var step in path.AsSpan(0, path.Length - 1))
            node = Step(node, step);
        return node ?? throw Missing(path);
    }

    private static JsonNode? Step(JsonNode? node, string step) => node switch
    {
        JsonObject obj => obj[step],
        JsonArray array when TryIndex(step, array.Count - 1, out var i) => array[i],
        _ => null,
    };

    private static JsonNode? Get(JsonNode root, string[] path) => Parent(root, path) switch
    {
        JsonObject obj when obj.ContainsKey(path[^1]) => obj[path[^1]],
        JsonArray array when TryIndex(path[^1], array.Count - 1, out var i) => array[i],
        _ => throw Missing(path),
    };

    private static void Add(JsonNode root, string[] path, JsonNode? value)
    {
        switch (Parent(root, path))
        {
            case JsonObject obj:
                obj[path[^1]] = value;
                break;
            case JsonArray array when path[^1] == "-":
                array.Add(value);
                break;
            case JsonArray array when TryIndex(path[^1], array.Count, out var i):
                array.Insert(i, value);
                break;
            default:
                throw Missing(path);
        }
    }

    private static void Remove(JsonNode root, string[] path)
    {
        switch (Parent(root, path))
        {
            case JsonObject obj when obj.Remove(path[^1]):
                break;
            case JsonArray array when TryIndex(path[^1], array.Count - 1, out var i):
                array.RemoveAt(i);
                break;
            default:
                throw Missing(path);
        }
    }

    private static bool TryIndex(string text, int last, out int index) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out index) && index <= last;

    private static FormatException Missing(string[] path) => new($"the path \"/{string.Join('/', path.Skip(1))}\" does not exist");
}
