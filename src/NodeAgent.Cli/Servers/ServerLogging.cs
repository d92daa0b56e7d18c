using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using NodeAgent.Cli.CommandLine;

namespace NodeAgent.Cli.Servers;

/// <summary>The log of a server: to standard error, as JSON in a cluster and as plain lines on request.</summary>
internal static class ServerLogging
{
    private const string Json = "json";
    private const string TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";

    public static readonly Option<string> Level = Flags.Choice("--log-level", "How much is logged", ["debug", "info", "warning", "error"], "info");
    public static readonly Option<string> Format = Flags.Choice("--log-format", "How it is logged", ["text", Json], "text");

    /// <summary>The caller disposes the factory, which writes out what is pending.</summary>
    public static ILoggerFactory Create(ParseResult parse) => LoggerFactory.Create(logging =>
    {
        logging.SetMinimumLevel(parse.GetValue(Level) switch
        {
            "debug" => LogLevel.Debug,
            "warning" => LogLevel.Warning,
            "error" => LogLevel.Error,
            _ => LogLevel.Information,
        });
        if (parse.GetValue(Format) == Json)
            logging.AddJsonConsole(console => (console.TimestampFormat, console.UseUtcTimestamp) = (TimestampFormat, true));
        else
            logging.AddSimpleConsole(console => (console.SingleLine, console.TimestampFormat, console.UseUtcTimestamp) = (true, TimestampFormat + " ", true));
        logging.Services.Configure<ConsoleLoggerOptions>(static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    });
}
