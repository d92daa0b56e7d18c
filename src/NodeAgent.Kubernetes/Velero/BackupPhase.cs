namespace NodeAgent.Kubernetes.Velero;

/// <summary>States of a Backup. Strings, so that a value this version does not know survives.</summary>
public static class BackupPhase
{
    public const string New = "New";

    public const string Queued = "Queued";

    public const string ReadyToStart = "ReadyToStart";

    public const string FailedValidation = "FailedValidation";

    public const string InProgress = "InProgress";

    public const string WaitingForPluginOperations = "WaitingForPluginOperations";

    public const string WaitingForPluginOperationsPartiallyFailed = "WaitingForPluginOperationsPartiallyFailed";

    public const string Finalizing = "Finalizing";

    public const string FinalizingPartiallyFailed = "FinalizingPartiallyFailed";

    public const string Completed = "Completed";

    public const string PartiallyFailed = "PartiallyFailed";

    public const string Failed = "Failed";

    public const string Deleting = "Deleting";
}
