using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster;

/// <summary>Which Kubernetes version the embedded cluster resembles.</summary>
internal static class DevClusterVersion
{
    public const string Kubernetes = "v1.32.0";

    public static JsonObject Document() => new()
    {
        ["major"] = "1",
        ["minor"] = "32",
        ["gitVersion"] = Kubernetes + "-devcluster",
        ["gitCommit"] = "",
        ["gitTreeState"] = "clean",
        ["buildDate"] = "2025-01-01T00:00:00Z",
        ["goVersion"] = "",
        ["compiler"] = "dotnet",
        ["platform"] = "linux/amd64",
    };
}
