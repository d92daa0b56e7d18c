namespace NodeAgent.Kubernetes.Velero;

/// <summary>States of a DeleteBackupRequest. Strings, so that a value this version does not know survives.</summary>
public static class DeleteBackupRequestPhase
{
    public const string New = "New";

    public const string InProgress = "InProgress";

    public const string Processed = "Processed";
}
