using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Invocation;

/// <summary>Runs a verb and turns whatever stops it into one line on standard error and an exit code.</summary>
internal static class CommandRunner
{
    public static void Runs(this Command command, Func<ParseResult, CancellationToken, Task<int>> execute) =>
        command.SetAction((parse, cancellationToken) => RunAsync(parse, execute, cancellationToken));

    private static async Task<int> RunAsync(ParseResult parse, Func<ParseResult, CancellationToken, Task<int>> execute, CancellationToken cancellationToken)
    {
        try
        {
            var code = await execute(parse, cancellationToken);
            await StandardStreams.Out.FlushAsync(CancellationToken.None);
            return code;
        }
        catch (OutputClosedException)
        {
            return ExitCode.OutputClosed;
        }
        catch (Exception exception)
        {
            TryFlush();
            var failure = Failure.Of(exception, cancellationToken.IsCancellationRequested);
            StandardStreams.ReportError(failure.Message);
            if (GlobalOptions.IsVerbose(parse) && failure.ExitCode != ExitCode.Interrupted)
                await StandardStreams.Error.WriteLineAsync(exception.ToString());
            return failure.ExitCode;
        }
    }

    /// <summary>What was printed before the failure is still true; a second failure here would hide the first.</summary>
    private static void TryFlush()
    {
        try
        {
            StandardStreams.Out.Flush();
        }
        catch (IOException)
        {
        }
    }
}
