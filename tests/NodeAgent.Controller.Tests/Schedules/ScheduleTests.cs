using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Schedules;

public sealed class ScheduleTests
{
    [Fact]
    public async Task A_due_schedule_makes_one_backup_that_runs()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(VeleroResources.Schedules, """
            {"metadata":{"name":"nightly","namespace":"velero","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"team":"web"}},
             "spec":{"schedule":"@daily","template":{"includedNamespaces":["shop"],"ttl":"1h0m0s"}}}
            """);
        var schedule = await cluster.WaitAsync(VeleroResources.Schedules, "nightly", s => s.Text("status", "lastBackup") is not null);
        Assert.Equal(SchedulePhase.Enabled, schedule.Text("status", "phase"));
        var name = Assert.Single(cluster.Api.All(VeleroResources.Backups)).Name();
        Assert.Matches("^nightly-[0-9]{14}$", name);
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, name);
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal("nightly", backup.Label(VeleroLabels.ScheduleName));
        Assert.Equal("web", backup.Label("team"));
        Assert.Equal("1h0m0s", backup.Text("spec", "ttl"));
        // A look or two later there is still one: missed days are not made up for.
        cluster.Api.Patch(VeleroResources.Schedules, "velero", "nightly", """{"metadata":{"labels":{"touched":"yes"}}}""");
        await Task.Delay(300, TestContext.Current.CancellationToken);
        Assert.Single(cluster.Api.All(VeleroResources.Backups));
    }

    [Fact]
    public async Task A_paused_and_a_skipping_schedule_make_none_and_a_bad_one_says_why()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        const string old = "\"creationTimestamp\":\"2026-01-01T00:00:00Z\"";
        cluster.Api.Add(VeleroResources.Schedules, $$"""{"metadata":{"name":"paused","namespace":"velero",{{old}} },"spec":{"schedule":"@daily","paused":true,"template":{} } }""");
        cluster.Api.Add(VeleroResources.Schedules, $$"""{"metadata":{"name":"skips","namespace":"velero",{{old}} },"spec":{"schedule":"@daily","skipImmediately":true,"template":{} } }""");
        cluster.Api.Add(VeleroResources.Schedules, $$"""{"metadata":{"name":"bad","namespace":"velero",{{old}} },"spec":{"schedule":"whenever","template":{} } }""");
        var bad = await cluster.WaitForPhaseAsync(VeleroResources.Schedules, "bad", SchedulePhase.FailedValidation);
        Assert.Contains("five are needed", bad["status"]!["validationErrors"]![0]!.GetValue<string>(), StringComparison.Ordinal);
        await cluster.WaitForPhaseAsync(VeleroResources.Schedules, "paused", SchedulePhase.Enabled);
        await cluster.WaitAsync(VeleroResources.Schedules, "skips", s => s.Text("status", "lastSkipped") is not null && !s.IsTrue("spec", "skipImmediately"));
        await Task.Delay(300, TestContext.Current.CancellationToken);
        Assert.Empty(cluster.Api.All(VeleroResources.Backups));
    }

    [Fact]
    public async Task No_backup_is_made_while_one_of_the_schedule_is_unfinished()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AgentOutcome = null;
        cluster.AddShop();
        cluster.Api.Add(VeleroResources.Schedules, """
            {"metadata":{"name":"often","namespace":"velero","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"schedule":"@every 1s","template":{"includedNamespaces":["shop"]}}}
            """);
        await cluster.WaitAsync(VeleroResources.Schedules, "often", s => s.Text("status", "lastBackup") is not null);
        await cluster.WaitForPhaseAsync(VeleroResources.Backups, cluster.Api.All(VeleroResources.Backups).Single().Name(), BackupPhase.InProgress);
        await Task.Delay(1500, TestContext.Current.CancellationToken);
        cluster.Api.Patch(VeleroResources.Schedules, "velero", "often", """{"metadata":{"labels":{"touched":"yes"}}}""");
        await Task.Delay(300, TestContext.Current.CancellationToken);
        Assert.Single(cluster.Api.All(VeleroResources.Backups));
    }
}
