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
    /// <exception cref="UsageException">None was given, or two.</exception>
    /// <exception cref="CommandException">The file cannot be read or holds no secret.</exception>
    public static RepositorySecret Read(ParseResult parse, bool isNew)
    {
        if (Given(parse, RepositoryOptions.KeyFile, RepositoryOptions.PasswordFile, RepositoryOptions.KeyFileVariable, RepositoryOptions.PasswordFileVariable, RepositoryOptions.PasswordVariable) is { } given)
            return given;
        if (CanAsk)
            return Ask("Passphrase of the repository: ", isNew);
        throw new UsageException($"no key is given (give --key-file or --password-file, or set {RepositoryOptions.KeyFileVariable}, {RepositoryOptions.PasswordFileVariable} or {RepositoryOptions.PasswordVariable})");
    }

    /// <summary>The secret of the repository that is copied from: its own flags and variables, else that of the other one.</summary>
    /// <inheritdoc cref="Read" path="/exception"/>
    public static RepositorySecret ReadFrom(ParseResult parse) =>
        Given(parse, CopySourceOptions.KeyFile, CopySourceOptions.PasswordFile, CopySourceOptions.KeyFileVariable, CopySourceOptions.PasswordFileVariable, CopySourceOptions.PasswordVariable)
        ?? Read(parse, isNew: false);

    public static RepositorySecret FromKeyFile(string path) => FromFile("key file", path, RepositorySecret.FromKeyFile);

    public static RepositorySecret FromPasswordFile(string path) => FromFile("password file", path, RepositorySecret.FromPassphrase);

    /// <summary>A passphrase that is chosen now; null when nobody can be asked.</summary>
    public static RepositorySecret? AskForNew() => CanAsk ? Ask("New passphrase: ", isNew: true) : null;

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
        return Environment.GetEnvironmentVariable(passwordVariable) is { Length: > 0 } passphrase ? RepositorySecret.FromPassphrase(passphrase) : null;
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
            var why = exception is FileNotFoundException or DirectoryNotFoundException ? "it is not there (check the path)" : exception.Message;
            throw new CommandException(ExitCode.Failed, $"{what} {DisplayText.Name(path)}: {why}", exception);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    private static bool CanAsk => StandardStreams.InputIsTerminal && TerminalInterop.IsTerminal(TerminalInterop.StandardError);

    private static RepositorySecret Ask(string prompt, bool isNew)
    {
        var first = ReadHidden(prompt);
        if (isNew && ReadHidden("The same again: ") != first)
            throw new UsageException("the two passphrases differ (nothing was done; try again)");
        return RepositorySecret.FromPassphrase(first);
    }

    private static string ReadHidden(string prompt)
    {
        StandardStreams.Error.Write(prompt);
        var text = new StringBuilder();
        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            if (key.Key == ConsoleKey.Enter)
                break;
            if (key.Key == ConsoleKey.Backspace)
                text.Length = Math.Max(0, text.Length - 1);
            else if (!char.IsControl(key.KeyChar))
                text.Append(key.KeyChar);
        }

        StandardStreams.Error.WriteLine();
        return text.ToString();
    }

    private delegate RepositorySecret ReadSecret(ReadOnlySpan<byte> content);
}
