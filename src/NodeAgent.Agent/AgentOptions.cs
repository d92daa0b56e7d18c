using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Agent;

/// <summary>Settings of the agent of one node.</summary>
public sealed record AgentOptions
{
    /// <summary>Namespace whose PodVolumeBackups and PodVolumeRestores this agent works on (--namespace).</summary>
    public string Namespace { get; init; } = VeleroResources.DefaultNamespace;

    /// <summary>The node that this agent runs on, by its name in the cluster (--node-name, or NODE_NAME).</summary>
    public required string NodeName { get; init; }

    /// <summary>Where the kubelet's pods directory is mounted: a directory per pod UID (--host-pods).</summary>
    public string HostPods { get; init; } = "/host_pods";

    /// <summary>Volumes that are backed up at once, and apart from them volumes that are restored at once (--concurrency).</summary>
    public int Concurrency { get; init; } = 1;

    /// <summary>
    /// Take volumes that are plain directories where something should be mounted, as a cluster in a process has them where it may not mount
    /// (--accept-plain-directories). On a node such a directory is a volume that is not mounted, and its backup would be empty.
    /// </summary>
    public bool AcceptsPlainDirectories { get; init; }

    /// <summary>Where the control groups are mounted, which say how much memory the agent may have.</summary>
    public string ControlGroups { get; init; } = "/sys/fs/cgroup";

    /// <summary>How often the progress of a run is written into its object, if it moved. Each agent of the cluster hears of each of them.</summary>
    public TimeSpan ProgressInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the node's lease is renewed. The controller takes a node that is silent for 40 s as not served.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the repository of a location stays open after a run for the runs that follow. Zero closes it with its last run.</summary>
    public TimeSpan RepositoryIdle { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long runs in hand go on when the process is told to end. One that is nearly done is done then; of any other the next agent of the node finds
    /// what was stored. An update of the DaemonSet waits for it on each node.
    /// </summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long runs then have for ending and for writing their ends into their objects, store and API server willing or not. A kubelet gives the agent's
    /// pod 60 s for all of it.
    /// </summary>
    public TimeSpan StopLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>What snapshots name as their maker.</summary>
    public string Program { get; init; } = $"nodeagent {typeof(AgentOptions).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>All that is wrong with the settings, each with the name of the setting.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (Namespace.Length == 0) errors.Add("namespace: must not be empty");
        if (NodeName.Length == 0) errors.Add("node-name: the name of the node that this runs on is missing; give --node-name or set NODE_NAME (in a pod from spec.nodeName)");
        if (!Path.IsPathRooted(HostPods)) errors.Add($"host-pods: \"{HostPods}\" is not an absolute path");
        else if (!Directory.Exists(HostPods)) errors.Add($"host-pods: {HostPods} does not exist; mount the kubelet's pods directory (/var/lib/kubelet/pods) there");
        if (Concurrency < 1) errors.Add("concurrency: must be at least 1");
        if (ProgressInterval <= TimeSpan.Zero) errors.Add("progress-interval: must be positive");
        if (HeartbeatInterval <= TimeSpan.Zero) errors.Add("heartbeat-interval: must be positive");
        return errors;
    }
}
