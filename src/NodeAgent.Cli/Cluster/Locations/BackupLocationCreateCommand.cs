using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Locations;

/// <summary>Creates a place to store backups in.</summary>
internal static class BackupLocationCreateCommand
{
    /// <summary>The provider that keeps backups in a directory, which has no buckets.</summary>
    private const string FilesystemProvider = "filesystem";

    private static readonly Argument<string> LocationName = new("NAME") { Description = "Name of the location" };
    private static readonly Option<string> Provider = new("--provider") { Description = "Kind of store, as aws or filesystem", HelpName = "name", Required = true };
    private static readonly Option<string> Bucket = Flags.Text("--bucket", "Bucket to store backups in (not needed for filesystem)", "name");
    private static readonly Option<bool> Default = Flags.Switch("--default", "Make this the location of backups that name none");
    private static readonly Option<string> Prefix = Flags.Text("--prefix", "Path in the bucket", "path");
    private static readonly Option<TimeSpan?> BackupSyncPeriod = Flags.Duration("--backup-sync-period", "How often to look for backups of other clusters; 0s: never (default: the server's, 1m)");
    private static readonly Option<TimeSpan?> ValidationFrequency = Flags.Duration("--validation-frequency", "How often to check the location; 0s: never (default: the server's, 1m)");
    private static readonly Option<Dictionary<string, string>> Config = Flags.Map("--config", "Settings of the provider, as path=/backups for filesystem");
    private static readonly Option<Dictionary<string, string>> Labels = Flags.Map("--labels", "Labels of the object");
    private static readonly Option<string> AccessMode = Flags.Choice("--access-mode", "Whether backups may be written to it", ["ReadWrite", "ReadOnly"], "ReadWrite");

    public static Command Create(string name = "create")
    {
        var command = new Command(name, "Create a backup location")
        {
            LocationName, Provider, Bucket, CredentialOption.Credential, Default, Prefix, BackupSyncPeriod, ValidationFrequency, Config, Labels,
            CertificateOptions.CaCertificate, AccessMode,
        };
        command.WithOutputOptions().Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var location = Build(parse, ClusterOptions.NamespaceOf(parse));
        if (OutputOptions.PrintsOnly(parse))
        {
            OutputOptions.PrintObject(parse, location);
            return ExitCode.Done;
        }

        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        if (parse.GetValue(Default))
            await DefaultLocation.ClearAsync(cluster, except: location.Name(), cancellationToken);
        await cluster.CreateAsync(VeleroKinds.BackupLocation, location, cancellationToken);
        await StandardStreams.Out.WriteLineAsync($"Backup storage location \"{location.Name()}\" configured successfully.");
        return ExitCode.Done;
    }

    private static JsonObject Build(ParseResult parse, string @namespace)
    {
        var (provider, bucket) = (parse.GetValue(Provider)!, parse.GetValue(Bucket)!);
        var config = parse.GetValue(Config) ?? [];
        var kind = StoreProviders.Require(provider);
        if (kind == FilesystemProvider && !config.ContainsKey("path"))
            throw new UsageException("--provider filesystem: no directory is named (give --config path=/where/backups/go)");
        if (kind != FilesystemProvider && bucket.Length == 0)
            throw new UsageException($"--provider {provider}: no bucket is named (give --bucket)");

        var location = VeleroKinds.BackupLocation.NewObject(parse.GetValue(LocationName)!, @namespace);
        SpecBuilder.SetMetadata(location, parse.GetValue(Labels), null);
        // The bucket is a required field of the resource; for a directory it stays empty.
        var objectStorage = new SpecBuilder()
            .Set("bucket", JsonValue.Create(bucket))
            .Set("prefix", parse.GetValue(Prefix))
            .Set("caCert", CertificateOptions.ReadBase64(parse));
        var spec = new SpecBuilder()
            .Set("provider", provider)
            .Set("config", config)
            .Set("objectStorage", objectStorage.Build())
            .Set("default", parse.GetValue(Default) ? true : null)
            .Set("accessMode", parse.GetValue(AccessMode))
            .Set("backupSyncPeriod", parse.GetValue(BackupSyncPeriod))
            .Set("validationFrequency", parse.GetValue(ValidationFrequency));
        if (CredentialOption.ValueOf(parse) is { } credential)
            spec.Set("credential", credential);
        location["spec"] = spec.Build();
        return location;
    }
}
