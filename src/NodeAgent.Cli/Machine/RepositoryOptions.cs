using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.S3;

namespace NodeAgent.Cli.Machine;

/// <summary>Which repository a verb works on, and what it is unlocked with.</summary>
internal static class RepositoryOptions
{
    public const string RepositoryVariable = "NODEAGENT_REPOSITORY";
    public const string KeyFileVariable = "NODEAGENT_KEY_FILE";
    public const string PasswordFileVariable = "NODEAGENT_PASSWORD_FILE";
    public const string PasswordVariable = "NODEAGENT_PASSWORD";

    public static readonly Option<string> Repository = Recursive(Flags.Text("--repo", $"Directory of the repository, or s3://bucket/prefix (or {RepositoryVariable})", "dir", "-r"));
    public static readonly Option<string> KeyFile = Recursive(Flags.Text("--key-file", $"File with the repository's 32-byte key (or {KeyFileVariable})", "file"));
    public static readonly Option<string> PasswordFile = Recursive(Flags.Text("--password-file", $"File with the repository's passphrase (or {PasswordFileVariable}, or the passphrase itself in {PasswordVariable})", "file"));

    public static Command WithRepositoryOptions(this Command command)
    {
        command.Add(Repository);
        command.Add(KeyFile);
        command.Add(PasswordFile);
        return command.WithS3Options();
    }

    /// <summary>Opens the store of the repository that is named, which need not be there. The caller disposes it.</summary>
    /// <exception cref="UsageException">No repository is named, or one of a kind that this program cannot reach.</exception>
    public static IObjectStore StoreOf(ParseResult parse)
    {
        var location = FlagOrVariable(parse, Repository, RepositoryVariable);
        if (location.Length == 0)
            throw new UsageException($"no repository is named (give --repo DIR or --repo s3://BUCKET/PREFIX, or set {RepositoryVariable})");
        return StoreAt(location, address => S3Options.Read(parse, address));
    }

    /// <summary>Opens the store at a location. The caller disposes it.</summary>
    public static IObjectStore StoreAt(string location, Func<string, S3StoreOptions> readS3)
    {
        if (location.StartsWith(S3Options.Scheme, StringComparison.Ordinal))
            return new S3Store(readS3(location));
        if (location.StartsWith("file://", StringComparison.Ordinal))
            location = new Uri(location).LocalPath;
        else if (location.Contains("://", StringComparison.Ordinal))
            throw new UsageException($"repository {location}: only directories and S3 can be used from here (give --repo DIR or --repo s3://BUCKET/PREFIX)");
        return new DirectoryStore(Path.GetFullPath(location));
    }

    public static string FlagOrVariable(ParseResult parse, Option<string> option, string variable) =>
        parse.GetValue(option) is { Length: > 0 } given ? given : Environment.GetEnvironmentVariable(variable) ?? "";

    private static Option<string> Recursive(Option<string> option)
    {
        option.Recursive = true;
        return option;
    }
}
