namespace NodeAgent.Kubernetes.Velero;

/// <summary>States of a BackupRepository. Strings, so that a value this version does not know survives.</summary>
public static class BackupRepositoryPhase
{
    public const string New = "New";

    public const string Ready = "Ready";

    public const string NotReady = "NotReady";
}
