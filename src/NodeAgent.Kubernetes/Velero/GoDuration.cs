using System.Buffers;
using System.Globalization;
using System.Text;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>Durations in Go's notation: <c>1h30m0s</c>, <c>1.5s</c>, <c>250ms</c>. Below 100 ns is rounded towards zero.</summary>
public static class GoDuration
{
    private const long MaxTicks = long.MaxValue;

    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    /// <summary>Reads a duration; false when the text is none or does not fit 64 bits of 100 ns.</summary>
    public static bool TryParse(string? text, out TimeSpan duration)
    {
        duration = default;
        if (string.IsNullOrEmpty(text)) return false;
        var rest = text.AsSpan();
        var negative = rest[0] == '-';
        if (rest[0] is '-' or '+') rest = rest[1..];
        if (rest is "0") return true;
        if (rest.IsEmpty) return false;
        decimal ticks = 0;
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept(NumberCharacters);
            if (digits <= 0 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return false;
            rest = rest[digits..];
            var unitEnd = rest.IndexOfAny(NumberCharacters);
            var unit = unitEnd < 0 ? rest : rest[..unitEnd];
            decimal? size = unit switch
            {
                "ns" => 0.01m,
                "us" or "µs" or "μs" => TimeSpan.TicksPerMicrosecond,
                "ms" => TimeSpan.TicksPerMillisecond,
                "s" => TimeSpan.TicksPerSecond,
                "m" => TimeSpan.TicksPerMinute,
                "h" => TimeSpan.TicksPerHour,
                _ => null,
            };
            if (size is null || number > MaxTicks) return false;
            ticks += number * size.Value;
            if (ticks > MaxTicks) return false;
            rest = rest[unit.Length..];
        }

        duration = new TimeSpan((long)(negative ? -ticks : ticks));
        return true;
    }

    /// <summary>Writes a duration as Go prints it, such as <c>720h0m0s</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero) return "0s";
        var text = new StringBuilder();
        if (duration < TimeSpan.Zero) text.Append('-');
        // A decimal, because the smallest TimeSpan has no positive counterpart.
        var ticks = Math.Abs((decimal)duration.Ticks);
        if (ticks < TimeSpan.TicksPerMillisecond) return Append(text, ticks / TimeSpan.TicksPerMicrosecond, "µs");
        if (ticks < TimeSpan.TicksPerSecond) return Append(text, ticks / TimeSpan.TicksPerMillisecond, "ms");
        var hours = decimal.Floor(ticks / TimeSpan.TicksPerHour);
        var minutes = decimal.Floor(ticks % TimeSpan.TicksPerHour / TimeSpan.TicksPerMinute);
        if (hours > 0) Append(text, hours, "h");
        if (hours > 0 || minutes > 0) Append(text, minutes, "m");
        return Append(text, ticks % TimeSpan.TicksPerMinute / TimeSpan.TicksPerSecond, "s");
    }

    private static string Append(StringBuilder text, decimal number, string unit) =>
        text.Append(number.ToString("0.#########", CultureInfo.InvariantCulture)).Append(unit).ToString();
}
