namespace NodeAgent.Kubernetes.Velero;

/// <summary>States of a ServerStatusRequest. Strings, so that a value this version does not know survives.</summary>
public static class ServerStatusRequestPhase
{
    public const string New = "New";

    public const string Processed = "Processed";
}
