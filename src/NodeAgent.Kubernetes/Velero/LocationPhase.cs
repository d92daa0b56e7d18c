namespace NodeAgent.Kubernetes.Velero;

/// <summary>States of a backup or snapshot location. Strings, so that a value this version does not know survives.</summary>
public static class LocationPhase
{
    public const string Available = "Available";

    public const string Unavailable = "Unavailable";
}
