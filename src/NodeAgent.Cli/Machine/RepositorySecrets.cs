using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Cli.Machine;

/// <summary>Finds the repository's key or passphrase: flags before variables, and on a terminal a question at the end.</summary>
internal static class RepositorySecrets
{
    /// <summary>A secret file has a line of text or 32 bytes; what is longer was named by mistake.</summary>
    private const int MaxFileLength = 8 * 1024;

    /// <summary>The caller disposes the secret, which zeroes it.</summary>
    /// <param name="isNew">The secret is chosen now: a passphrase is asked for twice.</param>
    /// <exception cref="UsageException">None was given, or two, or an empty one.</exception>
    /// <exception cref="CommandException">The file cannot be read or holds no secret.</exception>
    public static RepositorySecret Read(ParseResult parse, bool isNew, CancellationToken cancellationToken)
    {
        if (Given(parse, RepositoryOptions.KeyFile, RepositoryOptions.PasswordFile, RepositoryOptions.KeyFileVariable, RepositoryOptions.PasswordFileVariable, RepositoryOptions.PasswordVariable) is { } given)
            return given;
        if (CanAsk)
            return Ask("Passphrase of the repository: ", isNew, cancellationToken);
        // Who makes a repository has no key yet.
        var flags = isNew ? "--generate-key FILE to make one, or --key-file or --password-file" : "--key-file or --password-file";
        throw new UsageException($"no key is given (give {flags}, or set {RepositoryOptions.KeyFileVariable}, {RepositoryOptions.PasswordFileVariable} or {RepositoryOptions.PasswordVariable})");
    }

    /// <summary>The secret of the repository that is copied from: its own flags and variables, else that of the other one.</summary>
    /// <inheritdoc cref="Read" path="/exception"/>
    public static RepositorySecret ReadFrom(ParseResult parse, CancellationToken cancellationToken) =>
        Given(parse, CopySourceOptions.KeyFile, CopySourceOptions.PasswordFile, CopySourceOptions.KeyFileVariable, CopySourceOptions.PasswordFileVariable, CopySourceOptions.PasswordVariable)
        ?? Read(parse, isNew: false, cancellationToken);

    public static RepositorySecret FromKeyFile(string path) => FromFile("key file", path, RepositorySecret.FromKeyFile);

    public static RepositorySecret FromPasswordFile(string path) => FromFile("password file", path, RepositorySecret.FromPassphrase);

    /// <summary>A passphrase that is chosen now; null when nobody can be asked.</summary>
    public static RepositorySecret? AskForNew(CancellationToken cancellationToken) => CanAsk ? Ask("New passphrase: ", isNew: true, cancellationToken) : null;

    /// <summary>Writes a fresh key, readable by its owner only, and never over an existing file.</summary>
    public static RepositorySecret Generate(string path)
    {
        Span<byte> key = stackalloc byte[RepositorySecret.KeyLength];
        try
        {
            RandomNumberGenerator.Fill(key);
            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            };
            using (var file = new FileStream(path, options))
            {
                file.Write(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(key) + "\n"));
                file.Flush(flushToDisk: true);
            }

            return RepositorySecret.FromKey(key);
        }
        catch (IOException) when (File.Exists(path))
        {
            throw new CommandException(ExitCode.Failed, $"key file {DisplayText.Name(path)}: it exists (name a new file, or use this key with --key-file)");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>What flags or variables name. A flag beats every variable, so that one command can differ from what a shell has set.</summary>
    private static RepositorySecret? Given(ParseResult parse, Option<string> keyFile, Option<string> passwordFile, string keyFileVariable, string passwordFileVariable, string passwordVariable)
    {
        var (key, password) = (parse.GetValue(keyFile)!, parse.GetValue(passwordFile)!);
        if (key.Length > 0 && password.Length > 0)
            throw new UsageException($"{keyFile.Name} and {passwordFile.Name} exclude each other (give one of the two)");
        if (key.Length + password.Length == 0)
        {
            key = Environment.GetEnvironmentVariable(keyFileVariable) ?? "";
            password = key.Length > 0 ? "" : Environment.GetEnvironmentVariable(passwordFileVariable) ?? "";
        }

        if (key.Length > 0)
            return FromKeyFile(key);
        if (password.Length > 0)
            return FromPasswordFile(password);
        return Environment.GetEnvironmentVariable(passwordVariable) is { Length: > 0 } passphrase ? FromPassphrase(passphrase, passwordVariable) : null;
    }

    private static RepositorySecret FromFile(string what, string path, ReadSecret read)
    {
        var content = new byte[MaxFileLength + 1];
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            var length = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            return length <= MaxFileLength
                ? read(content.AsSpan(0, length))
                : throw new InvalidDataException($"it is longer than {MaxFileLength} bytes");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new CommandException(ExitCode.Failed, $"{what} {DisplayText.Name(path)}: {FileFailure.Why(exception, path)}", exception);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    private static bool CanAsk => StandardStreams.InputIsTerminal && TerminalInterop.IsTerminal(TerminalInterop.StandardError);

    private static RepositorySecret FromPassphrase(string text, string origin)
    {
        try
        {
            return RepositorySecret.FromPassphrase(text);
        }
        catch (InvalidDataException exception)
        {
            throw new UsageException($"{origin}: {exception.Message} (nothing was done; give another one)");
        }
    }

    private static RepositorySecret Ask(string prompt, bool isNew, CancellationToken cancellationToken)
    {
        using var input = new HiddenInput();
        var first = input.Ask(prompt, cancellationToken);
        if (first.Length == 0)
            throw new UsageException("the passphrase is empty (nothing was done; type one, or give --key-file or --password-file)");
        if (isNew && input.Ask("The same again: ", cancellationToken) != first)
            throw new UsageException("the two passphrases differ (nothing was done; try again)");
        return FromPassphrase(first, "passphrase");
    }

    private delegate RepositorySecret ReadSecret(ReadOnlySpan<byte> content);
}
