namespace NodeAgent.Kubernetes.Velero;

/// <summary>States of a Restore. Strings, so that a value this version does not know survives.</summary>
public static class RestorePhase
{
    public const string New = "New";

    public const string FailedValidation = "FailedValidation";

    public const string InProgress = "InProgress";

    public const string WaitingForPluginOperations = "WaitingForPluginOperations";

    public const string WaitingForPluginOperationsPartiallyFailed = "WaitingForPluginOperationsPartiallyFailed";

    public const string Completed = "Completed";

    public const string PartiallyFailed = "PartiallyFailed";

    public const string Failed = "Failed";

    public const string Finalizing = "Finalizing";

    public const string FinalizingPartiallyFailed = "FinalizingPartiallyFailed";
}
