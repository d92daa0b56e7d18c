using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Schedules;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Schedules;

/// <summary>One look at a schedule at a given time: Velero's cases, and those of its documentation.</summary>
public sealed class ScheduleReconcilerTests
{
    private const string Noon = "2037-01-01T12:00:00Z";
    private const string RunsOnCreation = """ "annotations":{"nodeagent.io/run-on-creation":"true"}, """;

    [Theory]
    [InlineData("New")]
    [InlineData("")]
    [InlineData("Enabled")]
    public async Task A_schedule_without_an_expression_fails_its_validation_whatever_it_was_before(string phase)
    {
        var (schedule, backups) = await LookAsync($$"""{"schedule":"","template":{} }""", $$"""{"phase":"{{phase}}"}""");
        Assert.Equal(SchedulePhase.FailedValidation, schedule.Text("status", "phase"));
        Assert.Contains("must be a non-empty cron expression", Assert.Single(schedule["status"]!["validationErrors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Empty(backups);
    }

    [Theory]
    [InlineData("0 3 30 2 *")]
    [InlineData("0 3 31 6 *")]
    public async Task An_expression_that_never_comes_fails_the_validation(string expression)
    {
        var (schedule, backups) = await LookAsync($$"""{"schedule":"{{expression}}","template":{} }""", "{}");
        Assert.Equal(SchedulePhase.FailedValidation, schedule.Text("status", "phase"));
        Assert.Equal($"spec.schedule: \"{expression}\" never comes: there is no such day in any year; check day of month and month", schedule["status"]!["validationErrors"]![0]!.GetValue<string>());
        Assert.Empty(backups);
    }

    [Theory]
    [InlineData("New", null)]
    [InlineData("Enabled", null)]
    [InlineData("Enabled", "2000-01-01T00:00:00Z")]
    [InlineData("FailedValidation", null)]
    public async Task A_schedule_that_is_due_makes_a_backup_of_its_name_and_the_time(string phase, string? lastBackup)
    {
        var (schedule, backups) = await LookAsync("""{"schedule":"@every 5m","template":{"includedNamespaces":["a"]}}""", Status(phase, lastBackup));
        Assert.Equal(SchedulePhase.Enabled, schedule.Text("status", "phase"));
        Assert.Null(schedule.At("status", "validationErrors"));
        Assert.Equal(Noon, schedule.Text("status", "lastBackup"));
        var backup = Assert.Single(backups);
        Assert.Equal("name-20370101120000", backup.Name());
        Assert.Equal("name", backup.Label(VeleroLabels.ScheduleName));
        Assert.Empty(backup.Objects("metadata", "ownerReferences"));
    }

    [Theory]
    // Since the last backup, or since the schedule was made.
    [InlineData(null, "0s", false)]
    [InlineData("0s", "0s", false)]
    [InlineData("4m59s", "4m59s", false)]
    [InlineData("5m1s", "5m1s", true)]
    [InlineData("5h", "5h", true)]
    [InlineData(null, "6m", true)]
    public async Task A_schedule_is_due_when_its_time_has_passed_since_the_last_backup_or_since_it_was_made(string? lastBackup, string made, bool due)
    {
        var (_, backups) = await LookAsync("""{"schedule":"@every 5m","template":{}}""", Status("Enabled", lastBackup is null ? null : Before(lastBackup)), Before(made));
        Assert.Equal(due ? 1 : 0, backups.Count);
    }

    [Theory]
    [InlineData("true", false, true)]
    [InlineData("false", false, false)]
    [InlineData("false", true, false)]
    [InlineData(null, false, false)]
    [InlineData(null, true, true)]
    public async Task A_due_run_is_skipped_once_where_the_schedule_or_else_the_server_says_so(string? schedule, bool server, bool skips)
    {
        var flag = schedule is null ? "" : $"\"skipImmediately\":{schedule},";
        var (after, backups) = await LookAsync($$"""{"schedule":"@every 5m",{{flag}}"template":{} }""", Status("Enabled", "2000-01-01T00:00:00Z"), configure: o => o with { ScheduleSkipImmediately = server });
        Assert.Equal(skips ? 0 : 1, backups.Count);
        Assert.Equal(skips ? Noon : null, after.Text("status", "lastSkipped"));
        Assert.Equal(skips ? "2000-01-01T00:00:00Z" : Noon, after.Text("status", "lastBackup"));
        if (skips) Assert.False(after["spec"]!["skipImmediately"]!.GetValue<bool>());
    }

    [Fact]
    public async Task After_a_skip_the_next_time_counts_from_it()
    {
        await using var api = await TestApiServer.StartAsync();
        var time = new SetTime(Time(Noon));
        Add(api, """{"schedule":"@every 1h","skipImmediately":true,"template":{}}""", "{}", "2037-01-01T00:00:00Z");
        await ReconcileAsync(api, time);
        time.Now += TimeSpan.FromMinutes(59);
        await ReconcileAsync(api, time);
        Assert.Empty(api.All(VeleroResources.Backups));
        time.Now += TimeSpan.FromMinutes(2);
        await ReconcileAsync(api, time);
        Assert.Single(api.All(VeleroResources.Backups));
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData(BackupPhase.New, 1)]
    [InlineData(BackupPhase.Queued, 1)]
    [InlineData(BackupPhase.InProgress, 1)]
    [InlineData(BackupPhase.Finalizing, 2)]
    [InlineData(BackupPhase.Completed, 2)]
    [InlineData(BackupPhase.Failed, 2)]
    [InlineData(BackupPhase.FailedValidation, 2)]
    public async Task Backups_of_a_schedule_do_not_pile_up(string phase, int backups)
    {
        await using var api = await TestApiServer.StartAsync();
        Prepare(api);
        Add(api, """{"schedule":"@every 5m","template":{}}""", "{}", "2037-01-01T00:00:00Z");
        api.Add(VeleroResources.Backups, $$$"""{"metadata":{"name":"name-20370101110000","namespace":"velero","creationTimestamp":"2037-01-01T11:00:00Z","labels":{"velero.io/schedule-name":"name"}},"spec":{},"status":{"phase":"{{{phase}}}"} }""");
        // Another schedule's is of no concern.
        api.Add(VeleroResources.Backups, """{"metadata":{"name":"other-1","namespace":"elsewhere","labels":{"velero.io/schedule-name":"other"}},"spec":{},"status":{"phase":"InProgress"}}""");
        await ReconcileAsync(api, new SetTime(Time(Noon)));
        Assert.Equal(backups, api.All(VeleroResources.Backups).Count(b => b.Namespace() == "velero"));
    }

    [Theory]
    // Of another cluster: ended, and without a phase yet.
    [InlineData("name-20370101115900", "\"annotations\":{\"nodeagent.io/synced-from\":\"default\"},", "Completed", 2)]
    [InlineData("name-20370101115900", "\"annotations\":{\"nodeagent.io/synced-from\":\"default\"},", "", 2)]
    // Made by hand from the schedule.
    [InlineData("by-hand", "", "Completed", 2)]
    [InlineData("name-of-a-backup-1", "", "Completed", 2)]
    [InlineData("by-hand", "", "InProgress", 1)]
    // Its own.
    [InlineData("name-20370101115900", "", "Completed", 1)]
    public async Task Only_what_a_schedule_made_itself_moves_its_clock(string backup, string metadata, string phase, int backups)
    {
        await using var api = await TestApiServer.StartAsync();
        Prepare(api);
        Add(api, """{"schedule":"@every 5m","template":{}}""", "{}", "2037-01-01T00:00:00Z");
        api.Add(VeleroResources.Backups, $$$"""{"metadata":{"name":"{{{backup}}}","namespace":"velero",{{{metadata}}}"creationTimestamp":"2037-01-01T11:59:00Z","labels":{"velero.io/schedule-name":"name"}},"spec":{},"status":{"phase":"{{{phase}}}"} }""");
        await ReconcileAsync(api, new SetTime(Time(Noon)));
        Assert.Equal(backups, api.All(VeleroResources.Backups).Count);
    }

    [Theory]
    [InlineData(238, SchedulePhase.Enabled)]
    [InlineData(239, SchedulePhase.FailedValidation)]
    public async Task A_name_that_leaves_no_room_for_the_time_fails_the_validation(int length, string phase)
    {
        await using var api = await TestApiServer.StartAsync();
        Prepare(api);
        var name = new string('n', length);
        api.Add(VeleroResources.Schedules, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"velero","creationTimestamp":"2037-01-01T00:00:00Z"},"spec":{"schedule":"@every 5m","template":{}} }""");
        await ReconcileAsync(api, new SetTime(Time(Noon)), name: name);
        var schedule = api.Find(VeleroResources.Schedules, "velero", name);
        Assert.Equal(phase, schedule.Text("status", "phase"));
        if (phase == SchedulePhase.Enabled) Assert.Equal(253, Assert.Single(api.All(VeleroResources.Backups)).Name().Length);
        else Assert.Equal("metadata.name: the name has 239 characters; at most 238 leave room for the time in the names of its backups: make it anew with a shorter one", schedule!["status"]!["validationErrors"]![0]!.GetValue<string>());
    }

    [Fact]
    public async Task Runs_that_were_missed_are_made_up_for_by_one_and_the_rhythm_goes_on()
    {
        await using var api = await TestApiServer.StartAsync();
        Add(api, """{"schedule":"0 * * * *","template":{}}""", "{}", "2037-01-01T00:00:00Z");
        var time = new SetTime(Time("2037-01-03T10:20:00Z"));
        for (var i = 0; i < 3; i++) await ReconcileAsync(api, time);
        Assert.Equal("name-20370103102000", Assert.Single(api.All(VeleroResources.Backups)).Name());
        api.Patch(VeleroResources.Backups, "velero", "name-20370103102000", """{"status":{"phase":"Completed"}}""");
        time.Now = Time("2037-01-03T10:59:59Z");
        await ReconcileAsync(api, time);
        Assert.Single(api.All(VeleroResources.Backups));
        time.Now = Time("2037-01-03T11:00:01Z");
        await ReconcileAsync(api, time);
        Assert.Contains(api.All(VeleroResources.Backups), b => b.Name() == "name-20370103110001");
    }

    [Fact]
    public async Task A_paused_schedule_makes_none_and_does_not_lose_its_skip()
    {
        var (schedule, backups) = await LookAsync("""{"schedule":"@every 5m","paused":true,"skipImmediately":true,"template":{}}""", "{}");
        Assert.Empty(backups);
        Assert.Equal(SchedulePhase.Enabled, schedule.Text("status", "phase"));
        Assert.True(schedule.IsTrue("spec", "skipImmediately"));
        Assert.Null(schedule.Text("status", "lastSkipped"));
    }

    [Fact]
    public async Task The_first_backup_of_a_schedule_that_asks_for_it_is_made_at_its_creation_and_once()
    {
        await using var api = await TestApiServer.StartAsync();
        var time = new SetTime(Time(Noon));
        Add(api, """{"schedule":"0 3 * * *","template":{}}""", "{}", Noon, RunsOnCreation);
        await ReconcileAsync(api, time);
        var first = Assert.Single(api.All(VeleroResources.Backups));
        Assert.Equal("name-20370101120000", first.Name());
        // It is the schedule's wish and none of the backup's.
        Assert.Null(first.Annotation("nodeagent.io/run-on-creation"));
        api.Patch(VeleroResources.Backups, "velero", first.Name(), """{"status":{"phase":"Completed"}}""");
        api.Remove(VeleroResources.Backups, "velero", first.Name());
        time.Now = Time("2037-01-02T02:59:00Z");
        await ReconcileAsync(api, time);
        Assert.Empty(api.All(VeleroResources.Backups));
        // The rhythm goes on from it.
        time.Now = Time("2037-01-02T03:00:01Z");
        await ReconcileAsync(api, time);
        Assert.Equal("name-20370102030001", Assert.Single(api.All(VeleroResources.Backups)).Name());
    }

    [Theory]
    // A controller was killed right after it had made the backup, or in the same second as the schedule was.
    [InlineData("2037-01-01T11:59:30Z", "{}", 1)]
    [InlineData("2037-01-01T11:59:00Z", "{}", 1)]
    // What is left of an older schedule of the name, or came from a bucket, is not the schedule's own.
    [InlineData("2037-01-01T11:58:59Z", "{}", 2)]
    [InlineData("2037-01-01T11:59:30Z", """{"nodeagent.io/synced-from":"default"}""", 2)]
    public async Task A_first_backup_that_was_made_is_not_made_again_though_nothing_was_written_down(string made, string annotations, int backups)
    {
        await using var api = await TestApiServer.StartAsync();
        Add(api, """{"schedule":"0 3 * * *","template":{}}""", "{}", "2037-01-01T11:59:00Z", RunsOnCreation);
        api.Add(VeleroResources.Backups, $$$"""{"metadata":{"name":"name-20370101115930","namespace":"velero","creationTimestamp":"{{{made}}}","annotations":{{{annotations}}},"labels":{"velero.io/schedule-name":"name"}},"spec":{},"status":{"phase":"Completed"} }""");
        for (var i = 0; i < 2; i++) await ReconcileAsync(api, new SetTime(Time(Noon)));
        Assert.Equal(backups, api.All(VeleroResources.Backups).Count);
    }

    [Theory]
    [InlineData(""" "skipImmediately":true, """, "{}", RunsOnCreation)]
    [InlineData(""" "paused":true, """, "{}", RunsOnCreation)]
    [InlineData("", """{"lastBackup":"2037-01-01T04:00:00Z"}""", RunsOnCreation)]
    [InlineData("", """{"lastSkipped":"2037-01-01T04:00:00Z"}""", RunsOnCreation)]
    [InlineData("", "{}", "")]
    [InlineData("", "{}", """ "annotations":{"nodeagent.io/run-on-creation":"false"}, """)]
    public async Task No_first_backup_is_made_where_the_schedule_skips_is_paused_has_run_or_does_not_ask_for_it(string spec, string status, string metadata)
    {
        var (_, backups) = await LookAsync($$"""{"schedule":"0 3 * * *",{{spec}}"template":{} }""", status, "2037-01-01T11:59:00Z", metadata: metadata);
        Assert.Empty(backups);
    }

    [Fact]
    public async Task A_first_backup_waits_until_the_schedule_is_valid_and_goes_on()
    {
        await using var api = await TestApiServer.StartAsync();
        var time = new SetTime(Time(Noon));
        Add(api, """{"schedule":"0 3 30 2 *","paused":true,"template":{}}""", "{}", Noon, RunsOnCreation);
        await ReconcileAsync(api, time);
        api.Patch(VeleroResources.Schedules, "velero", "name", """{"spec":{"schedule":"0 3 * * *"}}""");
        await ReconcileAsync(api, time);
        Assert.Empty(api.All(VeleroResources.Backups));
        api.Patch(VeleroResources.Schedules, "velero", "name", """{"spec":{"paused":false}}""");
        await ReconcileAsync(api, time);
        Assert.Single(api.All(VeleroResources.Backups));
    }

    [Fact]
    public async Task A_zone_says_when_it_is_three_in_the_morning()
    {
        Assert.SkipUnless(TimeZoneInfo.TryFindSystemTimeZoneById("America/New_York", out _), "no time zone data on this machine: install tzdata");
        await using var api = await TestApiServer.StartAsync();
        Add(api, """{"schedule":"CRON_TZ=America/New_York 0 3 * * *","template":{}}""", "{}", "2037-01-01T00:00:00Z");
        var time = new SetTime(Time("2037-01-01T07:59:00Z"));
        await ReconcileAsync(api, time);
        Assert.Empty(api.All(VeleroResources.Backups));
        time.Now = Time("2037-01-01T08:00:30Z");
        await ReconcileAsync(api, time);
        Assert.Single(api.All(VeleroResources.Backups));
    }

    [Fact]
    public async Task Backups_are_owned_and_labelled_as_the_schedule_and_its_template_say()
    {
        var (schedule, backups) = await LookAsync(
            """{"schedule":"@every 5m","useOwnerReferencesInBackup":true,"template":{"metadata":{"labels":{"from":"template"}}}}""", "{}",
            metadata: """ "labels":{"from":"schedule"},"annotations":{"note":"x","kubectl.kubernetes.io/last-applied-configuration":"{}"}, """);
        var backup = Assert.Single(backups);
        Assert.Equal("template", backup.Label("from"));
        Assert.Equal("x", backup.Annotation("note"));
        Assert.Null(backup.Annotation("kubectl.kubernetes.io/last-applied-configuration"));
        Assert.Equal(schedule.Uid(), backup.Objects("metadata", "ownerReferences").Single().Text("uid"));
        Assert.Null(backup.At("spec", "metadata"));
    }

    private static string Before(string duration)
    {
        Assert.True(GoDuration.TryParse(duration, out var span));
        return ApiTimeConverter.Format(Time(Noon) - span);
    }

    private static string Status(string phase, string? lastBackup) => lastBackup is null ? $$"""{"phase":"{{phase}}"}""" : $$"""{"phase":"{{phase}}","lastBackup":"{{lastBackup}}"}""";

    private static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);

    private static void Prepare(TestApiServer api)
    {
        if (api.Find(KubernetesResources.Namespaces, null, "velero") is null) api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"velero"}}""");
    }

    private static void Add(TestApiServer api, string spec, string status, string created, string metadata = "")
    {
        Prepare(api);
        api.Add(VeleroResources.Schedules, $$$"""{"metadata":{ {{{metadata}}} "name":"name","namespace":"velero","creationTimestamp":"{{{created}}}"},"spec":{{{spec}}},"status":{{{status}}} }""");
    }

    private static async Task<(JsonObject Schedule, IReadOnlyList<JsonObject> Backups)> LookAsync(
        string spec, string status, string created = "2030-01-01T00:00:00Z", Func<ControllerOptions, ControllerOptions>? configure = null, string metadata = "")
    {
        await using var api = await TestApiServer.StartAsync();
        Add(api, spec, status, created, metadata);
        await ReconcileAsync(api, new SetTime(Time(Noon)), configure);
        return (api.Find(VeleroResources.Schedules, "velero", "name")!, api.All(VeleroResources.Backups));
    }

    private static async Task ReconcileAsync(TestApiServer api, SetTime time, Func<ControllerOptions, ControllerOptions>? configure = null, string name = "name")
    {
        using var client = new ApiClient(api.Config);
        using var telemetry = new Telemetry();
        var options = new ControllerOptions();
        var reconciler = new ScheduleReconciler(new ClusterClient(client), configure?.Invoke(options) ?? options, new ControllerServices(time, telemetry, NullLogger.Instance, null!));
        await reconciler.ReconcileAsync(api.Find(VeleroResources.Schedules, "velero", name)!, TestContext.Current.CancellationToken);
    }
}
