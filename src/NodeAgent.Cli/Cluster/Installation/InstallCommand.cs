using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Cli.Cluster.Installation;

/// <summary>
/// Installs controller, agents and what they need, or prints it. An object that is there already is left as it is, unless <c>--apply</c> is given, so that
/// the command can be given again.
/// </summary>
internal static class InstallCommand
{
    private const string FieldManager = "nodeagent-install";

    private static readonly TimeSpan ServedLimit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ReadyLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    private static readonly Option<string> Output = Flags.Choice("--output", "Print the objects in this format and do not send them", ["json", "yaml"], "", "-o");

    public static Command Create()
    {
        var command = new Command("install", "Install NodeAgent in a cluster") { Output };
        foreach (var option in InstallOptions.All) command.Add(option);
        command.WithClusterOptions().Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var ns = ClusterOptions.NamespaceOf(parse);
        var objects = InstallPlan.Build(parse, ns);
        foreach (var option in InstallOptions.Ignored.Where(option => parse.GetResult(option) is { Implicit: false }))
            StandardStreams.Warn($"{option.Name} is accepted and changes nothing here");
        var format = parse.GetValue(Output)!;
        if (format.Length > 0 || parse.GetValue(InstallOptions.DryRun))
        {
            Print(objects, format);
            return ExitCode.Done;
        }

        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        foreach (var manifest in objects) await SendAsync(cluster, manifest, parse.GetValue(InstallOptions.Apply), cancellationToken);
        if (parse.GetValue(InstallOptions.CrdsOnly)) return ExitCode.Done;
        if (parse.GetValue(InstallOptions.Wait))
        {
            foreach (var manifest in objects.Where(o => o.Raw("kind") is "Deployment" or "DaemonSet")) await WaitAsync(cluster, manifest, cancellationToken);
        }

        await StandardStreams.Out.WriteLineAsync($"NodeAgent is installed in namespace {ns}. See: kubectl -n {ns} get pods, nodeagent backup-location get{(ns == ClusterOptions.DefaultNamespace ? "" : $" -n {ns}")}");
        return ExitCode.Done;
    }

    private static void Print(IReadOnlyList<JsonObject> objects, string format)
    {
        if (format == "json")
        {
            var list = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "List", ["items"] = new JsonArray([.. objects.Select(o => o.DeepClone())]) };
            StandardStreams.Out.Write(JsonText.Format(list) + "\n");
            return;
        }

        foreach (var manifest in objects) StandardStreams.Out.Write($"---\n{YamlText.Format(manifest)}");
    }

    private static async Task SendAsync(ClusterSession cluster, JsonObject manifest, bool applies, CancellationToken cancellationToken)
    {
        var kind = Manifests.KindOf(manifest);
        // A definition that was made just now is served a moment later.
        if (kind.Group == VeleroKind.Group) await WaitUntilServedAsync(cluster, kind, cancellationToken);
        string outcome;
        if (applies)
        {
            await cluster.ApplyAsync(kind, manifest, FieldManager, cancellationToken);
            outcome = "applied";
        }
        else
        {
            outcome = await cluster.TryCreateAsync(kind, manifest, cancellationToken) ? "created"
                : kind == KubernetesResources.Namespaces ? await AdmitAgentsAsync(cluster, manifest, cancellationToken)
                : "is there already (left as it is; --apply changes it)";
        }

        await StandardStreams.Out.WriteLineAsync($"{kind.Kind}/{manifest.Name()}: {outcome}");
    }

    /// <summary>Sees that a namespace that was there before lets the agents' pods in, where nobody has said otherwise. Without its label some clusters refuse them.</summary>
    private static async Task<string> AdmitAgentsAsync(ClusterSession cluster, JsonObject manifest, CancellationToken cancellationToken)
    {
        const string label = "pod-security.kubernetes.io/enforce";
        var wanted = manifest.Text("metadata", "labels", label);
        var found = await cluster.FindAsync(KubernetesResources.Namespaces, manifest.Name(), cancellationToken);
        if (found?["metadata"]?["labels"]?[label]?.ToString() is not { } level)
        {
            await cluster.ApplyAsync(KubernetesResources.Namespaces, manifest, FieldManager, cancellationToken);
            return $"is there already, and has the label {label}={wanted} now";
        }

        if (level != wanted) StandardStreams.Warn($"namespace {manifest.Name()} has the label {label}={level}, which keeps the agents' pods out; set it to {wanted}, or install into a namespace of its own");
        return "is there already (left as it is; --apply changes it)";
    }

    private static async Task WaitUntilServedAsync(ClusterSession cluster, ResourceKind kind, CancellationToken cancellationToken)
    {
        var deadline = TimeProvider.System.GetUtcNow() + ServedLimit;
        while (!await IsServedAsync())
        {
            if (TimeProvider.System.GetUtcNow() > deadline) throw new CommandException(ExitCode.Failed, $"{kind.GroupResource}: the cluster does not serve it {ServedLimit.TotalSeconds:0} s after it was defined (see: kubectl get crd {kind.GroupResource} -o yaml)");
            await Task.Delay(PollInterval, cancellationToken);
        }

        async Task<bool> IsServedAsync()
        {
            try
            {
                return await cluster.IsServedAsync(kind, cancellationToken);
            }
            catch (CommandException e) when (e.InnerException is ApiException { IsServerStarting: true })
            {
                return false; // a cluster that was made a moment ago
            }
        }
    }

    private static async Task WaitAsync(ClusterSession cluster, JsonObject manifest, CancellationToken cancellationToken)
    {
        var kind = Manifests.KindOf(manifest);
        await StandardStreams.Out.WriteLineAsync($"Waiting for {kind.Kind}/{manifest.Name()} to be ready.");
        var deadline = TimeProvider.System.GetUtcNow() + ReadyLimit;
        while (true)
        {
            var found = await cluster.FindAsync(kind, manifest.Name(), cancellationToken) ?? throw new CommandException(ExitCode.NotFound, $"{kind.Kind}/{manifest.Name()}: it was deleted while it was waited for");
            // Pods of the version before count as ready too; what is new of it is asked for besides.
            var (ready, renewed, wanted) = kind == Manifests.Deployments
                ? (found.Number("status", "availableReplicas"), found.Number("status", "updatedReplicas"), found.Number("spec", "replicas"))
                : (found.Number("status", "numberReady"), found.Number("status", "updatedNumberScheduled"), found.Number("status", "desiredNumberScheduled"));
            ready = Math.Min(ready, renewed);
            var isSeen = found.Number("status", "observedGeneration") >= found.Number("metadata", "generation");
            if (isSeen && ready >= wanted && (wanted > 0 || kind == Manifests.Deployments)) return;
            if (TimeProvider.System.GetUtcNow() > deadline)
                throw new CommandException(ExitCode.Failed, $"{kind.Kind}/{manifest.Name()}: {ready} of {wanted} pods are ready after {ReadyLimit.TotalMinutes:0} min (see: kubectl -n {cluster.Namespace} describe pods)");
            await Task.Delay(PollInterval, cancellationToken);
        }
    }
}
