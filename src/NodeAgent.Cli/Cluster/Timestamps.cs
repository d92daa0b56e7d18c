using System.Globalization;

namespace NodeAgent.Cli.Cluster;

/// <summary>Times and spans in the words of kubectl and Velero.</summary>
internal static class Timestamps
{
    public static string Full(DateTimeOffset? time) =>
        time is { } value ? value.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss '+0000 UTC'", CultureInfo.InvariantCulture) : "<nil>";

    public static string Ago(DateTimeOffset? time, DateTimeOffset now) => time is { } value ? Short(now - value) + " ago" : "n/a";

    /// <summary>The largest unit only: 45s, 12m, 3h, 29d, 2y.</summary>
    public static string Short(TimeSpan span)
    {
        var (value, unit) = span switch
        {
            { TotalSeconds: < 0 } => (0, "s"),
            { TotalMinutes: < 1 } => ((int)span.TotalSeconds, "s"),
            { TotalHours: < 1 } => ((int)span.TotalMinutes, "m"),
            { TotalDays: < 1 } => ((int)span.TotalHours, "h"),
            { TotalDays: < 365 } => ((int)span.TotalDays, "d"),
            _ => ((int)(span.TotalDays / 365), "y"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{value}{unit}");
    }
}
