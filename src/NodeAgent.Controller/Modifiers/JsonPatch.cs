using System.Text.Json.Nodes;

namespace NodeAgent.Controller.Modifiers;

/// <summary>Applies JSON patches (RFC 6902).</summary>
internal static class JsonPatch
{
    /// <summary>The patched document; null when a test in the patch does not hold, which leaves the document as it is.</summary>
    /// <exception cref="InvalidDataException">An operation cannot be done on this document.</exception>
    public static JsonObject? Apply(JsonObject document, IReadOnlyList<JsonPatchOperation> operations)
    {
        var result = (JsonObject)document.DeepClone();
        foreach (var operation in operations)
        {
            switch (operation.Name)
            {
                case "test":
                    if (!Holds(result, operation)) return null;
                    break;
                case "add":
                    Add(result, operation, operation.Value?.DeepClone());
                    break;
                case "replace":
                    Replace(result, operation);
                    break;
                case "remove":
                    Take(result, operation, operation.Path, remove: true);
                    break;
                case "copy":
                    Add(result, operation, Take(result, operation, operation.From!, remove: false));
                    break;
                default:
                    if (operation.Path.IsWithin(operation.From!)) throw Failed(operation, "it would move something into itself");
                    Add(result, operation, Take(result, operation, operation.From!, remove: true));
                    break;
            }
        }

        return result;
    }

    /// <summary>Whether the value at the operation's path is the operation's. What is not there equals null alone.</summary>
    public static bool Holds(JsonObject document, JsonPatchOperation operation)
    {
        var actual = operation.Path.Parent(document) switch
        {
            JsonObject o => o[operation.Path.Last],
            JsonArray a when JsonPointer.TryIndex(operation.Path.Last, a.Count, a.Count, out var index) => a[index],
            JsonArray => null,
            _ => null,
        };
        return JsonNode.DeepEquals(actual, operation.Value);
    }

    private static void Add(JsonObject document, JsonPatchOperation operation, JsonNode? value)
    {
        switch (operation.Path.Parent(document))
        {
            case JsonObject o:
                o[operation.Path.Last] = value;
                return;
            case JsonArray a when operation.Path.Last == "-":
                a.Add(value);
                return;
            case JsonArray a when JsonPointer.TryIndex(operation.Path.Last, a.Count + 1, a.Count + 1, out var index):
                a.Insert(index, value);
                return;
            case JsonArray a:
                throw Failed(operation, $"the list has {a.Count} items and no place {operation.Path.Last}");
            default:
                throw Failed(operation, "what it is to be put into does not exist");
        }
    }

    private static void Replace(JsonObject document, JsonPatchOperation operation)
    {
        switch (operation.Path.Parent(document))
        {
            case JsonObject o when o.ContainsKey(operation.Path.Last):
                o[operation.Path.Last] = operation.Value?.DeepClone();
                return;
            case JsonArray a when JsonPointer.TryIndex(operation.Path.Last, a.Count, a.Count, out var index):
                a[index] = operation.Value?.DeepClone();
                return;
            default:
                throw Failed(operation, "nothing is there");
        }
    }

    private static JsonNode? Take(JsonObject document, JsonPatchOperation operation, JsonPointer place, bool remove)
    {
        switch (place.Parent(document))
        {
            case JsonObject o when o.TryGetPropertyValue(place.Last, out var value):
                if (!remove) return value?.DeepClone();
                o.Remove(place.Last);
                return value;
            case JsonArray a when JsonPointer.TryIndex(place.Last, a.Count, a.Count, out var index):
                var item = a[index];
                if (!remove) return item?.DeepClone();
                a.RemoveAt(index);
                return item;
            default:
                throw Failed(operation, $"nothing is at {place}");
        }
    }

    private static InvalidDataException Failed(JsonPatchOperation operation, string reason) => new($"{operation}: {reason}");
}
