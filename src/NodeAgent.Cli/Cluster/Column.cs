using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster;

/// <summary>One column of `get`; the value may depend on the present time, as an age does.</summary>
internal sealed record Column(string Name, Func<JsonObject, DateTimeOffset, string> Value);
