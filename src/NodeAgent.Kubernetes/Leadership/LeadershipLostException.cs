namespace NodeAgent.Kubernetes.Leadership;

/// <summary>The lease could not be renewed in time, or somebody else took it. The work was told to stop and has stopped.</summary>
public sealed class LeadershipLostException(string message) : Exception(message);
