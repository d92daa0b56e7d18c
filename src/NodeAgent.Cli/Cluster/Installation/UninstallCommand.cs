using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Kubernetes;

namespace NodeAgent.Cli.Cluster.Installation;

/// <summary>
/// Removes what <c>install</c> made: controller, agents, namespace, rights, and the custom resources with all their objects. What is stored in the locations stays, and
/// comes back into the next installation by itself.
/// </summary>
internal static class UninstallCommand
{
    // Twice of what a kubelet gives them.
    private static readonly TimeSpan PodsLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan GoneLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    private static readonly Option<bool> Force = Flags.Switch("--force", "Do not ask before deleting");
    private static readonly Option<bool> Wait = Flags.Switch("--wait", "Accepted for compatibility: it always waits until the namespace is gone");

    public static Command Create()
    {
        var command = new Command("uninstall", "Remove NodeAgent from a cluster; stored backups stay") { Force, Wait };
        command.WithClusterOptions().Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        var ns = cluster.Namespace;
        if (!parse.GetValue(Force) && !SelectionOptions.Confirmed($"Delete namespace {ns} with all that is in it, and all custom resources of {VeleroKind.Group}? What is stored in the backup locations stays.", "--force"))
            return ExitCode.Done;
        // The controller goes first: it would take the end of its objects for the wish to delete what they stand for.
        await RemoveAsync(cluster, Manifests.Deployments, "velero", cancellationToken);
        await RemoveAsync(cluster, Manifests.DaemonSets, "node-agent", cancellationToken);
        await WaitForPodsAsync(cluster, cancellationToken);
        await ReleaseAsync(cluster, cancellationToken);
        foreach (var manifest in Manifests.Controller().Concat(Manifests.Agent()).Where(m => !Manifests.KindOf(m).Namespaced)) await RemoveAsync(cluster, Manifests.KindOf(manifest), Manifests.NameIn(manifest, ns), cancellationToken);
        foreach (var definition in Manifests.Definitions()) await RemoveAsync(cluster, KubernetesResources.CustomResourceDefinitions, definition.Name(), cancellationToken);
        if (await RemoveAsync(cluster, KubernetesResources.Namespaces, ns, cancellationToken)) await WaitUntilGoneAsync(cluster, ns, cancellationToken);
        await StandardStreams.Out.WriteLineAsync("NodeAgent is uninstalled. What is stored in the backup locations is still there.");
        return ExitCode.Done;
    }

    /// <summary>Their Deployment and DaemonSet are gone before they are; what they do until then they do with the rights and objects that are removed next.</summary>
    private static async Task WaitForPodsAsync(ClusterSession cluster, CancellationToken cancellationToken)
    {
        var deadline = TimeProvider.System.GetUtcNow() + PodsLimit;
        while (true)
        {
            var left = (await cluster.ListAsync(KubernetesResources.Pods, cancellationToken, "deploy=velero")).Concat(await cluster.ListAsync(KubernetesResources.Pods, cancellationToken, "name=node-agent")).ToList();
            if (left.Count == 0) return;
            if (TimeProvider.System.GetUtcNow() > deadline)
            {
                StandardStreams.Warn($"pods {string.Join(", ", left.Select(p => p.Name()))} have not ended after {PodsLimit.TotalMinutes:0} min; going on without them");
                return;
            }

            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    /// <summary>Nobody is left who would take off the finalizers of restores, and of what another program may have put some on.</summary>
    private static async Task ReleaseAsync(ClusterSession cluster, CancellationToken cancellationToken)
    {
        foreach (var kind in (VeleroKind[])[VeleroKinds.Backup, VeleroKinds.Restore, VeleroKinds.Schedule, VeleroKinds.BackupLocation, VeleroKinds.SnapshotLocation])
        {
            if (!await cluster.IsServedAsync(kind.Resource, cancellationToken)) continue;
            foreach (var item in await cluster.ListAsync(kind, "", cancellationToken))
            {
                if (item["metadata"]?["finalizers"] is JsonArray { Count: > 0 })
                    await cluster.PatchAsync(kind, item.Name(), new JsonObject { ["metadata"] = new JsonObject { ["finalizers"] = null } }, cancellationToken);
            }
        }
    }

    private static async Task<bool> RemoveAsync(ClusterSession cluster, ResourceKind kind, string name, CancellationToken cancellationToken)
    {
        var isThere = await cluster.DeleteAsync(kind, name, cancellationToken);
        if (isThere) await StandardStreams.Out.WriteLineAsync($"{kind.Kind}/{name}: deleted");
        return isThere;
    }

    private static async Task WaitUntilGoneAsync(ClusterSession cluster, string ns, CancellationToken cancellationToken)
    {
        var deadline = TimeProvider.System.GetUtcNow() + GoneLimit;
        while (await cluster.FindAsync(KubernetesResources.Namespaces, ns, cancellationToken) is not null)
        {
            if (TimeProvider.System.GetUtcNow() > deadline) throw new CommandException(ExitCode.Failed, $"namespace {ns}: it is not gone after {GoneLimit.TotalMinutes:0} min (see: kubectl get namespace {ns} -o yaml)");
            await Task.Delay(PollInterval, cancellationToken);
        }
    }
}
