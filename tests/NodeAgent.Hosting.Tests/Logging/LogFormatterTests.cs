using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using NodeAgent.Hosting.Logging;

namespace NodeAgent.Hosting.Tests.Logging;

public sealed class LogFormatterTests
{
    private readonly ManualTimeProvider _time = new();

    [Theory]
    [InlineData(LogLevel.Debug, "debug")]
    [InlineData(LogLevel.Information, "info")]
    [InlineData(LogLevel.Warning, "warning")]
    [InlineData(LogLevel.Error, "error")]
    [InlineData(LogLevel.Critical, "fatal")]
    public void A_message_is_one_line_of_names_and_values(LogLevel level, string word) =>
        Assert.Equal(
            $"time=\"2026-01-31T12:00:00.000Z\" level={word} msg=\"Backup \\\"b\\\"\\nhas \\x1b[31m5\" logger=NodeAgent.Test\n",
            Write(new TextLogFormatter(_time), level, "Backup \"b\"\nhas \x1b[31m5", null, []));

    [Fact]
    public void A_failure_is_told_with_its_stack_where_it_is_an_error_and_stays_on_the_line()
    {
        var failure = Thrown();
        var warning = Write(new TextLogFormatter(_time), LogLevel.Warning, "m", failure, []);
        Assert.EndsWith(" error=\"IOException: disk\\nfull\"\n", warning, StringComparison.Ordinal);
        var error = Write(new TextLogFormatter(_time), LogLevel.Error, "m", failure, []);
        Assert.Contains(nameof(Thrown), error, StringComparison.Ordinal);
        Assert.Equal(error.Length - 1, error.IndexOf('\n', StringComparison.Ordinal));
    }

    [Fact]
    public void A_json_line_has_a_field_for_each_value_in_the_message()
    {
        var line = Write(new JsonLogFormatter(_time), LogLevel.Information, "Backup \"b\"\n", null, [
            new("Backup", "velero/b"), new("Bytes", 5L), new("Ratio", 0.5), new("IsNew", true), new("Level", "own"), new("Parent", null), new("NaN", double.NaN),
            new("Took", TimeSpan.FromSeconds(90)), new("{OriginalFormat}", "Backup {Backup}")]);
        Assert.Equal(
            "{\"time\":\"2026-01-31T12:00:00.000Z\",\"level\":\"info\",\"msg\":\"Backup \\\"b\\\"\\n\",\"logger\":\"NodeAgent.Test\",\"backup\":\"velero/b\",\"bytes\":5,\"ratio\":0.5,"
            + "\"isNew\":true,\"level_\":\"own\",\"parent\":null,\"naN\":\"NaN\",\"took\":\"00:01:30\"}\n",
            line);
    }

    [Fact]
    public void A_json_line_has_the_failure()
    {
        var json = JsonNode.Parse(Write(new JsonLogFormatter(_time), LogLevel.Error, "m", Thrown(), []))!;
        Assert.Equal("IOException: disk\nfull", (string?)json["error"]);
        Assert.Contains(nameof(Thrown), (string?)json["stack"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("info", "text", LogLevel.Information, LogFormat.Text)]
    [InlineData("warn", "json", LogLevel.Warning, LogFormat.Json)]
    [InlineData("panic", "json", LogLevel.Critical, LogFormat.Json)]
    public void Flags_are_read_as_Velero_has_them(string level, string format, LogLevel expectedLevel, LogFormat expectedFormat) =>
        Assert.Equal(new LogSettings(expectedLevel, expectedFormat), LogSettings.Parse(level, format));

    [Fact]
    public void Unknown_words_are_answered_with_those_that_there_are()
    {
        Assert.Equal("log level \"loud\" is none of trace, debug, info, warning, error, fatal, panic", Assert.Throws<FormatException>(() => LogSettings.Parse("loud", "text")).Message);
        Assert.Equal("log format \"xml\" is none of text, json", Assert.Throws<FormatException>(() => LogSettings.Parse("info", "xml")).Message);
    }

    [Fact]
    public void Levels_below_the_one_asked_for_and_the_servers_own_chatter_are_left_out()
    {
        using var loggers = new LogSettings(LogLevel.Information, LogFormat.Json).CreateFactory();
        var (own, server) = (loggers.CreateLogger("NodeAgent.X"), loggers.CreateLogger("Microsoft.AspNetCore.Server.Kestrel"));
        Assert.Equal((true, false, true, false), (own.IsEnabled(LogLevel.Information), own.IsEnabled(LogLevel.Debug), server.IsEnabled(LogLevel.Warning), server.IsEnabled(LogLevel.Information)));
    }

    private static IOException Thrown()
    {
        try
        {
            throw new IOException("disk\nfull");
        }
        catch (IOException e)
        {
            return e;
        }
    }

    private static string Write(ConsoleFormatter formatter, LogLevel level, string message, Exception? failure, List<KeyValuePair<string, object?>> values)
    {
        using var text = new StringWriter();
        formatter.Write(new LogEntry<IReadOnlyList<KeyValuePair<string, object?>>>(level, "NodeAgent.Test", 1, values, failure, (_, _) => message), null, text);
        return text.ToString();
    }
}
