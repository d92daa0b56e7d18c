namespace NodeAgent.Kubernetes.Watching;

public enum InformerEventType
{
    Added,
    Modified,
    Deleted,
}
