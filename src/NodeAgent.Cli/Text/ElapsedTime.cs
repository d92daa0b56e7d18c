using System.Globalization;

namespace NodeAgent.Cli.Text;

/// <summary>Durations for people: 0.8 s, 12 s, 3:07, 2:05:09.</summary>
internal static class ElapsedTime
{
    public static string Format(TimeSpan time)
    {
        if (time < TimeSpan.FromSeconds(10))
            return string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");
        return time < TimeSpan.FromMinutes(1)
            ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s")
            : Clock(time);
    }

    /// <summary>m:ss or h:mm:ss, for a figure that is redrawn in place.</summary>
    public static string Clock(TimeSpan time)
    {
        var seconds = (long)Math.Round(time.TotalSeconds);
        return seconds < 3600
            ? string.Create(CultureInfo.InvariantCulture, $"{seconds / 60}:{seconds % 60:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600}:{seconds / 60 % 60:00}:{seconds % 60:00}");
    }
}
