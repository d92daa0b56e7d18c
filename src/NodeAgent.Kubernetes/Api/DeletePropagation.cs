namespace NodeAgent.Kubernetes.Api;

/// <summary>What becomes of the objects that a deleted one owns.</summary>
public enum DeletePropagation
{
    Background,
    Foreground,
    Orphan,
}
