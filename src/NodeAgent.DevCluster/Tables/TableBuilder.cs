using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;

namespace NodeAgent.DevCluster.Tables;

/// <summary>Shows objects as the tables that kubectl prints.</summary>
internal sealed class TableBuilder(TimeProvider time)
{
    public JsonObject Build(ResourceType type, IReadOnlyList<JsonObject> items, JsonObject meta, string includeObject)
    {
        var columns = Columns(type);
        return new JsonObject
        {
            ["kind"] = "Table",
            ["apiVersion"] = "meta.k8s.io/v1",
            ["metadata"] = meta,
            ["columnDefinitions"] = new JsonArray([.. columns.Select(c => (JsonNode)new JsonObject
            {
                ["name"] = c.Name, ["type"] = c.Type, ["format"] = c.Format, ["description"] = c.Description, ["priority"] = c.Priority,
            })]),
            ["rows"] = new JsonArray([.. items.Select(item => (JsonNode)Row(columns, item, includeObject))]),
        };
    }

    private static JsonObject Row(IReadOnlyList<TableColumn> columns, JsonObject item, string includeObject)
    {
        var row = new JsonObject { ["cells"] = new JsonArray([.. columns.Select(c => c.Cell(item))]) };
        if (includeObject != "None")
            row["object"] = includeObject == "Object" ? item.DeepClone() : ApiResponses.Partial(item);
        return row;
    }

    private IReadOnlyList<TableColumn> Columns(ResourceType type)
    {
        var name = new TableColumn("Name", o => o.Name(), Format: "name", Description: "Name must be unique within a namespace.");
        var age = new TableColumn("Age", o => Age(o.Text("metadata", "creationTimestamp")), Description: "Time since creation.");
        if (!type.IsCustom)
            return BuiltinColumns.Of(type, name, age, Age);
        if (type.Definition?["additionalPrinterColumns"] is not JsonArray { Count: > 0 } printed)
            return [name, age];
        return [name, .. printed.OfType<JsonObject>().Select(Custom)];
    }

    private TableColumn Custom(JsonObject column) => new(
        column.Text("name"),
        o => CustomCell(o, column.Text("jsonPath"), column.Text("type")),
        (int)column.Number(0, "priority"),
        column.Text("type"),
        column.Text("format"),
        column.Text("description"));

    private JsonNode? CustomCell(JsonObject obj, string path, string type)
    {
        var found = JsonPath.Evaluate(obj, path);
        if (found.Count == 0)
            return null;
        var first = found[0];
        return type switch
        {
            "date" => Age(first.Text()),
            "integer" or "number" or "boolean" => first is JsonValue ? first.DeepClone() : null,
            _ => JsonValue.Create(string.Join(',', found.Select(n => n.GetValueKind() == JsonValueKind.String ? n.Text() : n.ToJsonString()))),
        };
    }

    private JsonNode Age(string timestamp) =>
        JsonValue.Create(ApiTime.TryParse(timestamp, out var then) ? ApiTime.Age(time.GetUtcNow() - then) : "<unknown>");
}
