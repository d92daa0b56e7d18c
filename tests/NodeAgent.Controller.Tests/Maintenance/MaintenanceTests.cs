using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Maintenance;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Maintenance;

/// <summary>The controller on real repositories. Maintenance is asked for by the annotation, since no test waits for a day.</summary>
public sealed class MaintenanceTests
{
    private const string Name = "default-nodeagent";

    private int _requests;

    [Fact]
    public async Task Each_location_has_a_repository_object_that_says_whether_there_is_a_repository()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { DefaultRepoMaintainFrequency = TimeSpan.FromHours(7) });
        var repository = await cluster.WaitForPhaseAsync(VeleroResources.BackupRepositories, Name, BackupRepositoryPhase.New);
        Assert.Equal("no volume was backed up to the location yet", repository.Text("status", "message"));
        Assert.Equal(("default", "7h0m0s", "default"), (repository.Text("spec", "backupStorageLocation"), repository.Text("spec", "maintenanceFrequency"), repository.Objects("metadata", "ownerReferences").Single().Text("name")));
        // A repository that nobody maintains yet is none that is asked to be.
        Request(cluster);
        await AddRepositoryAsync(cluster);
        // It is looked for now and then; a change of the object brings a look at once.
        cluster.Api.Patch(VeleroResources.BackupRepositories, "velero", Name, """{"status":{"phase":"","message":""}}""");
        await WaitForRunsAsync(cluster, 1);
        Assert.Null(cluster.Api.Find(VeleroResources.BackupRepositories, "velero", Name)!.Annotation(MaintenanceTiming.Requested));
        await cluster.WaitForPhaseAsync(VeleroResources.BackupRepositories, Name, BackupRepositoryPhase.Ready);
    }

    [Fact]
    public async Task Maintenance_frees_what_was_forgotten_and_reads_a_part_that_gets_round()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        var (ids, key) = await AddRepositoryAsync(cluster);
        cluster.StartController();
        await cluster.WaitForPhaseAsync(VeleroResources.BackupRepositories, Name, BackupRepositoryPhase.Ready);
        cluster.Api.Patch(VeleroResources.BackupRepositories, "velero", Name, """{"spec":{"repositoryConfig":{"readDataSubset":"50%","cacheLimitMB":"1"}}}""");
        var packs = SampleRepository.Packs(cluster.LocationPath);

        // Half of it, then the other half: what was read is remembered in the location.
        var first = await MaintainAsync(cluster);
        Assert.Equal("Succeeded", first.Text("result"));
        var second = await MaintainAsync(cluster);
        Assert.Equal("Succeeded", second.Text("result"));
        Assert.StartsWith("packs deleted: 0; bytes freed: 0; snapshots checked: 2; packs read: ", first.Text("message"), StringComparison.Ordinal);
        Assert.True(ReadPacks(first) is > 0 && ReadPacks(first) < packs.Count && ReadPacks(first) + ReadPacks(second) >= packs.Count, $"{first} {second}");
        var memory = Assert.Single(Directory.GetFiles(Path.Combine(cluster.LocationPath, "plugins/nodeagent-checks")));

        // A memory that somebody else wrote is none: the first half is read again, and the run is no worse for it.
        var forged = await File.ReadAllBytesAsync(memory, TestContext.Current.CancellationToken);
        forged[^1] ^= 1;
        await File.WriteAllBytesAsync(memory, forged, TestContext.Current.CancellationToken);
        Assert.Equal(first.Text("message"), (await MaintainAsync(cluster)).Text("message"));

        await SampleRepository.ForgetLongAgoAsync(cluster.LocationPath, key, ids[0]);
        var collecting = await MaintainAsync(cluster);
        Assert.Equal("Succeeded", collecting.Text("result"));
        Assert.DoesNotContain("packs deleted: 0;", collecting.Text("message"), StringComparison.Ordinal);
        Assert.True(SampleRepository.Packs(cluster.LocationPath).Count < packs.Count);
        Assert.Equal([ids[1]], await SampleRepository.ListAsync(cluster.LocationPath, key));
        var repository = cluster.Api.Find(VeleroResources.BackupRepositories, "velero", Name)!;
        Assert.Equal(4, repository.Objects("status", "recentMaintenance").Count());
        Assert.NotNull(repository.Text("status", "lastMaintenanceTime"));
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.Events).Count(e => e.Text("reason") == "MaintenanceSucceeded" && e.Text("involvedObject", "name") == Name) == 4);
    }

    [Fact]
    public async Task Damage_is_told_in_one_line_and_nothing_is_removed_until_it_is_mended()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        var (ids, key) = await AddRepositoryAsync(cluster);
        await SampleRepository.ForgetLongAgoAsync(cluster.LocationPath, key, ids[0]);
        var packs = SampleRepository.Packs(cluster.LocationPath);
        foreach (var pack in packs) File.Move(pack, pack + ".away");
        cluster.StartController();
        await cluster.WaitForPhaseAsync(VeleroResources.BackupRepositories, Name, BackupRepositoryPhase.Ready);

        var run = await MaintainAsync(cluster);
        Assert.Equal("Failed", run.Text("result"));
        Assert.StartsWith("DAMAGED: ", run.Text("message"), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', run.Text("message")!);
        var repository = await cluster.WaitForPhaseAsync(VeleroResources.BackupRepositories, Name, BackupRepositoryPhase.NotReady);
        Assert.Equal(run.Text("message"), repository.Text("status", "message"));
        Assert.Null(repository.Text("status", "lastMaintenanceTime"));
        // Events follow what they tell of.
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.Events).Any(e => e.Text("type") == "Warning" && e.Text("reason") == "RepositoryDamaged"));

        foreach (var pack in packs) File.Move(pack + ".away", pack);
        Assert.Equal("Succeeded", (await MaintainAsync(cluster)).Text("result"));
        await cluster.WaitForPhaseAsync(VeleroResources.BackupRepositories, Name, BackupRepositoryPhase.Ready);
        Assert.True(SampleRepository.Packs(cluster.LocationPath).Count < packs.Count);
    }

    [Fact]
    public async Task What_keeps_maintenance_from_running_is_told_in_one_line()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        await AddRepositoryAsync(cluster);
        cluster.Api.Remove(WellKnownTestKinds.Secrets, "velero", "velero-repo-credentials");
        cluster.StartController();
        await cluster.WaitForPhaseAsync(VeleroResources.BackupRepositories, Name, BackupRepositoryPhase.Ready);
        var run = await MaintainAsync(cluster);
        Assert.Equal("Failed", run.Text("result"));
        Assert.Contains("Secret velero-repo-credentials does not exist", run.Text("message"), StringComparison.Ordinal);

        cluster.Api.Patch(VeleroResources.BackupRepositories, "velero", Name, """{"spec":{"repositoryConfig":{"maxUnused":"lots"}}}""");
        await cluster.WaitAsync(VeleroResources.BackupRepositories, Name, r => (r.Text("status", "message") ?? "").Contains("maxUnused is \"lots\" instead of a share", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_read_only_location_is_maintained_by_who_writes_to_it()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        await AddRepositoryAsync(cluster);
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"accessMode":"ReadOnly"}}""");
        cluster.StartController();
        await cluster.WaitAsync(VeleroResources.BackupRepositories, Name, r => (r.Text("status", "message") ?? "").Contains("is read-only", StringComparison.Ordinal));
        Request(cluster);
        // By then the object with the request was looked at: the next resync comes after it.
        await Task.Delay(cluster.Options.ResyncPeriod * 2, TestContext.Current.CancellationToken);
        Assert.Empty(cluster.Api.Find(VeleroResources.BackupRepositories, "velero", Name).Objects("status", "recentMaintenance"));
    }

    [Fact]
    public async Task Repositories_of_Velero_itself_are_left_alone()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(VeleroResources.BackupRepositories, """{"metadata":{"name":"shop-default-kopia","namespace":"velero","labels":{"velero.io/repository-type":"kopia"}},"spec":{"volumeNamespace":"shop","backupStorageLocation":"gone","repositoryType":"kopia","maintenanceFrequency":"1s"}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.BackupRepositories, Name, BackupRepositoryPhase.New);
        await Task.Delay(cluster.Options.ResyncPeriod, TestContext.Current.CancellationToken);
        Assert.Null(cluster.Api.Find(VeleroResources.BackupRepositories, "velero", "shop-default-kopia").Text("status", "phase"));
    }

    [Theory]
    [InlineData("5%", 0.05)]
    [InlineData("0%", 0)]
    [InlineData("100%", 1)]
    [InlineData("0.5%", 0.005)]
    public void A_share_is_written_in_percent(string text, double share)
    {
        Assert.True(ControllerOptions.TryParseShare(text, out var parsed));
        Assert.Equal(share, parsed, 10);
    }

    [Theory]
    [InlineData("101%")]
    [InlineData("-1%")]
    [InlineData("5")]
    [InlineData("%")]
    [InlineData("NaN%")]
    public void Anything_else_is_no_share(string text) => Assert.False(ControllerOptions.TryParseShare(text, out _));

    private static int ReadPacks(JsonObject run) => int.Parse(run.Text("message")!.Split("packs read: ")[1].Split(' ')[0], CultureInfo.InvariantCulture);

    private static async Task<(string[] Ids, byte[] Key)> AddRepositoryAsync(ControllerFixture cluster)
    {
        // The key is there first: a controller that looks in between would find a repository that it cannot open.
        var aside = cluster.LocationPath + "-aside";
        var (ids, key) = await SampleRepository.MakeAsync(aside);
        cluster.Api.Add(WellKnownTestKinds.Secrets, $$$"""{"metadata":{"name":"velero-repo-credentials","namespace":"velero"},"data":{"repository-key":"{{{Convert.ToBase64String(key)}}}"} }""");
        Directory.CreateDirectory(Path.GetDirectoryName(SampleRepository.RootOf(cluster.LocationPath))!);
        Directory.Move(SampleRepository.RootOf(aside), SampleRepository.RootOf(cluster.LocationPath));
        return (ids, key);
    }

    private static void Request(ControllerFixture cluster) =>
        cluster.Api.Patch(VeleroResources.BackupRepositories, "velero", Name, $$$"""{"metadata":{"annotations":{"{{{MaintenanceTiming.Requested}}}":"now"} } }""");

    private static async Task<JsonObject> WaitForRunsAsync(ControllerFixture cluster, int runs)
    {
        var repository = await cluster.WaitAsync(VeleroResources.BackupRepositories, Name, r => r.Objects("status", "recentMaintenance").Count() >= runs);
        return repository.Objects("status", "recentMaintenance").Last();
    }

    private async Task<JsonObject> MaintainAsync(ControllerFixture cluster)
    {
        Request(cluster);
        return await WaitForRunsAsync(cluster, ++_requests);
    }
}
