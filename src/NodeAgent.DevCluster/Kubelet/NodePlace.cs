namespace NodeAgent.DevCluster.Kubelet;

/// <summary>Which node a kubelet stands in for; one that starts no pods still removes those that are deleted.</summary>
internal sealed record NodePlace(string Name, int Index, bool StartsPods);
