using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster;

/// <summary>A reference to a ConfigMap in the server's namespace.</summary>
internal static class ConfigMapReference
{
    public static JsonObject To(string name) => new() { ["kind"] = "configmap", ["name"] = name };
}
