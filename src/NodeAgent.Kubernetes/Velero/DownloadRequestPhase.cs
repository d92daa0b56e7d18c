namespace NodeAgent.Kubernetes.Velero;

/// <summary>States of a DownloadRequest. Strings, so that a value this version does not know survives.</summary>
public static class DownloadRequestPhase
{
    public const string New = "New";

    public const string Processed = "Processed";

    public const string Failed = "Failed";
}
