using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository;
using NodeAgent.Stores.S3;

namespace NodeAgent.Cli.Machine;

/// <summary>The repository that snapshots are copied from.</summary>
internal static class CopySourceOptions
{
    public const string RepositoryVariable = "NODEAGENT_FROM_REPOSITORY";
    public const string KeyFileVariable = "NODEAGENT_FROM_KEY_FILE";
    public const string PasswordFileVariable = "NODEAGENT_FROM_PASSWORD_FILE";
    public const string PasswordVariable = "NODEAGENT_FROM_PASSWORD";

    public static readonly Option<string> Repository = Flags.Text("--from-repo", $"The repository to copy from: a directory, or s3://bucket/prefix (or {RepositoryVariable})", "dir");
    public static readonly Option<string> KeyFile = Flags.Text("--from-key-file", $"Its key (or {KeyFileVariable}); without key and passphrase, those of --repo", "file");
    public static readonly Option<string> PasswordFile = Flags.Text("--from-password-file", $"Its passphrase (or {PasswordFileVariable}, or the passphrase itself in {PasswordVariable})", "file");
    private static readonly Option<string> Endpoint = Flags.Text("--from-s3-endpoint", "URL of its S3 server, when it is another one than that of --repo", "url");
    private static readonly Option<string> Region = Flags.Text("--from-s3-region", "Region of its bucket, likewise", "region");
    private static readonly Option<string> Profile = Flags.Text("--from-s3-profile", "Profile of the credentials file for it, likewise", "name");

    public static void AddTo(Command command)
    {
        foreach (var option in (Option[])[Repository, KeyFile, PasswordFile, Endpoint, Region, Profile]) command.Add(option);
    }

    /// <summary>The caller disposes the repository, and with it the store.</summary>
    public static async Task<ChunkRepository> OpenAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var location = RepositoryOptions.FlagOrVariable(parse, Repository, RepositoryVariable);
        if (location.Length == 0) throw new UsageException($"nothing says where to copy from (give --from-repo DIR or --from-repo s3://BUCKET/PREFIX, or set {RepositoryVariable})");
        var store = RepositoryOptions.StoreAt(location, address => ReadS3(parse, address));
        try
        {
            using var secret = RepositorySecrets.ReadFrom(parse, cancellationToken);
            return await ChunkRepository.OpenAsync(store, secret, new RepositoryOpenOptions { OnDamagedSegment = damage => StandardStreams.Warn(damage.Message) }, cancellationToken);
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    private static S3StoreOptions ReadS3(ParseResult parse, string address)
    {
        var options = S3Options.Read(parse, address);
        if (parse.GetValue(Endpoint) is { Length: > 0 } endpoint) options = options with { Endpoint = endpoint };
        if (parse.GetValue(Region) is { Length: > 0 } region) options = options with { Region = region };
        return parse.GetValue(Profile) is { Length: > 0 } profile ? options with { Profile = profile } : options;
    }
}
