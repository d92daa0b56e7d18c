using System.Globalization;

namespace NodeAgent.Repository.Snapshots.Retention;

/// <summary>One rule at work: goes through the snapshots of a group from the newest to the oldest, and says which of them it keeps.</summary>
/// <param name="period">Of which the newest snapshot is kept.</param>
/// <param name="name">The word for it: "daily".</param>
/// <param name="count">How many periods; negative for all.</param>
/// <param name="since">Only what is newer than this counts; null for everything.</param>
/// <param name="span">What <paramref name="since"/> comes from, for people.</param>
internal sealed class RetentionRule(RetentionPeriod period, string name, int count, DateTimeOffset? since, RetentionSpan? span)
{
    private int _left = count;
    private (long Period, long Offset)? _last;

    /// <summary>Why the rule keeps the next older snapshot; null when it does not.</summary>
    /// <param name="local">Its time, in the zone whose calendar counts.</param>
    /// <param name="isOldest">Whether it is the last one of the group.</param>
    public string? Ask(DateTimeOffset local, bool isOldest)
    {
        if (_left == 0 || (since is { } start && local <= start)) return null;
        var current = PeriodOf(local);
        var isNew = period == RetentionPeriod.Each || current != _last;
        // While a rule has not had its number, the oldest snapshot stands for the periods before it: it is the one that will be the
        // month's or the year's some day.
        if (!isNew && !isOldest) return null;
        _last = current;
        if (_left > 0) _left--;
        var within = span is null ? "" : $" within {span}";
        if (period == RetentionPeriod.Each && span is not null) return $"within {span}";
        return isNew ? $"{name} snapshot{within}" : $"oldest {name} snapshot{within}";
    }

    private (long Period, long Offset) PeriodOf(DateTimeOffset local) => period switch
    {
        RetentionPeriod.Hour => (local.DateTime.Ticks / TimeSpan.TicksPerHour, local.Offset.Ticks),
        RetentionPeriod.Day => (local.DateTime.Ticks / TimeSpan.TicksPerDay, 0),
        RetentionPeriod.Week => ((ISOWeek.GetYear(local.DateTime) * 100L) + ISOWeek.GetWeekOfYear(local.DateTime), 0),
        RetentionPeriod.Month => ((local.Year * 100L) + local.Month, 0),
        RetentionPeriod.Year => (local.Year, 0),
        _ => (0, 0),
    };
}
