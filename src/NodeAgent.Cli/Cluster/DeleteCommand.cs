using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster;

/// <summary>
/// Deletes resources of one kind. A backup is not deleted itself: a DeleteBackupRequest asks the server to remove its
/// files, snapshots and restores first. A location takes the cluster's record of its backups along, never their files.
/// </summary>
internal static class DeleteCommand
{
    public static Command Create(VeleroKind kind, string name = "delete", params string[] aliases)
    {
        var command = new Command(name, $"Delete {kind.Nouns}")
        {
            SelectionOptions.Names, SelectionOptions.All, SelectionOptions.Selector, SelectionOptions.Confirm,
        };
        foreach (var alias in aliases)
            command.Aliases.Add(alias);
        command.Runs((parse, cancellationToken) => ExecuteAsync(kind, parse, cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(VeleroKind kind, ParseResult parse, CancellationToken cancellationToken)
    {
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        var resources = await SelectionOptions.ResolveAsync(parse, cluster, kind, cancellationToken);
        if (resources.Count == 0)
        {
            await StandardStreams.Error.WriteLineAsync($"no {kind.Nouns} found in namespace {cluster.Namespace}");
            return ExitCode.Done;
        }

        var names = string.Join(", ", resources.Select(resource => resource.Name()));
        if (!SelectionOptions.Confirmed(parse, $"Delete {(resources.Count == 1 ? kind.Noun : kind.Nouns)} {names}?"))
            return ExitCode.Done;

        foreach (var resource in resources)
            await DeleteAsync(cluster, kind, resource, cancellationToken);
        return ExitCode.Done;
    }

    private static async Task DeleteAsync(ClusterSession cluster, VeleroKind kind, JsonObject resource, CancellationToken cancellationToken)
    {
        var name = resource.Name();
        if (kind == VeleroKinds.Backup)
        {
            await cluster.CreateAsync(VeleroKinds.DeleteBackupRequest, DeleteRequestFor(resource, cluster.Namespace), cancellationToken);
            await StandardStreams.Out.WriteLineAsync($"Deletion of backup \"{name}\" requested. It disappears once its files, snapshots and restores are removed.");
            return;
        }

        await cluster.DeleteAsync(kind, name, cancellationToken);
        await StandardStreams.Out.WriteLineAsync(kind == VeleroKinds.Restore
            ? $"Deletion of restore \"{name}\" requested."
            : $"{char.ToUpperInvariant(kind.Noun[0])}{kind.Noun[1..]} \"{name}\" deleted.");
        if (kind == VeleroKinds.BackupLocation)
            await DeleteRecordsOfLocationAsync(cluster, name, cancellationToken);
    }

    private static JsonObject DeleteRequestFor(JsonObject backup, string @namespace)
    {
        var request = VeleroKinds.DeleteBackupRequest.NewObject("", @namespace);
        request["metadata"] = new JsonObject
        {
            ["generateName"] = backup.Name() + "-",
            ["namespace"] = @namespace,
            ["labels"] = new JsonObject
            {
                ["velero.io/backup-name"] = LabelValue.From(backup.Name()),
                ["velero.io/backup-uid"] = backup.Raw("metadata", "uid"),
            },
        };
        request["spec"] = new JsonObject { ["backupName"] = backup.Name() };
        return request;
    }

    private static async Task DeleteRecordsOfLocationAsync(ClusterSession cluster, string location, CancellationToken cancellationToken)
    {
        var selector = $"velero.io/storage-location={LabelValue.From(location)}";
        foreach (var kind in (VeleroKind[])[VeleroKinds.Backup, VeleroKinds.Repository])
        {
            foreach (var resource in await cluster.ListAsync(kind, selector, cancellationToken))
            {
                await cluster.DeleteAsync(kind, resource.Name(), cancellationToken);
                await StandardStreams.Out.WriteLineAsync($"{char.ToUpperInvariant(kind.Noun[0])}{kind.Noun[1..]} \"{resource.Name()}\" removed from the cluster; its files stay where they are.");
            }
        }
    }
}
