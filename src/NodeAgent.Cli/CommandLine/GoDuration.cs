using System.Buffers;
using System.Globalization;
using System.Text;

namespace NodeAgent.Cli.CommandLine;

/// <summary>Durations as Go writes them, which is how they stand in Kubernetes objects: 720h0m0s, 1m30s, 500ms.</summary>
internal static class GoDuration
{
    // Longest first, so that "ms" is not read as minutes.
    private static readonly (string Unit, double Seconds)[] Units =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1), ("m", 60), ("h", 3600)];

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var rest = text.AsSpan();
        var negative = rest.StartsWith("-");
        if (rest.StartsWith("-") || rest.StartsWith("+"))
            rest = rest[1..];
        if (rest.SequenceEqual("0"))
            return true;
        if (rest.IsEmpty)
            return false;

        var seconds = 0.0;
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
                return false;
            rest = rest[digits..];
            var unit = UnitAt(rest);
            if (unit < 0)
                return false;
            seconds += number * Units[unit].Seconds;
            rest = rest[Units[unit].Unit.Length..];
        }

        if (seconds > TimeSpan.MaxValue.TotalSeconds)
            return false;
        duration = TimeSpan.FromSeconds(negative ? -seconds : seconds);
        return true;
    }

    public static TimeSpan Parse(string text) =>
        TryParse(text, out var duration) ? duration : throw new FormatException($"{text}: not a duration");

    /// <summary>The form that Go's String() gives, so that an object written here equals one written by Velero.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero)
            return "0s";
        var text = new StringBuilder(duration < TimeSpan.Zero ? "-" : "");
        duration = duration.Duration();
        if (duration < TimeSpan.FromSeconds(1))
            return text.Append(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds:0.####}ms").ToString();
        var hours = (long)duration.TotalHours;
        if (hours > 0)
            text.Append(CultureInfo.InvariantCulture, $"{hours}h");
        if (hours > 0 || duration.Minutes > 0)
            text.Append(CultureInfo.InvariantCulture, $"{duration.Minutes}m");
        return text.Append(CultureInfo.InvariantCulture, $"{duration.Seconds + (duration.Ticks % TimeSpan.TicksPerSecond / (double)TimeSpan.TicksPerSecond):0.#######}s").ToString();
    }

    private static int UnitAt(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < Units.Length; i++)
        {
            if (text.StartsWith(Units[i].Unit, StringComparison.Ordinal))
                return i;
        }

        return -1;
    }
}
