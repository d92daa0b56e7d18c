using System.CommandLine;
using NodeAgent.Agent;
using NodeAgent.Cli.Cluster;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Cli.Servers;

/// <summary>The DaemonSet's process: backs up and restores the volumes of one node's pods. `node-agent server` is Velero's name for it.</summary>
internal static class AgentCommand
{
    private const string NodeVariable = "NODE_NAME";
    private const string DefaultHostPods = "/host_pods";

    private static readonly Option<string> NodeName = Flags.Text("--node-name", $"Node that this runs on (default: {NodeVariable})", "name");
    private static readonly Option<string> HostPods = Flags.Text("--host-pods", $"Where the kubelet's pods directory is mounted (default: {DefaultHostPods})", "dir");
    private static readonly Option<int> Concurrency = Flags.Count("--concurrency", "Volumes backed up at once, and volumes restored at once", 1);
    private static readonly Option<bool> AcceptPlainDirectories = new("--accept-plain-directories") { Description = "Take a volume where nothing is mounted, as in a cluster for tests", Hidden = true };
    private static readonly Option<string> MetricsAddress = Flags.Text("--metrics-address", "Address that serves /metrics, as :8085", "address");
    private static readonly Option<string> HealthAddress = Flags.Text("--health-address", "Address that serves /livez and /readyz, as :8086", "address");

    public static Command Create() => Create("agent", "Run the agent of one node");

    /// <summary>Velero's way of writing it: `node-agent server`.</summary>
    public static Command CreateNodeAgent() => new("node-agent", "Run the agent of one node") { Hidden = true, Subcommands = { Create("server", "Run the agent of one node") } };

    private static Command Create(string name, string description)
    {
        var command = new Command(name, description) { NodeName, HostPods, Concurrency, AcceptPlainDirectories, MetricsAddress, HealthAddress, ServerLogging.Level, ServerLogging.Format };
        command.WithClusterOptions().Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var options = new AgentOptions
        {
            Namespace = ClusterOptions.NamespaceOf(parse),
            NodeName = parse.GetValue(NodeName) is { Length: > 0 } node ? node : Environment.GetEnvironmentVariable(NodeVariable) ?? "",
            HostPods = parse.GetValue(HostPods) is { Length: > 0 } pods ? Path.GetFullPath(pods) : DefaultHostPods,
            AcceptsPlainDirectories = parse.GetValue(AcceptPlainDirectories),
            Concurrency = parse.GetValue(Concurrency),
        };
        if (options.Validate() is { Count: > 0 } errors) throw new UsageException(string.Join("; ", errors));
        var config = ClusterConfig.Load(parse.GetValue(ClusterOptions.Kubeconfig), parse.GetValue(ClusterOptions.Kubecontext));
        await using var host = await ServerProcess.StartAsync("nodeagent-agent", parse, MetricsAddress, HealthAddress, cancellationToken);
        await new AgentHost(options, config, host.Loggers, host.Health, TimeProvider.System).RunAsync(host.Stopping);
        // Asked to stop and stopped: for a server that is success.
        return ExitCode.Done;
    }
}
