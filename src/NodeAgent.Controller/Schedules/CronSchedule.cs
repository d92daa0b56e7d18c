using System.Globalization;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Schedules;

/// <summary>
/// A cron expression: five fields (minute, hour, day of month, month, day of week) with lists, ranges, steps and names; a
/// descriptor such as @daily; or @every with a duration. A prefix CRON_TZ=zone or TZ=zone sets the zone, which is UTC otherwise.
/// </summary>
internal sealed class CronSchedule
{
    // Within this comes every date that there is: the longest without a 29 February, around a year such as 2100, are eight.
    private const int MaxYears = 9;

    private static readonly string[] Months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    private static readonly string[] Days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

    private readonly TimeSpan _every;
    private readonly TimeZoneInfo _zone = TimeZoneInfo.Utc;
    private readonly ulong _minutes;
    private readonly ulong _hours;
    private readonly ulong _daysOfMonth;
    private readonly ulong _months;
    private readonly ulong _daysOfWeek;
    private readonly bool _repeats;
    private readonly bool _anyDayOfMonth;
    private readonly bool _anyDayOfWeek;

    private CronSchedule(TimeSpan every) => _every = every;

    private CronSchedule(string[] fields, TimeZoneInfo zone)
    {
        _zone = zone;
        _minutes = Field(fields[0], "minute", 0, 59, []);
        _hours = Field(fields[1], "hour", 0, 23, []);
        _daysOfMonth = Field(fields[2], "day of month", 1, 31, []);
        _months = Field(fields[3], "month", 1, 12, Months);
        _daysOfWeek = Field(fields[4], "day of week", 0, 7, Days);
        // Sunday is 0 and 7.
        if ((_daysOfWeek & (1UL << 7)) != 0) _daysOfWeek |= 1;
        _repeats = IsAny(fields[0]) || IsAny(fields[1]);
        _anyDayOfMonth = IsAny(fields[2]);
        _anyDayOfWeek = IsAny(fields[4]);
    }

    /// <summary>Reads an expression. Throws <see cref="FormatException"/> with what is wrong and where.</summary>
    public static CronSchedule Parse(string? expression)
    {
        var text = (expression ?? "").Trim();
        if (text.Length == 0) throw new FormatException("schedule must be a non-empty cron expression such as \"0 3 * * *\"");
        var zone = TimeZoneInfo.Utc;
        if (text.StartsWith("CRON_TZ=", StringComparison.Ordinal) || text.StartsWith("TZ=", StringComparison.Ordinal))
        {
            var space = text.IndexOf(' ', StringComparison.Ordinal);
            var name = text[(text.IndexOf('=', StringComparison.Ordinal) + 1)..(space < 0 ? text.Length : space)];
            if (!TimeZoneInfo.TryFindSystemTimeZoneById(name, out zone!)) throw new FormatException($"\"{name}\" is no time zone that this system knows");
            text = space < 0 ? "" : text[space..].Trim();
        }

        if (text.StartsWith("@every ", StringComparison.Ordinal))
        {
            return GoDuration.TryParse(text["@every ".Length..].Trim(), out var every) && every >= TimeSpan.FromSeconds(1)
                ? new CronSchedule(every)
                : throw new FormatException($"\"{text}\": not a duration of a second or more, such as @every 6h");
        }

        var fields = (text switch
        {
            "@yearly" or "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" or "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ => text,
        }).Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        return fields.Length == 5
            ? new CronSchedule(fields, zone)
            : throw new FormatException($"\"{text}\" has {fields.Length} fields; five are needed: minute, hour, day of month, month, day of week");
    }

    /// <summary>Between the first two runs after a moment; null when there are not two.</summary>
    public TimeSpan? IntervalAfter(DateTimeOffset moment) => Next(moment) is { } first && Next(first) is { } second ? second - first : null;

    /// <summary>The shortest time between two runs after a moment: within the next weeks, or between the next three. Null when there are not two.</summary>
    public TimeSpan? ShortestInterval(DateTimeOffset moment)
    {
        // Any pattern within a day shows on one of its days, and one within a week in two weeks; what runs often enough to make this long is found out at once.
        const int fewest = 3, most = 200;
        if (_every > TimeSpan.Zero) return _every;
        TimeSpan? shortest = null;
        var last = Next(moment);
        for (var i = 1; i < most && last is { } from && (i < fewest || from - moment < TimeSpan.FromDays(15)) && Next(from) is { } next; i++)
        {
            if (shortest is null || next - from < shortest) shortest = next - from;
            last = next;
        }

        return shortest;
    }

    /// <summary>The first time strictly after the given one; null when there is none in any year.</summary>
    public DateTimeOffset? Next(DateTimeOffset after)
    {
        if (_every > TimeSpan.Zero) return after + _every;
        var local = TimeZoneInfo.ConvertTime(after, _zone);
        var day = local.Date;
        for (var last = day.AddYears(MaxYears); day <= last; day = day.AddDays(1))
        {
            if (!IsDay(day)) continue;
            DateTimeOffset? first = null;
            for (var minute = 0; minute < 24 * 60; minute++)
            {
                if ((_hours & (1UL << (minute / 60))) == 0 || (_minutes & (1UL << (minute % 60))) == 0) continue;
                // The minutes of an hour that is repeated are not in the order of time, so that the whole day is looked through.
                foreach (var candidate in MomentsOf(day.AddMinutes(minute)))
                {
                    if (candidate > after && (first is null || candidate < first)) first = candidate;
                }
            }

            if (first is not null) return first;
        }

        return null;
    }

    /// <summary>
    /// When it is that time: never in an hour that the clock skips in spring, and of one that it repeats in autumn twice where the run is one of
    /// many a day, so that they do not stop for that hour. What has its time of day runs once.
    /// </summary>
    private IEnumerable<DateTimeOffset> MomentsOf(DateTime time)
    {
        if (_zone.IsInvalidTime(time)) return [];
        if (!_zone.IsAmbiguousTime(time)) return [new DateTimeOffset(time, _zone.GetUtcOffset(time)).ToUniversalTime()];
        var moments = _zone.GetAmbiguousTimeOffsets(time).Select(offset => new DateTimeOffset(time, offset).ToUniversalTime()).Order();
        return _repeats ? moments : moments.Take(1);
    }

    private static bool IsAny(string field) => field.Split(',').Any(p => p is "*" or "?" || p.StartsWith("*/", StringComparison.Ordinal));

    private static ulong Field(string text, string name, int min, int max, string[] names)
    {
        ulong bits = 0;
        foreach (var part in text.Split(','))
        {
            var slash = part.IndexOf('/', StringComparison.Ordinal);
            var range = slash < 0 ? part : part[..slash];
            var step = 1;
            if (slash >= 0 && (!int.TryParse(part[(slash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out step) || step == 0))
            {
                throw new FormatException($"{name} \"{part}\": the step is no positive number");
            }

            var dash = range.IndexOf('-', StringComparison.Ordinal);
            var any = range is "*" or "?";
            var from = any ? min : Value(dash < 0 ? range : range[..dash], part, name, min, max, names);
            // "5/15" means from 5 to the end, "5" alone only 5.
            var to = any ? max : dash >= 0 ? Value(range[(dash + 1)..], part, name, min, max, names) : slash >= 0 ? max : from;
            if (to < from) throw new FormatException($"{name} \"{part}\": the range runs backwards");
            for (var i = from; i <= to; i += step) bits |= 1UL << i;
        }

        return bits;
    }

    private static int Value(string text, string part, string name, int min, int max, string[] names)
    {
        var index = Array.IndexOf(names, text.ToLowerInvariant());
        if (index >= 0) return index + (names.Length == 12 ? 1 : 0);
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max
            ? value
            : throw new FormatException($"{name} \"{part}\": \"{text}\" is not between {min} and {max}");
    }

    /// <summary>With both day fields restricted either one suffices, as cron has always had it.</summary>
    private bool IsDay(DateTime day)
    {
        if ((_months & (1UL << day.Month)) == 0) return false;
        var ofMonth = (_daysOfMonth & (1UL << day.Day)) != 0;
        var ofWeek = (_daysOfWeek & (1UL << (int)day.DayOfWeek)) != 0;
        return _anyDayOfMonth || _anyDayOfWeek ? ofMonth && ofWeek : ofMonth || ofWeek;
    }
}
