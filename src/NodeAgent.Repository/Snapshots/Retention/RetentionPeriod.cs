namespace NodeAgent.Repository.Snapshots.Retention;

/// <summary>Of the snapshots in one of these, a rule keeps the newest.</summary>
internal enum RetentionPeriod
{
    /// <summary>None: each snapshot counts.</summary>
    Each,

    /// <summary>An hour by the clock; one that the clocks go through twice is two.</summary>
    Hour,

    /// <summary>A day by the calendar.</summary>
    Day,

    /// <summary>A week by ISO 8601: from Monday on.</summary>
    Week,

    /// <summary>A month.</summary>
    Month,

    /// <summary>A year.</summary>
    Year,
}
