using System.Text.Json.Nodes;
using NodeAgent.Cli.Cluster;

namespace NodeAgent.Cli.Tests.Cluster;

public sealed class ColumnTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Columns_are_those_of_Velero()
    {
        Assert.Equal(["NAME", "STATUS", "ERRORS", "WARNINGS", "CREATED", "EXPIRES", "STORAGE LOCATION", "QUEUE POSITION", "SELECTOR"], Names(VeleroKinds.Backup));
        Assert.Equal(["NAME", "BACKUP", "STATUS", "STARTED", "COMPLETED", "ERRORS", "WARNINGS", "CREATED", "SELECTOR"], Names(VeleroKinds.Restore));
        Assert.Equal(["NAME", "STATUS", "CREATED", "SCHEDULE", "BACKUP TTL", "LAST BACKUP", "SELECTOR", "PAUSED"], Names(VeleroKinds.Schedule));
        Assert.Equal(["NAME", "PROVIDER", "BUCKET/PREFIX", "PHASE", "LAST VALIDATED", "ACCESS MODE", "DEFAULT"], Names(VeleroKinds.BackupLocation));
        Assert.Equal(["NAME", "PROVIDER"], Names(VeleroKinds.SnapshotLocation));
    }

    [Theory]
    [InlineData("""{"status":{"phase":"Completed","errors":2,"warnings":1,"startTimestamp":"2026-11-20T11:00:00Z","expiration":"2026-12-20T11:00:00Z"},"spec":{"storageLocation":"default"}}""",
        "Completed|2|1|2026-11-20 11:00:00 +0000 UTC|29d|default||<none>")]
    [InlineData("""{"spec":{"labelSelector":{"matchLabels":{"app":"x"}}}}""", "New|0|0|<nil>|n/a|||app=x")]
    [InlineData("""{"metadata":{"deletionTimestamp":"2026-11-20T11:59:00Z"},"status":{"phase":"Completed","expiration":"2026-11-20T09:00:00Z"}}""", "Deleting|0|0|<nil>|3h ago|||<none>")]
    [InlineData("""{"status":{"phase":"Queued","queuePosition":2,"startTimestamp":"2026-11-20T11:00:00Z"},"spec":{"ttl":"2h0m0s"}}""",
        "Queued|0|0|2026-11-20 11:00:00 +0000 UTC|1h||2|<none>")]
    [InlineData("""{"status":{"phase":7,"errors":"many"},"spec":[]}""", "New|0|0|<nil>|n/a|||<none>")]
    [InlineData("""{"status":{"phase":"evil\u001b[2J"}}""", "evil\\u001b[2J|0|0|<nil>|n/a|||<none>")]
    public void A_backup_shows_its_state(string json, string cells)
    {
        var backup = JsonNode.Parse(json)!.AsObject();
        Assert.Equal(cells, string.Join('|', VeleroKinds.Backup.Columns.Skip(1).Select(column => column.Value(backup, Now))));
    }

    [Theory]
    [InlineData("{}", "New")]
    [InlineData("""{"status":{"phase":"Queued","queuePosition":3}}""", "Queued, position 3 in the queue")]
    [InlineData("""{"status":{"phase":"InProgress","progress":{"totalItems":40,"itemsBackedUp":12},"errors":1}}""", "InProgress, 12 of 40 items, 1 errors")]
    [InlineData("""{"status":{"phase":"InProgress","progress":{"totalItems":9,"itemsRestored":9},"warnings":2}}""", "InProgress, 9 of 9 items, 2 warnings")]
    public void A_run_that_is_waited_for_shows_how_far_it_is(string json, string text) =>
        Assert.Equal(text, CompletionWait.ProgressOf(JsonNode.Parse(json)!.AsObject()));

    [Fact]
    public void A_location_without_a_status_is_unknown()
    {
        var location = JsonNode.Parse("""{"metadata":{"name":"l"},"spec":{"provider":"aws","objectStorage":{"bucket":"b","prefix":"p"},"default":true}}""")!.AsObject();
        Assert.Equal("l|aws|b/p|Unknown|Unknown|ReadWrite|true", string.Join('|', VeleroKinds.BackupLocation.Columns.Select(column => column.Value(location, Now))));
    }

    [Fact]
    public void A_location_that_is_a_directory_shows_its_path()
    {
        var location = JsonNode.Parse("""{"metadata":{"name":"l"},"spec":{"provider":"filesystem","objectStorage":{"bucket":""},"config":{"path":"/backups/"}}}""")!.AsObject();
        Assert.Equal("/backups", VeleroKinds.BackupLocation.Columns[2].Value(location, Now));
    }

    [Fact]
    public void What_a_schedule_made_is_listed_newest_first()
    {
        string[] names = ["daily-20261101020000", "daily-20261102020000", "alpha", "daily", "zeta-1"];
        var ordered = ResourceOrder.ForPeople(names.Select(name => new JsonObject { ["metadata"] = new JsonObject { ["name"] = name } }));
        Assert.Equal(["alpha", "daily-20261102020000", "daily-20261101020000", "daily", "zeta-1"], ordered.Select(resource => resource.Name()));
    }

    [Theory]
    [InlineData(-5, "0s")]
    [InlineData(59, "59s")]
    [InlineData(61, "1m")]
    [InlineData(7300, "2h")]
    [InlineData(86_400 * 29, "29d")]
    [InlineData(86_400 * 800, "2y")]
    public void Spans_show_their_largest_unit(int seconds, string text) => Assert.Equal(text, Timestamps.Short(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_long_name_becomes_a_label_value_of_63_characters()
    {
        var name = new string('a', 70);
        Assert.Equal(63, LabelValue.From(name).Length);
        Assert.StartsWith(new string('a', 57), LabelValue.From(name), StringComparison.Ordinal);
        Assert.Equal("short", LabelValue.From("short"));
    }

    private static IEnumerable<string> Names(VeleroKind kind) => kind.Columns.Select(column => column.Name);
}
