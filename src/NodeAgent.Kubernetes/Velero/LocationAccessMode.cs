namespace NodeAgent.Kubernetes.Velero;

/// <summary>Access modes of a backup location. Strings, so that a value this version does not know survives.</summary>
public static class LocationAccessMode
{
    public const string ReadOnly = "ReadOnly";

    public const string ReadWrite = "ReadWrite";
}
