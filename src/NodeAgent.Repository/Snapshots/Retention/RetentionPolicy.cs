namespace NodeAgent.Repository.Snapshots.Retention;

/// <summary>
/// Which snapshots of one source are kept. Each rule says for itself which ones it keeps, and what no rule keeps goes. It hangs on
/// nothing but the snapshots: the present time plays no part, so that a source that is not backed up any more does not lose its last snapshots.
/// </summary>
/// <remarks>
/// A snapshot counts with the time that it says itself, unless the store had it before that: a machine whose clock is ahead, or a writer
/// that makes up times, must not push out the snapshots of others. Then it counts with the store's time.
/// </remarks>
public sealed record RetentionPolicy
{
    /// <summary>As a number: no limit.</summary>
    public const int Unlimited = -1;

    /// <summary>So many of the newest.</summary>
    public int Last { get; init; }

    /// <summary>The newest of each of so many hours that have one; likewise the others.</summary>
    public int Hourly { get; init; }

    /// <summary>Days.</summary>
    public int Daily { get; init; }

    /// <summary>Weeks.</summary>
    public int Weekly { get; init; }

    /// <summary>Months.</summary>
    public int Monthly { get; init; }

    /// <summary>Years.</summary>
    public int Yearly { get; init; }

    /// <summary>All that are younger than this, counted back from the newest one.</summary>
    public RetentionSpan? Within { get; init; }

    /// <summary>Of those that are younger than this, the newest of each hour; likewise the others.</summary>
    public RetentionSpan? WithinHourly { get; init; }

    /// <summary>Days.</summary>
    public RetentionSpan? WithinDaily { get; init; }

    /// <summary>Weeks.</summary>
    public RetentionSpan? WithinWeekly { get; init; }

    /// <summary>Months.</summary>
    public RetentionSpan? WithinMonthly { get; init; }

    /// <summary>Years.</summary>
    public RetentionSpan? WithinYearly { get; init; }

    /// <summary>All that have every tag of one of these lists.</summary>
    public IReadOnlyList<IReadOnlyList<RetentionTag>> Tags { get; init; } = [];

    /// <summary>Whose calendar and clock tell hours, days, weeks, months and years apart.</summary>
    public TimeZoneInfo TimeZone { get; init; } = TimeZoneInfo.Local;

    /// <summary>Whether there is no rule, so that nothing would be kept.</summary>
    public bool IsEmpty =>
        Last == 0 && Hourly == 0 && Daily == 0 && Weekly == 0 && Monthly == 0 && Yearly == 0
        && Within is null && WithinHourly is null && WithinDaily is null && WithinWeekly is null && WithinMonthly is null && WithinYearly is null
        && Tags.Count == 0;

    /// <summary>The time that a snapshot counts with.</summary>
    public static DateTimeOffset TimeOf(Snapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return snapshot.Stored is { } stored && stored < snapshot.Manifest.Time ? stored : snapshot.Manifest.Time;
    }

    /// <summary>What is kept of the snapshots of one group, and why; the newest first. Of two of the same time, the one with the smaller id is the newer.</summary>
    /// <exception cref="InvalidOperationException">There is no rule.</exception>
    public List<RetentionDecision> Apply(IEnumerable<Snapshot> group)
    {
        if (IsEmpty) throw new InvalidOperationException("the policy has no rule, so that it would keep nothing");
        var snapshots = group.Select(s => (Snapshot: s, Time: TimeOf(s))).OrderByDescending(s => s.Time).ThenBy(s => s.Snapshot.Id.Hash).ToList();
        if (snapshots.Count == 0) return [];
        var rules = RulesFrom(snapshots[0].Time);
        var decisions = new List<RetentionDecision>(snapshots.Count);
        for (var i = 0; i < snapshots.Count; i++)
        {
            var (snapshot, time) = snapshots[i];
            var local = TimeZoneInfo.ConvertTime(time, TimeZone);
            var reasons = new List<string>();
            foreach (var tags in Tags)
            {
                if (tags.All(tag => tag.IsOn(snapshot.Manifest))) reasons.Add($"tag {string.Join(',', tags)}");
            }

            foreach (var rule in rules)
            {
                if (rule.Ask(local, isOldest: i == snapshots.Count - 1) is { } reason) reasons.Add(reason);
            }

            decisions.Add(new RetentionDecision(snapshot, time, reasons));
        }

        return decisions;
    }

    private List<RetentionRule> RulesFrom(DateTimeOffset newest)
    {
        var rules = new List<RetentionRule>();
        Add(RetentionPeriod.Each, "last", Last, Within);
        Add(RetentionPeriod.Hour, "hourly", Hourly, WithinHourly);
        Add(RetentionPeriod.Day, "daily", Daily, WithinDaily);
        Add(RetentionPeriod.Week, "weekly", Weekly, WithinWeekly);
        Add(RetentionPeriod.Month, "monthly", Monthly, WithinMonthly);
        Add(RetentionPeriod.Year, "yearly", Yearly, WithinYearly);
        return rules;

        void Add(RetentionPeriod period, string name, int count, RetentionSpan? span)
        {
            if (count != 0) rules.Add(new RetentionRule(period, name, count, null, null));
            if (span is not null) rules.Add(new RetentionRule(period, name, Unlimited, span.Before(newest, TimeZone), span));
        }
    }
}
