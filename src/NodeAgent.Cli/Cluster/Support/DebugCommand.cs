using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Cluster.Describe;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Cli.Cluster.Support;

/// <summary>`debug`: all that is needed to find out what is wrong with an installation, in one file, without its secrets.</summary>
internal static class DebugCommand
{
    private static readonly ResourceKind Deployments = new("apps", "v1", "deployments", "Deployment");
    private static readonly ResourceKind DaemonSets = new("apps", "v1", "daemonsets", "DaemonSet");
    private static readonly TimeSpan ServerPatience = TimeSpan.FromSeconds(5);

    private static readonly Option<string> Output = Flags.Text("--output", "File to write (default: bundle-<time>.tar.gz in this directory)", "file");
    private static readonly Option<string> BackupName = Flags.Text("--backup", "Backup whose log and description go along", "name");
    private static readonly Option<string> RestoreName = Flags.Text("--restore", "Restore whose log and description go along", "name");
    private static readonly Option<bool> Verbose = Flags.Switch("--verbose", "Say what is being collected");

    public static Command Create()
    {
        var command = new Command("debug", "Collect logs, objects and versions for whoever looks for a fault, without secrets")
        {
            Output, BackupName, RestoreName, Verbose, CertificateOptions.SkipVerification, CertificateOptions.CaCertificate,
        };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        // Mistakes in names come to light before anything is written.
        var backup = parse.GetValue(BackupName) is { Length: > 0 } b ? await cluster.GetAsync(VeleroKinds.Backup, b, cancellationToken) : null;
        var restore = parse.GetValue(RestoreName) is { Length: > 0 } r ? await cluster.GetAsync(VeleroKinds.Restore, r, cancellationToken) : null;
        var problems = new List<string>();
        var secrets = await TryListAsync(cluster, KubernetesResources.Secrets, problems, "its values cannot be looked for in what is collected", cancellationToken);
        var path = Path.GetFullPath(parse.GetValue(Output) is { Length: > 0 } given ? given : $"bundle-{DateTime.Now.ToString("yyyy-MM-dd-HH-mm-ss", CultureInfo.InvariantCulture)}.tar.gz");
        DebugBundle bundle;
        try
        {
            bundle = new DebugBundle(path, new SecretFilter(secrets));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Failed, $"{path}: {(File.Exists(path) ? "it is there already (name another with --output)" : exception.Message)}", exception);
        }

        await using (bundle)
        {
            foreach (var problem in problems) bundle.Note(problem);
            void Say(string what)
            {
                if (parse.GetValue(Verbose)) StandardStreams.Error.WriteLine($"collecting {what}");
            }

            Say("versions");
            await bundle.AddAsync("version.txt", await VersionsAsync(cluster, bundle, cancellationToken), cancellationToken);
            foreach (var kind in VeleroResources.All.Concat([Deployments, DaemonSets, KubernetesResources.Pods, KubernetesResources.Events]))
            {
                Say(kind.Plural);
                await bundle.AddAsync($"objects/{kind.Plural}.json", await ListOrNoteAsync(cluster, kind, bundle, cancellationToken), cancellationToken);
            }

            await AddLogsAsync(cluster, bundle, Say, cancellationToken);
            foreach (var (kind, resource) in new[] { (VeleroKinds.Backup, backup), (VeleroKinds.Restore, restore) })
            {
                if (resource is null) continue;
                Say($"{kind.Noun} {resource.Name()}");
                await AddRunAsync(cluster, bundle, kind, resource, parse, cancellationToken);
            }

            await bundle.FinishAsync(cancellationToken);
        }

        foreach (var problem in bundle.Problems) StandardStreams.Warn(problem);
        await StandardStreams.Out.WriteLineAsync($"{path} written{(bundle.Problems.Count > 0 ? $", without {bundle.Problems.Count} parts (problems.txt in it tells why)" : "")}. Look through it before you send it to anybody.");
        return ExitCode.Done;
    }

    private static async Task<string> VersionsAsync(ClusterSession cluster, DebugBundle bundle, CancellationToken cancellationToken)
    {
        var text = $"Client:\n\tVersion: v{VersionCommand.Client}\n";
        try
        {
            text += $"Kubernetes:\n\tVersion: {await cluster.KubernetesVersionAsync(cancellationToken)}\n";
            text += $"Server:\n\tVersion: {(await ServerStatus.AskAsync(cluster, ServerPatience, cancellationToken)).Text("status", "serverVersion")}\n";
        }
        catch (CommandException exception)
        {
            bundle.Note($"versions: {exception.Message}");
        }

        return text;
    }

    private static async Task AddLogsAsync(ClusterSession cluster, DebugBundle bundle, Action<string> say, CancellationToken cancellationToken)
    {
        var pods = await TryListAsync(cluster, KubernetesResources.Pods, [], "", cancellationToken);
        foreach (var pod in pods.Where(IsOurs))
        {
            var containers = pod["spec"]?["containers"] as JsonArray ?? [];
            foreach (var container in containers.OfType<JsonObject>().Select(c => c.Text("name")).Where(n => n.Length > 0))
            {
                say($"log of {pod.Name()}/{container}");
                await TryAddLogAsync(cluster, bundle, pod.Name(), container, previous: false, cancellationToken);
                var restarted = (pod["status"]?["containerStatuses"] as JsonArray)?.OfType<JsonObject>().Any(s => s.Text("name") == container && s.Number("restartCount") > 0) == true;
                if (restarted) await TryAddLogAsync(cluster, bundle, pod.Name(), container, previous: true, cancellationToken);
            }
        }
    }

    /// <summary>The controller's pods and the agents', by the labels that they have here and in Velero.</summary>
    private static bool IsOurs(JsonObject pod) =>
        pod.Text("metadata", "labels", "component") == "velero" || pod.Text("metadata", "labels", "deploy") == "velero" || pod.Text("metadata", "labels", "name").StartsWith("node-agent", StringComparison.Ordinal);

    private static async Task TryAddLogAsync(ClusterSession cluster, DebugBundle bundle, string pod, string container, bool previous, CancellationToken cancellationToken)
    {
        try
        {
            await using var log = await cluster.OpenLogAsync(pod, new LogOptions { Container = container, Previous = previous, TailLines = DebugBundle.MaxLogLines }, cancellationToken);
            await bundle.AddAsync($"logs/{pod}/{container}{(previous ? ".previous" : "")}.log", log, cancellationToken);
        }
        catch (Exception exception) when (exception is CommandException or IOException or HttpRequestException)
        {
            bundle.Note($"log of {pod}/{container}{(previous ? " before its restart" : "")}: {exception.Message}");
        }
    }

    private static async Task AddRunAsync(ClusterSession cluster, DebugBundle bundle, VeleroKind kind, JsonObject resource, ParseResult parse, CancellationToken cancellationToken)
    {
        var (name, noun) = (resource.Name(), kind.Noun);
        try
        {
            var location = await cluster.StorageLocationOfAsync(kind, resource, cancellationToken);
            using var client = new DownloadClient(cluster, DownloadTrust.From(parse), TimeSpan.FromSeconds(30));
            var files = new RunFiles(client, name, location);
            using var description = new StringWriter();
            var text = new DescriptionWriter(description);
            if (kind == VeleroKinds.Restore) await RestoreDescription.WriteAsync(text, cluster, resource, files, details: true, cancellationToken);
            else BackupDescription.Write(text, await BackupFacts.CollectAsync(cluster, resource, files, details: true, cancellationToken), details: true);
            text.Blank();
            await bundle.AddAsync($"{noun}_describe_{name}.txt", description.ToString(), cancellationToken);
            if (await client.OpenTextAsync(kind.Kind + "Log", name, location, cancellationToken) is not { } log)
            {
                bundle.Note($"{noun} {name}: its log is not in the backup location");
                return;
            }

            await using (log) await bundle.AddAsync($"{noun}_{name}.log", log, cancellationToken);
        }
        catch (Exception exception) when (exception is CommandException or IOException or HttpRequestException or UnauthorizedAccessException)
        {
            bundle.Note($"{noun} {name}: {exception.Message}");
        }
    }

    private static async Task<IReadOnlyList<JsonObject>> ListOrNoteAsync(ClusterSession cluster, ResourceKind kind, DebugBundle bundle, CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        var items = await TryListAsync(cluster, kind, problems, "", cancellationToken);
        foreach (var problem in problems) bundle.Note(problem);
        return items;
    }

    private static async Task<IReadOnlyList<JsonObject>> TryListAsync(ClusterSession cluster, ResourceKind kind, List<string> problems, string consequence, CancellationToken cancellationToken)
    {
        try
        {
            return await cluster.ListAsync(kind, cancellationToken);
        }
        catch (CommandException exception)
        {
            problems.Add(exception.Message + (consequence.Length > 0 ? $", so that {consequence}" : ""));
            return [];
        }
    }
}
