namespace NodeAgent.Cli.Invocation;

/// <summary>A command that cannot be done, with the exit code that says why. The message is one line: what, why, what to do.</summary>
internal sealed class CommandException(int exitCode, string message, Exception? cause = null) : Exception(message, cause)
{
    public int ExitCode { get; } = exitCode;
}
