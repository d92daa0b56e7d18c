using System.Globalization;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Snapshots.Retention;

namespace NodeAgent.Repository.Tests.Snapshots.Retention;

public sealed class RetentionPolicyTests
{
    private static readonly RetentionPolicy Utc = new() { TimeZone = TimeZoneInfo.Utc };
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");

    [Fact]
    public void The_last_ones_are_kept_whatever_their_order()
    {
        string[] times = ["2026-01-02T10:00", "2026-01-05T10:00", "2026-01-01T10:00", "2026-01-04T10:00"];
        Assert.Equal(["2026-01-05T10:00 last snapshot", "2026-01-04T10:00 last snapshot"], Kept(Utc with { Last = 2 }, times));
        Assert.Equal(4, Kept(Utc with { Last = 100 }, times).Length);
        Assert.Equal(4, Kept(Utc with { Last = RetentionPolicy.Unlimited }, times).Length);
    }

    [Fact]
    public void Of_each_period_the_newest_is_kept_and_periods_without_a_snapshot_do_not_count()
    {
        string[] times = ["2026-03-09T23:59", "2026-03-09T01:00", "2026-03-07T12:00", "2026-03-07T11:59", "2026-02-28T10:00", "2025-12-31T10:00"];
        Assert.Equal(["2026-03-09T23:59 daily snapshot", "2026-03-07T12:00 daily snapshot", "2026-02-28T10:00 daily snapshot"], Kept(Utc with { Daily = 3 }, times));
        Assert.Equal(["2026-03-09T23:59 hourly snapshot", "2026-03-09T01:00 hourly snapshot"], Kept(Utc with { Hourly = 2 }, times));
        Assert.Equal(["2026-03-09T23:59 monthly snapshot", "2026-02-28T10:00 monthly snapshot"], Kept(Utc with { Monthly = 2 }, times));
        Assert.Equal(["2026-03-09T23:59 yearly snapshot", "2025-12-31T10:00 yearly snapshot"], Kept(Utc with { Yearly = 5 }, times));
    }

    [Fact]
    public void A_week_begins_on_Monday_and_goes_across_the_new_year()
    {
        // 2025-12-29 is a Monday.
        string[] times = ["2026-01-05T00:00", "2026-01-04T23:59", "2026-01-01T00:00", "2025-12-29T00:00", "2025-12-28T23:59", "2025-12-01T00:00"];
        Assert.Equal(
            ["2026-01-05T00:00 weekly snapshot", "2026-01-04T23:59 weekly snapshot", "2025-12-28T23:59 weekly snapshot"], Kept(Utc with { Weekly = 3 }, times));
    }

    [Fact]
    public void While_a_rule_has_not_had_its_number_the_oldest_stands_for_what_went_before()
    {
        string[] times = ["2026-03-02T12:00", "2026-03-02T11:00", "2026-03-01T12:00", "2026-03-01T11:00", "2026-03-01T10:00"];
        Assert.Equal(
            ["2026-03-02T12:00 daily snapshot", "2026-03-01T12:00 daily snapshot", "2026-03-01T10:00 oldest daily snapshot"], Kept(Utc with { Daily = 3 }, times));
        Assert.Equal(["2026-03-02T12:00 daily snapshot", "2026-03-01T12:00 daily snapshot"], Kept(Utc with { Daily = 2 }, times));
    }

    [Fact]
    public void Days_are_those_of_the_time_zone()
    {
        // 23:30 UTC is the next day in Berlin.
        string[] times = ["2026-01-10T23:30", "2026-01-10T22:30", "2026-01-10T00:30", "2026-01-09T00:00"];
        Assert.Equal(["2026-01-10T23:30 daily snapshot", "2026-01-09T00:00 daily snapshot"], Kept(Utc with { Daily = 2 }, times));
        Assert.Equal(["2026-01-10T23:30 daily snapshot", "2026-01-10T22:30 daily snapshot"], Kept(Utc with { Daily = 2, TimeZone = Berlin }, times));
    }

    [Fact]
    public void When_clocks_go_back_the_hour_that_comes_twice_is_two_and_the_day_is_one()
    {
        // In Berlin 2025-10-26 02:30 came at 00:30 UTC and again at 01:30 UTC.
        string[] times = ["2025-10-26T22:30", "2025-10-26T01:30", "2025-10-26T00:30", "2025-10-25T22:30", "2025-10-25T21:00"];
        var berlin = Utc with { TimeZone = Berlin };
        Assert.Equal(["2025-10-26T22:30 hourly snapshot", "2025-10-26T01:30 hourly snapshot", "2025-10-26T00:30 hourly snapshot"], Kept(berlin with { Hourly = 3 }, times));
        Assert.Equal(["2025-10-26T22:30 daily snapshot", "2025-10-25T21:00 daily snapshot"], Kept(berlin with { Daily = 2 }, times));
    }

    [Fact]
    public void When_clocks_go_forward_the_hours_around_the_gap_are_two()
    {
        // In Berlin 2026-03-29 01:59 is followed by 03:00.
        string[] times = ["2026-03-29T01:10", "2026-03-29T00:50", "2026-03-29T00:10"];
        Assert.Equal(["2026-03-29T01:10 hourly snapshot", "2026-03-29T00:50 hourly snapshot"], Kept(Utc with { Hourly = 2, TimeZone = Berlin }, times));
    }

    [Fact]
    public void Within_counts_from_the_newest_and_never_from_today()
    {
        string[] times = ["2001-03-31T12:00", "2001-03-31T11:00", "2001-03-24T13:00", "2001-03-24T12:00", "2001-02-28T12:01"];
        Assert.Equal(["2001-03-31T12:00 within 7d", "2001-03-31T11:00 within 7d", "2001-03-24T13:00 within 7d"], Kept(Utc with { Within = Span("7d") }, times));
        Assert.Equal(["2001-03-31T12:00 daily snapshot within 7d", "2001-03-24T13:00 daily snapshot within 7d"], Kept(Utc with { WithinDaily = Span("1w") }, times));
        // A month before the last of March is the last of February.
        Assert.Equal(
            ["2001-03-31T12:00 monthly snapshot within 1m", "2001-02-28T12:01 monthly snapshot within 1m"], Kept(Utc with { WithinMonthly = Span("1m") }, times));
        Assert.Single(Kept(Utc with { Within = Span("0h"), Last = 1 }, times));
    }

    [Fact]
    public void A_snapshot_of_the_future_counts_with_the_stores_time_and_pushes_out_nobody()
    {
        var honest = Enumerable.Range(1, 3).Select(day => Make(Time($"2026-01-0{day}T10:00"), day)).ToList();
        var ahead = Make(Time("2126-01-01T00:00"), 9, stored: Time("2025-12-31T10:00"));
        var decisions = (Utc with { Last = 3 }).Apply([ahead, .. honest]);
        Assert.Equal(honest.Select(s => s.Id).Reverse(), decisions.Where(d => d.IsKept).Select(d => d.Snapshot.Id));
        var doubted = decisions.Single(d => d.IsClockDoubted);
        Assert.Equal((ahead.Id, Time("2025-12-31T10:00"), false), (doubted.Snapshot.Id, doubted.Time, doubted.IsKept));
        // Nor does it move the window of the others away from them.
        Assert.Equal(4, (Utc with { Within = Span("7d") }).Apply([ahead, .. honest]).Count(d => d.IsKept));
        // One that was copied here later counts with its own time.
        Assert.False((Utc with { Last = 1 }).Apply([Make(Time("2026-01-01T10:00"), 1, stored: Time("2026-06-01T10:00"))])[0].IsClockDoubted);
    }

    [Fact]
    public void Tags_keep_with_all_of_a_list_and_with_any_of_the_lists()
    {
        Snapshot[] snapshots =
        [
            Make(Time("2026-01-01T00:00"), 1, tags: new() { ["app"] = "db", ["hold"] = "" }),
            Make(Time("2026-01-02T00:00"), 2, tags: new() { ["app"] = "db" }),
            Make(Time("2026-01-03T00:00"), 3, tags: new() { ["app"] = "web", ["hold"] = "yes" }),
            Make(Time("2026-01-04T00:00"), 4),
        ];
        Assert.Equal(["tag hold", "tag hold"], Reasons([[new("hold", null)]]));
        Assert.Equal(["tag app=db,hold"], Reasons([[new("app", "db"), new("hold", null)]]));
        Assert.Equal(["tag app=web", "tag app=db,hold="], Reasons([[new("app", "web")], [new("app", "db"), new("hold", "")]]));
        Assert.Empty(Reasons([[new("other", null)]]));

        string[] Reasons(RetentionTag[][] tags) => [.. (Utc with { Tags = tags }).Apply(snapshots).SelectMany(d => d.Reasons)];
    }

    [Fact]
    public void Several_rules_each_give_their_reason()
    {
        string[] times = ["2026-01-02T10:00", "2026-01-02T09:00", "2026-01-01T09:00"];
        Assert.Equal(
            ["2026-01-02T10:00 last snapshot, within 30d, daily snapshot", "2026-01-02T09:00 within 30d", "2026-01-01T09:00 within 30d, daily snapshot"],
            Kept(Utc with { Last = 1, Daily = 2, Within = Span("30d") }, times));
    }

    [Fact]
    public void Of_the_same_second_one_is_the_newer_by_its_id_in_every_order()
    {
        var snapshots = Enumerable.Range(1, 5).Select(n => Make(Time("2026-01-01T00:00"), n)).ToArray();
        foreach (var order in (Snapshot[][])[snapshots, [.. snapshots.Reverse()], [snapshots[3], snapshots[0], snapshots[4], snapshots[2], snapshots[1]]])
            Assert.Equal([snapshots[0].Id, snapshots[1].Id], (Utc with { Last = 2 }).Apply(order).Where(d => d.IsKept).Select(d => d.Snapshot.Id));
    }

    [Fact]
    public void A_policy_without_a_rule_is_refused()
    {
        Assert.True(Utc.IsEmpty);
        Assert.Throws<InvalidOperationException>(() => Utc.Apply([Make(Time("2026-01-01T00:00"), 1)]));
        Assert.False((Utc with { WithinYearly = Span("1h") }).IsEmpty);
    }

    [Fact]
    public void A_larger_number_never_keeps_less_and_a_second_run_forgets_nothing_more()
    {
        var random = SeededRandom.Create();
        List<Func<int, RetentionPolicy>> rules = [];
        rules.Add(n => Utc with { Last = n });
        rules.Add(n => Utc with { Hourly = n });
        rules.Add(n => Utc with { Daily = n });
        rules.Add(n => Utc with { Weekly = n });
        rules.Add(n => Utc with { Monthly = n });
        rules.Add(n => Utc with { Yearly = n });
        rules.Add(n => Utc with { Within = new(0, 0, 0, n * 7) });
        rules.Add(n => Utc with { WithinHourly = new(0, 0, n, 0) });
        rules.Add(n => Utc with { WithinDaily = new(0, 0, n, 0) });
        rules.Add(n => Utc with { WithinWeekly = new(0, n, 0, 0) });
        rules.Add(n => Utc with { WithinMonthly = new(0, n, 0, 0) });
        rules.Add(n => Utc with { WithinYearly = new(n, 0, 0, 0) });
        rules.Add(n => Utc with { Last = 2, Hourly = n, Daily = n, Monthly = n, WithinWeekly = new(0, 0, n, 0) });
        for (var round = 0; round < 60; round++)
        {
            var zone = random.Next(2) == 0 ? TimeZoneInfo.Utc : Berlin;
            // Of an hour to some years, so that every kind of period is met with one and with many in it.
            var range = Math.Pow(10, random.Next(1, 6));
            var snapshots = Enumerable.Range(0, random.Next(1, 60)).Select(n => Make(Time("2026-03-29T03:00").AddMinutes(-Math.Floor(random.NextDouble() * range)), n)).ToList();
            foreach (var rule in rules)
            {
                HashSet<SnapshotId> smaller = [];
                for (var n = 1; n < 12; n++)
                {
                    var policy = rule(n) with { TimeZone = zone };
                    var decisions = policy.Apply(snapshots);
                    var kept = decisions.Where(d => d.IsKept).Select(d => d.Snapshot.Id).ToHashSet();
                    Assert.Equal(snapshots.Count, decisions.Count);
                    Assert.True(kept.IsSupersetOf(smaller), $"round {round}: {n} keeps less than {n - 1}");
                    Assert.True(decisions[0].IsKept, "the newest is not kept");
                    Assert.Equal(kept, policy.Apply(snapshots.Where(s => kept.Contains(s.Id))).Where(d => d.IsKept).Select(d => d.Snapshot.Id).ToHashSet());
                    smaller = kept;
                }

                if (rule(1).Last == 1) Assert.Equal(Math.Min(11, snapshots.Count), smaller.Count);
            }
        }
    }

    internal static Snapshot Make(DateTimeOffset time, int number, DateTimeOffset? stored = null, Dictionary<string, string>? tags = null, SnapshotSource? source = null, string host = "host")
    {
        Assert.True(SnapshotId.TryParse(number.ToString("x64", CultureInfo.InvariantCulture), out var id));
        var manifest = SnapshotManifestTests.Example with
        {
            Time = time,
            Hostname = host,
            Tags = tags ?? [],
            Source = source ?? new SnapshotSource { Kind = SnapshotSource.Directory, Path = "/srv" },
        };
        return new Snapshot(id, manifest) { Stored = stored };
    }

    private static string[] Kept(RetentionPolicy policy, string[] times) =>
        [.. policy.Apply(times.Select((time, i) => Make(Time(time), i))).Where(d => d.IsKept)
            .Select(d => $"{d.Time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm", CultureInfo.InvariantCulture)} {string.Join(", ", d.Reasons)}")];

    private static RetentionSpan Span(string text)
    {
        Assert.True(RetentionSpan.TryParse(text, out var span));
        return span;
    }

    private static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text + "Z", CultureInfo.InvariantCulture);
}
