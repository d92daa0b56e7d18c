using NodeAgent.Kubernetes;

namespace NodeAgent.Agent.Tests.Harness;

/// <summary>Reads fields of a status the short way.</summary>
internal static class KubernetesObjectText
{
    public static string Status(this KubernetesObject item, string field) => item.Status?[field]?.ToString() ?? "";

    public static string Phase(this KubernetesObject item) => item.Status("phase");
}
