namespace NodeAgent.Kubernetes.Connection;

/// <summary>There is no way to a cluster, or the one named cannot be used. The message is one line that says what, where and what to do.</summary>
public sealed class ClusterConfigException : Exception
{
    public ClusterConfigException(string message)
        : base(message)
    {
    }

    public ClusterConfigException(string message, Exception cause)
        : base(message, cause)
    {
    }
}
