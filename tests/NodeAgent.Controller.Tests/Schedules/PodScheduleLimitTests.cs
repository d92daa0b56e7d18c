using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Schedules;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Schedules;

/// <summary>What may be had by an annotation, and what becomes of the rest.</summary>
public sealed class PodScheduleLimitTests
{
    [Fact]
    public async Task Pods_of_a_namespace_that_nobody_allowed_get_no_backups_and_are_told()
    {
        await using var cluster = await StartAsync(o => o with { PodScheduleNamespaces = ["bank", "shop-*"] });
        AddPod(cluster, "web", "@every 1h");
        await RefusedAsync(cluster, "the pods of namespace shop may not ask for backups: an administrator allows it by --pod-schedule-namespaces");
    }

    [Fact]
    public void Without_a_word_no_namespace_is_allowed() => Assert.Empty(new ControllerOptions().PodScheduleNamespaces);

    [Theory]
    [InlineData("* * * * *", "1m0s")]
    [InlineData("0,59 3 * * *", "59m0s")]
    [InlineData("0,1 0 1 1 *", "1m0s")]
    [InlineData("@every 59m", "59m0s")]
    public async Task Backups_that_are_asked_for_too_often_are_refused_and_the_object_is_told(string expression, string apart)
    {
        await using var cluster = await StartAsync();
        AddPod(cluster, "web", expression);
        await RefusedAsync(cluster, $"\"{expression}\": it asks for backups {apart} apart, and 1h0m0s is the least");
    }

    [Fact]
    public async Task An_expression_that_is_changed_again_and_again_brings_no_backup_before_its_time()
    {
        await using var cluster = await StartAsync();
        var now = DateTimeOffset.UtcNow;
        var (last, due) = (now.AddMinutes(-20), now.AddMinutes(-10));
        cluster.Api.Add(KubernetesResources.ConfigMaps, $$"""{"metadata":{"name":"{{PodScheduleMemory.ConfigMapName}}","namespace":"velero"},"data":{"shop.pod.web":"{{ApiTimeConverter.Format(last)}}"} }""");
        AddPod(cluster, "web", string.Create(CultureInfo.InvariantCulture, $"{due.Minute} {due.Hour} * * *"));
        await LookAsync(cluster);
        Assert.Empty(cluster.Api.All(VeleroResources.Backups));
        // Nothing but the time was in its way.
        cluster.Api.Patch(KubernetesResources.ConfigMaps, "velero", PodScheduleMemory.ConfigMapName, $$"""{"data":{"shop.pod.web":"{{ApiTimeConverter.Format(now.AddDays(-2))}}"} }""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.Backups).Count == 1);
    }

    [Theory]
    [InlineData("east")]
    [InlineData("default,east")]
    [InlineData("nowhere")]
    [InlineData("../east")]
    public async Task A_location_that_pods_may_not_ask_for_is_refused_like_one_that_is_not_there(string locations)
    {
        await using var cluster = await StartAsync();
        cluster.Api.Add(VeleroResources.BackupStorageLocations, $$"""
            {"metadata":{"name":"east","namespace":"velero"},"spec":{"provider":"filesystem","config":{"path":"{{cluster.LocationPath}}"},"objectStorage":{"bucket":"east"} } }
            """);
        AddPod(cluster, "web", "@every 1h", $"""
            ,"nodeagent.io/storage-locations":"{locations}"
            """);
        await RefusedAsync(cluster, $"nodeagent.io/storage-locations names \"{locations.Split(',')[^1]}\", which is no location that pods may ask for");
    }

    [Fact]
    public async Task More_backups_than_are_kept_are_deleted_with_their_files_the_oldest_first()
    {
        await using var cluster = await StartAsync(o => o with { PodScheduleMinInterval = TimeSpan.Zero, PodScheduleKeep = 2 });
        AddPod(cluster, "web", "@every 1s");
        var made = new SortedSet<string>(StringComparer.Ordinal);
        await ControllerFixture.WaitUntilAsync(() =>
        {
            made.UnionWith(cluster.Api.All(VeleroResources.Backups).Select(b => b.Name()));
            return made.Count >= 4 && !Files(cluster).Contains(made.First()) && cluster.Api.Find(VeleroResources.Backups, "velero", made.First()) is null;
        });
        // The newest are there.
        Assert.Contains(made.Last(), cluster.Api.All(VeleroResources.Backups).Select(b => b.Name()));
    }

    [Fact]
    public async Task Backups_of_pods_that_may_ask_for_none_any_more_stay_until_their_time_is_over()
    {
        await using var cluster = await StartAsync(o => o with { PodScheduleNamespaces = [], PodScheduleKeep = 1 });
        for (var i = 1; i <= 3; i++)
        {
            cluster.Api.Add(VeleroResources.Backups, $$"""
                {"metadata":{"name":"old{{i}}","namespace":"velero","creationTimestamp":"2026-01-0{{i}}T00:00:00Z","labels":{"{{PodSchedules.Label}}":"shop.pod.web"} },
                 "status":{"phase":"Completed","expiration":"2099-01-01T00:00:00Z"} }
                """);
        }

        AddPod(cluster, "web", "@every 1h");
        await ControllerFixture.WaitUntilAsync(() => Events(cluster).Count > 0);
        await LookAsync(cluster);
        Assert.Equal(3, cluster.Api.All(VeleroResources.Backups).Count(b => b.Text("status", "phase") == "Completed"));
        Assert.Empty(cluster.Api.All(VeleroResources.DeleteBackupRequests));
    }

    [Fact]
    public async Task One_namespace_has_no_more_than_five_backups_waiting()
    {
        await using var cluster = await StartAsync();
        cluster.AgentOutcome = null;
        for (var i = 0; i < 8; i++) AddPod(cluster, $"web{i}", "@every 1h");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.Backups).Count == PodScheduleLimits.MostUnfinished);
        await LookAsync(cluster);
        Assert.Equal(PodScheduleLimits.MostUnfinished, cluster.Api.All(VeleroResources.Backups).Count);
        // As some end, the others come.
        cluster.AgentOutcome = PodVolumePhase.Completed;
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.Backups).Count == 8);
    }

    [Fact]
    public void The_newest_whole_backup_is_never_one_too_many()
    {
        var limits = new PodScheduleLimits(null!, new ControllerOptions { PodScheduleKeep = 2 });
        var start = DateTimeOffset.UnixEpoch;
        ScheduledBackup[] backups =
        [
            new("e", BackupPhase.Failed, start.AddHours(5)), new("a", BackupPhase.Completed, start.AddHours(1)), new("b", BackupPhase.Completed, start.AddHours(2)),
            new("c", BackupPhase.PartiallyFailed, start.AddHours(3)), new("d", BackupPhase.Failed, start.AddHours(4)), new("f", BackupPhase.InProgress, start.AddHours(6)), new("0", BackupPhase.Deleting, start),
        ];
        Assert.Equal(["a", "c"], limits.Surplus(backups).Select(b => b.Name));
        Assert.Empty(new PodScheduleLimits(null!, new ControllerOptions { PodScheduleKeep = 0 }).Surplus(backups));
        Assert.True(limits.IsFull(limits.Surplus(backups)));
        Assert.False(limits.IsFull(limits.Surplus(backups[..4])));
    }

    [Theory]
    [InlineData("0 * * * *", 60)]
    [InlineData("0 3 * * *", 24 * 60)]
    [InlineData("0 3,4 * * 1", 60)]
    [InlineData("30 0 1 * *", 28 * 24 * 60)]
    [InlineData("0 0 */2 * *", 24 * 60)]
    public void The_shortest_interval_of_an_expression_is_looked_for_over_weeks(string expression, int minutes) =>
        Assert.Equal(TimeSpan.FromMinutes(minutes), CronSchedule.Parse(expression).ShortestInterval(new DateTimeOffset(2027, 1, 20, 0, 0, 0, TimeSpan.Zero)));

    private static Task<ControllerFixture> StartAsync(Func<ControllerOptions, ControllerOptions>? configure = null) => ControllerFixture.StartAsync(o =>
    {
        var options = o with { PodScheduleInterval = TimeSpan.FromMilliseconds(100), PodScheduleNamespaces = ["sh?p"] };
        return configure is null ? options : configure(options);
    });

    private static void AddPod(ControllerFixture cluster, string name, string expression, string more = "") => cluster.Api.Add(KubernetesResources.Pods, $$$"""
        {"metadata":{"name":"{{{name}}}","namespace":"shop","uid":"{{{name}}}","creationTimestamp":"2020-01-01T00:00:00Z","annotations":{"nodeagent.io/schedule":"{{{expression}}}"{{{more}}} } },
         "spec":{"nodeName":"n1","containers":[{"name":"c","volumeMounts":[{"name":"data","mountPath":"/d"}]}],"volumes":[{"name":"data","emptyDir":{} }]},"status":{"phase":"Running"} }
        """);

    private static string[] Files(ControllerFixture cluster) => Directory.Exists(Path.Combine(cluster.LocationPath, "backups"))
        ? [.. Directory.GetDirectories(Path.Combine(cluster.LocationPath, "backups")).Where(d => Directory.EnumerateFiles(d).Any()).Select(d => Path.GetFileName(d)!)]
        : [];

    /// <summary>Lets the controller look some times more.</summary>
    private static async Task LookAsync(ControllerFixture cluster)
    {
        var looks = cluster.Api.Looks();
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Looks() > looks + 4);
    }

    private static async Task RefusedAsync(ControllerFixture cluster, string message)
    {
        await ControllerFixture.WaitUntilAsync(() => Events(cluster).Count > 0);
        await LookAsync(cluster);
        var told = Assert.Single(Events(cluster));
        Assert.Equal(("Warning", "BadSchedule", "Pod", "web"), (told.Text("type"), told.Text("reason"), told.Text("involvedObject", "kind"), told.Text("involvedObject", "name")));
        Assert.Contains(message, told.Text("message"), StringComparison.Ordinal);
        Assert.Empty(cluster.Api.All(VeleroResources.Backups));
    }

    private static IReadOnlyList<JsonObject> Events(ControllerFixture cluster) => [.. cluster.Api.All(KubernetesResources.Events).Where(e => e.Namespace() == "shop")];
}
