using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Locations;

/// <summary>Changes a backup location.</summary>
internal static class BackupLocationSetCommand
{
    private static readonly Argument<string> LocationName = new("NAME") { Description = "Name of the location" };
    private static readonly Option<bool?> Default = Flags.OptionalBool("--default", "Whether this is the location of backups that name none");

    public static Command Create()
    {
        var command = new Command("set", "Change a backup location") { LocationName, CertificateOptions.CaCertificate, CredentialOption.Credential, Default };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var name = parse.GetValue(LocationName)!;
        var spec = new JsonObject();
        if (CertificateOptions.ReadBase64(parse) is { Length: > 0 } certificate)
            spec["objectStorage"] = new JsonObject { ["caCert"] = certificate };
        if (CredentialOption.ValueOf(parse) is { } credential)
            spec["credential"] = credential;
        if (parse.GetValue(Default) is { } isDefault)
            spec["default"] = isDefault;
        if (spec.Count == 0)
            throw new UsageException($"backup-location set {name}: nothing to change (give --default, --credential or --cacert)");

        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        await cluster.GetAsync(VeleroKinds.BackupLocation, name, cancellationToken);
        if (parse.GetValue(Default) == true)
            await DefaultLocation.ClearAsync(cluster, except: name, cancellationToken);
        await cluster.PatchAsync(VeleroKinds.BackupLocation, name, new JsonObject { ["spec"] = spec }, cancellationToken);
        await StandardStreams.Out.WriteLineAsync($"Backup storage location \"{name}\" configured successfully.");
        return ExitCode.Done;
    }
}
