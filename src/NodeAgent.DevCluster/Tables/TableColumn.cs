using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Tables;

/// <summary>A column of a table; those with a priority above 0 are shown only in wide output.</summary>
internal sealed record TableColumn(string Name, Func<JsonObject, JsonNode?> Cell, int Priority = 0, string Type = "string", string Format = "", string Description = "");
