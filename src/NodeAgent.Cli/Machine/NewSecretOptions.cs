using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Cli.Machine;

/// <summary>The flags that name a secret that a repository is to be opened with from now on.</summary>
internal static class NewSecretOptions
{
    private static readonly Option<string> KeyFile = Flags.Text("--new-key-file", "File with the new 32-byte key", "file");
    private static readonly Option<string> PasswordFile = Flags.Text("--new-password-file", "File with the new passphrase (asked for when nothing is given and there is a terminal)", "file");
    private static readonly Option<string> Generated = Flags.Text("--generate-key", "Make a new key file, readable by its owner only", "file");

    public static void AddTo(Command command)
    {
        foreach (var option in (Option[])[KeyFile, PasswordFile, Generated]) command.Add(option);
    }

    /// <summary>The caller disposes the secret.</summary>
    /// <exception cref="UsageException">None was given, or two.</exception>
    public static RepositorySecret Read(ParseResult parse, CancellationToken cancellationToken)
    {
        string[] given = [.. ((Option<string>[])[KeyFile, PasswordFile, Generated]).Where(option => parse.GetValue(option)!.Length > 0).Select(option => option.Name)];
        if (given.Length > 1) throw new UsageException($"{string.Join(" and ", given)} exclude each other (give one of them)");
        if (parse.GetValue(KeyFile) is { Length: > 0 } keyFile) return RepositorySecrets.FromKeyFile(keyFile);
        if (parse.GetValue(PasswordFile) is { Length: > 0 } passwordFile) return RepositorySecrets.FromPasswordFile(passwordFile);
        if (parse.GetValue(Generated) is { Length: > 0 } generated) return RepositorySecrets.Generate(generated);
        return RepositorySecrets.AskForNew(cancellationToken) ?? throw new UsageException("no new secret is given (give --new-password-file, --new-key-file or --generate-key)");
    }
}
