namespace NodeAgent.Kubernetes.Api;

public enum WatchEventType
{
    Added,
    Modified,
    Deleted,

    /// <summary>No change: only says up to which version everything was sent.</summary>
    Bookmark,
}
