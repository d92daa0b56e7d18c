using System.Security.Cryptography;
using System.Text;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Terminal;

/// <summary>
/// Lines typed on the terminal that standard input is, unseen for as long as this lives. Console shows what is typed between two
/// of its reads, and no interruption ends one.
/// </summary>
internal sealed class HiddenInput : IDisposable
{
    /// <summary>More than a terminal gives in one line.</summary>
    private const int MaxLine = 4096;

    private static readonly UTF8Encoding Text = new(false, throwOnInvalidBytes: true);

    private readonly byte[]? _settings = TerminalInterop.HideInput(TerminalInterop.StandardInput);
    private bool _isOver;

    /// <summary>Asks for a line. The terminal edits it, and what is no character in it is left out.</summary>
    /// <exception cref="OperationCanceledException">It was interrupted.</exception>
    public string Ask(string prompt, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        StandardStreams.Error.Write(prompt);
        // Left waiting when it is interrupted: the process ends without it.
        var typing = Task.Run(ReadLine, CancellationToken.None);
        try
        {
            Task.WaitAny([typing], cancellationToken);
        }
        finally
        {
            // The end of the line that was typed is not shown either, and after an interruption there is none.
            StandardStreams.Error.WriteLine();
        }

        return typing.GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        _isOver = true;
        if (_settings is not null) TerminalInterop.RestoreInput(TerminalInterop.StandardInput, _settings);
    }

    private static string ReadLine()
    {
        var line = new byte[MaxLine];
        var length = 0;
        try
        {
            while (length < line.Length && TerminalInterop.ReadInput(line.AsSpan(length)) is > 0 and var read)
            {
                length += read;
                if (line[length - 1] == '\n') break;
            }

            return string.Concat(Text.GetString(line, 0, length).Where(c => !char.IsControl(c)));
        }
        catch (DecoderFallbackException)
        {
            // In its place there would be the same character for every such byte, and other passphrases would do as well.
            throw new UsageException("what was typed is not UTF-8 (set the terminal to UTF-8, or give --password-file)");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(line);
        }
    }
}
