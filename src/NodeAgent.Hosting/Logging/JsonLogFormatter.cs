using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace NodeAgent.Hosting.Logging;

/// <summary>One JSON object a line, with the field names that Velero's logs have and one field for each value in the message.</summary>
internal sealed class JsonLogFormatter(TimeProvider time) : ConsoleFormatter("nodeagent-json")
{
    // Read by machines, never put into a page: quotes and signs need no escapes of their own.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly string[] OwnFields = ["level", "logger", "msg", "time", "error", "stack"];

    public JsonLogFormatter()
        : this(TimeProvider.System)
    {
    }

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("time", LogLevelNames.Time(time.GetUtcNow()));
            json.WriteString("level", LogLevelNames.Of(logEntry.LogLevel));
            json.WriteString("msg", logEntry.Formatter(logEntry.State, logEntry.Exception));
            json.WriteString("logger", logEntry.Category);
            if (logEntry.State is IReadOnlyList<KeyValuePair<string, object?>> values) WriteValues(json, values);
            if (logEntry.Exception is { } failure)
            {
                json.WriteString("error", $"{failure.GetType().Name}: {failure.Message}");
                if (logEntry.LogLevel >= LogLevel.Error) json.WriteString("stack", failure.ToString());
            }

            json.WriteEndObject();
        }

        // In one piece, so that lines of several threads do not mix.
        textWriter.Write(Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n");
    }

    private static void WriteValues(Utf8JsonWriter json, IReadOnlyList<KeyValuePair<string, object?>> values)
    {
        foreach (var (name, value) in values)
        {
            if (name.Length == 0 || name == "{OriginalFormat}") continue;
            var field = char.ToLowerInvariant(name[0]) + name[1..];
            if (Array.IndexOf(OwnFields, field) >= 0) field += "_";
            switch (value)
            {
                case null:
                    json.WriteNull(field);
                    break;
                case bool flag:
                    json.WriteBoolean(field, flag);
                    break;
                case int or long or short or byte or uint:
                    json.WriteNumber(field, Convert.ToInt64(value, CultureInfo.InvariantCulture));
                    break;
                case double number when double.IsFinite(number):
                    json.WriteNumber(field, number);
                    break;
                default:
                    json.WriteString(field, Convert.ToString(value, CultureInfo.InvariantCulture));
                    break;
            }
        }
    }
}
