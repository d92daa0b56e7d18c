using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace NodeAgent.Hosting.Logging;

/// <summary>How a server logs: Velero's <c>--log-level</c> and <c>--log-format</c>. Everything goes to standard error.</summary>
public sealed record LogSettings(LogLevel Level, LogFormat Format)
{
    public static readonly LogSettings Default = new(LogLevel.Information, LogFormat.Text);

    /// <summary>What <c>--log-level</c> takes.</summary>
    public static readonly IReadOnlyList<string> LevelNames = ["trace", "debug", "info", "warning", "error", "fatal", "panic"];

    /// <summary>What <c>--log-format</c> takes.</summary>
    public static readonly IReadOnlyList<string> FormatNames = ["text", "json"];

    /// <exception cref="FormatException">One of the words is none of those that there are; the message lists them.</exception>
    public static LogSettings Parse(string level, string format) => new(
        level switch
        {
            "trace" => LogLevel.Trace,
            "debug" => LogLevel.Debug,
            "info" => LogLevel.Information,
            "warning" or "warn" => LogLevel.Warning,
            "error" => LogLevel.Error,
            "fatal" or "panic" => LogLevel.Critical,
            _ => throw new FormatException($"log level \"{level}\" is none of {string.Join(", ", LevelNames)}"),
        },
        format switch
        {
            "text" => LogFormat.Text,
            "json" => LogFormat.Json,
            _ => throw new FormatException($"log format \"{format}\" is none of {string.Join(", ", FormatNames)}"),
        });

    /// <summary>The caller disposes the factory, which writes out what is pending.</summary>
    public ILoggerFactory CreateFactory() => LoggerFactory.Create(Configure);

    public void Configure(ILoggingBuilder logging)
    {
        ArgumentNullException.ThrowIfNull(logging);
        logging.SetMinimumLevel(Level);
        // Kestrel says at this level what each probe asked for.
        logging.AddFilter("Microsoft", Level > LogLevel.Warning ? Level : LogLevel.Warning);
        ConsoleFormatter formatter = Format == LogFormat.Json ? new JsonLogFormatter() : new TextLogFormatter();
        logging.Services.AddSingleton(formatter);
        logging.AddConsole(console => (console.FormatterName, console.LogToStandardErrorThreshold) = (formatter.Name, LogLevel.Trace));
    }
}
