namespace NodeAgent.Kubernetes.Velero;

/// <summary>States of a Schedule. Strings, so that a value this version does not know survives.</summary>
public static class SchedulePhase
{
    public const string New = "New";

    public const string Enabled = "Enabled";

    public const string FailedValidation = "FailedValidation";
}
