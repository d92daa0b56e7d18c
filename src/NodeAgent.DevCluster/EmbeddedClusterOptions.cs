using System.Net;

namespace NodeAgent.DevCluster;

/// <summary>How an <see cref="EmbeddedCluster"/> starts.</summary>
public sealed record EmbeddedClusterOptions
{
    /// <summary>Where the kubeconfig and the nodes' directories go. Created when absent; what the cluster made there is removed when it is disposed.</summary>
    public required string Directory { get; init; }

    /// <summary>The names of the nodes; each has a stand-in kubelet.</summary>
    public IReadOnlyList<string> Nodes { get; init; } = ["node-1"];

    /// <summary>A directory of YAML files (definitions first, then anything else) applied at start, after the embedded definitions.</summary>
    public string? CrdDirectory { get; init; }

    /// <summary>The port; 0 for any free one.</summary>
    public int Port { get; init; }

    /// <summary>The address to listen on. There is no authentication, so it must be a loopback address.</summary>
    public IPAddress Listen { get; init; } = IPAddress.Loopback;

    /// <summary>How many changes a watch can go back before it gets 410 Expired.</summary>
    public int HistoryLength { get; init; } = 10_000;

    /// <summary>False leaves out kubelets and controllers: objects stay as they are written, deletion still cascades within namespaces.</summary>
    public bool RunNodes { get; init; } = true;

    /// <summary>False keeps volumes out of the mount table even with the right to mount: each moves to the one pod that uses it.</summary>
    public bool BindMounts { get; init; } = true;

    /// <summary>Answers <c>exec</c> into pods. Without it exec gets 501.</summary>
    public Func<PodExecRequest, CancellationToken, Task<PodExecResult>>? ExecHandler { get; init; }

    /// <summary>The clock of timestamps, ages and timeouts.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (!IPAddress.IsLoopback(Listen))
            errors.Add($"Listen: {Listen} is not a loopback address; this server has no authentication and serves its own machine only");
        if (Port is < 0 or > 65535)
            errors.Add($"Port: {Port} is not between 0 and 65535");
        if (Directory.Length == 0)
            errors.Add("Directory: a path is required");
        if (Nodes.Count == 0 || Nodes.Any(n => n.Length == 0 || n.AsSpan().ContainsAny('/', '\0') || n is "." or ".."))
            errors.Add("Nodes: at least one node name is required, without slashes");
        if (HistoryLength < 1)
            errors.Add("HistoryLength: at least 1 is required");
        return errors;
    }
}
