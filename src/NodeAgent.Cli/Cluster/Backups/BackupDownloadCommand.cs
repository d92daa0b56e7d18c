using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Backups;

/// <summary>Fetches the tarball of a backup's Kubernetes objects.</summary>
internal static class BackupDownloadCommand
{
    private static readonly Argument<string> BackupName = new("NAME") { Description = "Name of the backup" };
    private static readonly Option<string> Output = Flags.Text("--output", "File to write (default: NAME-data.tar.gz)", "file", "-o");
    private static readonly Option<bool> Force = Flags.Switch("--force", "Overwrite the file if it exists");

    public static Command Create()
    {
        var command = new Command("download", "Download the Kubernetes objects of a backup")
        {
            BackupName, Output, Force, DownloadTrust.Timeout, CertificateOptions.SkipVerification, CertificateOptions.CaCertificate,
        };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var name = parse.GetValue(BackupName)!;
        var path = Path.GetFullPath(parse.GetValue(Output) is { Length: > 0 } given ? given : $"{name}-data.tar.gz");
        if (File.Exists(path) && !parse.GetValue(Force))
            throw new CommandException(ExitCode.Failed, $"{path}: it exists (give --force to overwrite it, or --output for another file)");

        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        var backup = await cluster.GetAsync(VeleroKinds.Backup, name, cancellationToken);
        using var client = new DownloadClient(cluster, DownloadTrust.From(parse), parse.GetValue(DownloadTrust.Timeout)!.Value);
        await using var content = await client.OpenAsync("BackupContents", name, backup.Raw("spec", "storageLocation"), cancellationToken)
            ?? throw new CommandException(ExitCode.NotFound, $"backup {name}: its contents are not in the backup location");

        // Written beside the target first: a broken download never stands under the final name.
        var partial = path + ".partial";
        try
        {
            await using (var file = new FileStream(partial, FileMode.Create, FileAccess.Write))
                await content.CopyToAsync(file, cancellationToken);
            File.Move(partial, path, overwrite: parse.GetValue(Force));
        }
        finally
        {
            File.Delete(partial);
        }

        await StandardStreams.Out.WriteLineAsync($"Backup {name} has been successfully downloaded to {DisplayText.Name(path)}");
        return ExitCode.Done;
    }
}
