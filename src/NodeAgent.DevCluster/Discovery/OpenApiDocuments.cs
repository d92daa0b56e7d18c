using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;

namespace NodeAgent.DevCluster.Discovery;

/// <summary>
/// OpenAPI documents as far as kubectl reads them: that PATCH takes fieldValidation (so validation is the server's), and the
/// schemas of custom resources for kubectl explain. Built-in kinds are described as objects with open fields only.
/// </summary>
internal sealed class OpenApiDocuments(ResourceRegistry registry)
{
    public JsonObject Index()
    {
        var paths = new JsonObject();
        foreach (var gv in registry.Types.Select(t => t.GroupVersion).Distinct())
        {
            var path = gv.Contains('/') ? $"apis/{gv}" : $"api/{gv}";
            paths[path] = new JsonObject { ["serverRelativeURL"] = $"/openapi/v3/{path}" };
        }
        return new JsonObject { ["paths"] = paths };
    }

    /// <returns>Null when nothing is served under that group and version.</returns>
    public JsonObject? Of(string groupVersion)
    {
        var types = registry.Types.Where(t => t.GroupVersion == groupVersion).ToList();
        if (types.Count == 0)
            return null;
        var paths = new JsonObject();
        var schemas = new JsonObject();
        foreach (var type in types)
        {
            var root = groupVersion.Contains('/') ? $"/apis/{groupVersion}" : $"/api/{groupVersion}";
            var collection = type.Namespaced ? $"{root}/namespaces/{{namespace}}/{type.Plural}" : $"{root}/{type.Plural}";
            var name = SchemaName(type);
            paths[collection] = new JsonObject { ["get"] = Operation(type, "list", name), ["post"] = Operation(type, "post", name) };
            paths[collection + "/{name}"] = new JsonObject
            {
                ["get"] = Operation(type, "get", name),
                ["put"] = Operation(type, "put", name),
                ["patch"] = Operation(type, "patch", name),
                ["delete"] = Operation(type, "delete", name),
            };
            schemas[name] = Schema(type);
        }
        return new JsonObject
        {
            ["openapi"] = "3.0.0",
            ["info"] = new JsonObject { ["title"] = "NodeAgent DevCluster", ["version"] = DevClusterVersion.Kubernetes },
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = schemas },
        };
    }

    public static JsonObject Version2() => new()
    {
        ["swagger"] = "2.0",
        ["info"] = new JsonObject { ["title"] = "NodeAgent DevCluster", ["version"] = DevClusterVersion.Kubernetes },
        ["paths"] = new JsonObject(),
        ["definitions"] = new JsonObject(),
    };

    private static JsonObject Operation(ResourceType type, string action, string schema)
    {
        var operation = new JsonObject
        {
            ["operationId"] = $"{action}{type.Kind}",
            ["parameters"] = new JsonArray([.. ((string[])["dryRun", "fieldManager", "fieldValidation"]).Select(p => (JsonNode)new JsonObject
            {
                ["name"] = p, ["in"] = "query", ["schema"] = new JsonObject { ["type"] = "string", ["uniqueItems"] = true },
            })]),
            ["responses"] = new JsonObject
            {
                ["200"] = new JsonObject
                {
                    ["description"] = "OK",
                    ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = new JsonObject { ["$ref"] = "#/components/schemas/" + schema } } },
                },
            },
            ["x-kubernetes-action"] = action,
            ["x-kubernetes-group-version-kind"] = GroupVersionKind(type),
        };
        return operation;
    }

    private static JsonObject Schema(ResourceType type)
    {
        var schema = type.Schema?.Copy() ?? new JsonObject
        {
            ["type"] = "object",
            ["description"] = $"{type.Kind}; the fields of built-in kinds are not described by this server.",
            ["properties"] = new JsonObject { ["spec"] = new JsonObject { ["type"] = "object" }, ["status"] = new JsonObject { ["type"] = "object" } },
        };
        var properties = schema.Child("properties");
        properties["apiVersion"] = new JsonObject { ["type"] = "string", ["description"] = "The version of this representation of the object." };
        properties["kind"] = new JsonObject { ["type"] = "string", ["description"] = "The kind of the object." };
        properties["metadata"] = new JsonObject { ["type"] = "object", ["description"] = "Standard object's metadata." };
        schema["x-kubernetes-group-version-kind"] = new JsonArray(GroupVersionKind(type));
        return schema;
    }

    private static JsonObject GroupVersionKind(ResourceType type) => new() { ["group"] = type.Group, ["version"] = type.Version, ["kind"] = type.Kind };

    private static string SchemaName(ResourceType type) =>
        string.Join('.', (type.Group.Length == 0 ? "core" : type.Group).Split('.').Reverse()) + $".{type.Version}.{type.Kind}";
}
