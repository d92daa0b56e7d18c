using System.Globalization;
using System.Text;

namespace NodeAgent.Repository.Snapshots.Retention;

/// <summary>A length of time as people speak of keeping things: years, months, weeks, days and hours, such as 1y6m or 30d.</summary>
/// <param name="Years">Calendar years.</param>
/// <param name="Months">Calendar months.</param>
/// <param name="Days">Days by the calendar, which are 23 or 25 hours long when the clocks change.</param>
/// <param name="Hours">Hours.</param>
public sealed record RetentionSpan(int Years, int Months, int Days, int Hours)
{
    private const int MaxNumber = 1_000_000;

    /// <summary>Reads numbers with their units (y, m, w, d, h), each unit once at most, in any order; false for anything else and for nothing at all.</summary>
    public static bool TryParse(string? text, out RetentionSpan span)
    {
        span = new RetentionSpan(0, 0, 0, 0);
        if (string.IsNullOrEmpty(text)) return false;
        var seen = "";
        var at = 0;
        while (at < text.Length)
        {
            var end = at;
            while (end < text.Length && char.IsAsciiDigit(text[end])) end++;
            if (end == at || end == text.Length || seen.Contains(text[end], StringComparison.Ordinal)) return false;
            if (!int.TryParse(text.AsSpan(at, end - at), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > MaxNumber) return false;
            switch (text[end])
            {
                case 'y':
                    span = span with { Years = number };
                    break;
                case 'm':
                    span = span with { Months = number };
                    break;
                case 'w':
                    span = span with { Days = span.Days + (7 * number) };
                    break;
                case 'd':
                    span = span with { Days = span.Days + number };
                    break;
                case 'h':
                    span = span with { Hours = number };
                    break;
                default:
                    return false;
            }

            seen += text[end];
            at = end + 1;
        }

        return true;
    }

    /// <summary>The moment that lies this long before another: years, months and days by the calendar of the zone, hours by the clock.</summary>
    public DateTimeOffset Before(DateTimeOffset moment, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTime(moment, zone).DateTime;
        try
        {
            var earlier = local.AddYears(-Years).AddMonths(-Months).AddDays(-Days);
            // An hour that the clocks left out: what comes right after it stands for it.
            while (zone.IsInvalidTime(earlier)) earlier = earlier.AddMinutes(30);
            // Nothing was subtracted but hours: the same moment, even in an hour that the clocks went through twice.
            var start = earlier == local ? moment : new DateTimeOffset(earlier, zone.GetUtcOffset(earlier));
            return start.AddHours(-Hours);
        }
        catch (ArgumentOutOfRangeException)
        {
            // Longer than the calendar goes back.
            return DateTimeOffset.MinValue;
        }
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var (number, unit) in ((int, char)[])[(Years, 'y'), (Months, 'm'), (Days, 'd'), (Hours, 'h')])
        {
            if (number > 0) text.Append(CultureInfo.InvariantCulture, $"{number}{unit}");
        }

        return text.Length == 0 ? "0h" : text.ToString();
    }
}
