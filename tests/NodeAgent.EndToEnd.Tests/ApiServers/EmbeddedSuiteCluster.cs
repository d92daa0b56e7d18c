using NodeAgent.DevCluster;
using NodeAgent.EndToEnd.Tests.Processes;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.EndToEnd.Tests.ApiServers;

/// <summary>The cluster of this project, in this process. It knows no rights, so service accounts are not told from administrators.</summary>
internal sealed class EmbeddedSuiteCluster : SuiteCluster
{
    private readonly EmbeddedCluster _cluster;

    private EmbeddedSuiteCluster(DirectoryInfo directory, EmbeddedCluster cluster)
        : base(directory, cluster.KubeconfigPath) => _cluster = cluster;

    public override string Node => "node-1";

    protected override string PodsDirectory => _cluster.KubeletPodsDirectory(Node);

    public static async Task<EmbeddedSuiteCluster> StartAsync()
    {
        var directory = Directory.CreateTempSubdirectory("suite-embedded-");
        EmbeddedSuiteCluster? started = null;
        var options = new EmbeddedClusterOptions
        {
            Directory = Path.Combine(directory.FullName, "cluster"),
            ExecHandler = (request, cancellation) => started!.ExecAsync(request, cancellation),
        };
        var cluster = await EmbeddedCluster.StartAsync(options, Cancellation);
        started = new EmbeddedSuiteCluster(directory, cluster);
        await NodeAgentCommand.RunAsync("install", "--provider", "filesystem", "--no-default-backup-location", "--no-secret", "--apply", "--kubeconfig", cluster.KubeconfigPath);
        return started;
    }

    public override Task<ClusterConfig> ConfigOfAsync(string serviceAccount, string ns = System) => Task.FromResult(ClusterConfig.FromKubeconfig(Kubeconfig, null));

    public override Task CompactAsync()
    {
        _cluster.Faults.ExpireHistory();
        return Task.CompletedTask;
    }

    protected override async Task StopAsync() => await _cluster.DisposeAsync();
}
