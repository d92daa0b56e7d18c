using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Terminal;

/// <summary>
/// Lines typed on the terminal that standard input is, unseen for as long as this lives. Console shows what is typed between two
/// of its reads, and no interruption ends one. While the process is stopped, as by Ctrl-Z, the terminal shows what is typed to the shell.
/// </summary>
internal sealed class HiddenInput : IDisposable
{
    /// <summary>More than a terminal gives in one line.</summary>
    private const int MaxLine = 4096;

    private static readonly UTF8Encoding Text = new(false, throwOnInvalidBytes: true);

    private readonly Lock _gate = new();
    private PosixSignalRegistration _stopping;
    private byte[]? _settings;
    private string? _prompt;
    private bool _isOver;

    public HiddenInput()
    {
        lock (_gate)
        {
            // In this order, so that no stop comes between the two.
            _stopping = PosixSignalRegistration.Create(PosixSignal.SIGTSTP, OnStop);
            _settings = TerminalInterop.HideInput(TerminalInterop.StandardInput);
        }
    }

    /// <summary>Asks for a line. The terminal edits it, and what is no character in it is left out.</summary>
    /// <exception cref="OperationCanceledException">It was interrupted.</exception>
    public string Ask(string prompt, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isOver, this);
            _prompt = prompt;
            StandardStreams.Error.Write(prompt);
        }

        // Left waiting when it is interrupted: the process ends without it.
        var typing = Task.Run(ReadLine, CancellationToken.None);
        try
        {
            Task.WaitAny([typing], cancellationToken);
        }
        finally
        {
            lock (_gate)
            {
                _prompt = null;
                // The end of the line that was typed is not shown either, and after an interruption there is none.
                StandardStreams.Error.WriteLine();
            }
        }

        return typing.GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_isOver) return;
            _isOver = true;
            _stopping.Dispose();
            Restore();
        }
    }

    private void Restore()
    {
        if (_settings is not null) TerminalInterop.RestoreInput(TerminalInterop.StandardInput, _settings);
    }

    /// <summary>
    /// A signal that somebody handles stops nobody, so the stop is made up for here. What was typed of the line is gone, as the terminal drops it: it
    /// is asked for from its beginning once the process goes on.
    /// </summary>
    private void OnStop(PosixSignalContext context)
    {
        context.Cancel = true;
        lock (_gate)
        {
            if (_isOver) return;
            Restore();
            // From here on the signal does what it does by default: nothing where no shell could let the process go on.
            _stopping.Dispose();
            TerminalInterop.Stop();
            // It goes on here. In the background the terminal cannot be changed, and the kernel stops the process again until it is in front.
            _stopping = PosixSignalRegistration.Create(PosixSignal.SIGTSTP, OnStop);
            _settings = TerminalInterop.HideInput(TerminalInterop.StandardInput);
            if (_prompt is not null) StandardStreams.Error.Write(_prompt);
        }
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
