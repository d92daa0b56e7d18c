using System.Text;
using System.Text.Json.Nodes;

namespace NodeAgent.Cli.Cluster;

/// <summary>A line of a run's log, <c>time="…" level=info msg="…"</c>, as an object of its fields.</summary>
internal static class LogLine
{
    /// <summary>A line that is not made of fields becomes one with the field <c>msg</c> alone, so that nothing of a log is left out.</summary>
    public static JsonObject ToJson(string line)
    {
        var fields = new JsonObject();
        for (var at = 0; at < line.Length;)
        {
            if (line[at] == ' ')
            {
                at++;
                continue;
            }

            var equals = line.IndexOf('=', at);
            if (equals <= at || line.AsSpan(at, equals - at).ContainsAny(' ', '"')) return new JsonObject { ["msg"] = line };
            var name = line[at..equals];
            at = equals + 1;
            var value = at < line.Length && line[at] == '"' ? Quoted(line, ref at) : Bare(line, ref at);
            if (value is null) return new JsonObject { ["msg"] = line };
            fields[name] = value;
        }

        return fields;
    }

    private static string Bare(string line, ref int at)
    {
        var end = line.IndexOf(' ', at);
        if (end < 0) end = line.Length;
        var value = line[at..end];
        at = end;
        return value;
    }

    private static string? Quoted(string line, ref int at)
    {
        var value = new StringBuilder();
        for (at++; at < line.Length; at++)
        {
            if (line[at] == '"')
            {
                at++;
                return value.ToString();
            }

            if (line[at] == '\\' && at + 1 < line.Length)
            {
                at++;
                value.Append(line[at] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', var other => other });
            }
            else
            {
                value.Append(line[at]);
            }
        }

        return null;
    }
}
