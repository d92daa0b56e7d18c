using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace NodeAgent.Hosting.Logging;

/// <summary>One line: <c>time="…" level=info msg="…" logger=…</c>. Whatever is in a message, it stays on its line.</summary>
internal sealed class TextLogFormatter(TimeProvider time) : ConsoleFormatter("nodeagent-text")
{
    public TextLogFormatter()
        : this(TimeProvider.System)
    {
    }

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var line = new StringBuilder();
        line.Append("time=\"").Append(LogLevelNames.Time(time.GetUtcNow())).Append("\" level=").Append(LogLevelNames.Of(logEntry.LogLevel));
        Append(line, "msg", logEntry.Formatter(logEntry.State, logEntry.Exception));
        line.Append(" logger=").Append(logEntry.Category);
        if (logEntry.Exception is { } failure)
        {
            Append(line, "error", $"{failure.GetType().Name}: {failure.Message}");
            if (logEntry.LogLevel >= LogLevel.Error) Append(line, "stack", failure.ToString());
        }

        // In one piece, so that lines of several threads do not mix.
        textWriter.Write(line.Append('\n').ToString());
    }

    private static void Append(StringBuilder line, string name, string value)
    {
        line.Append(' ').Append(name).Append("=\"");
        foreach (var c in value)
        {
            switch (c)
            {
                case '"' or '\\':
                    line.Append('\\').Append(c);
                    break;
                case '\n':
                    line.Append("\\n");
                    break;
                case '\t':
                    line.Append("\\t");
                    break;
                default:
                    if (char.IsControl(c)) line.Append("\\x").Append(((int)c).ToString("x2", CultureInfo.InvariantCulture));
                    else line.Append(c);
                    break;
            }
        }

        line.Append('"');
    }
}
