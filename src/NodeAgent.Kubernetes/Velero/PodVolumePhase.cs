namespace NodeAgent.Kubernetes.Velero;

/// <summary>States of volume backups and restores, uploads and downloads. Strings, so that a value this version does not know survives.</summary>
public static class PodVolumePhase
{
    public const string New = "New";

    public const string Accepted = "Accepted";

    public const string Prepared = "Prepared";

    public const string InProgress = "InProgress";

    public const string Canceling = "Canceling";

    public const string Canceled = "Canceled";

    public const string Completed = "Completed";

    public const string Failed = "Failed";
}
