using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>Volumes of all kinds: backed up to a real S3 server, lost with their namespaces, and restored.</summary>
/// <param name="fixture">The node.</param>
/// <param name="round">The volumes.</param>
[Collection(RealNodeCollection.Name)]
public sealed class VolumeScenarioTests(RealNodeFixture fixture, VolumeRound round) : RealNodeTest(fixture), IClassFixture<VolumeRound>
{
    [Fact]
    public async Task An_emptyDir_comes_back_as_it_was()
    {
        await round.DoneAsync();
        await AssertSameAsync(round.Shop, "plain");
        var list = round.Before(round.Shop, "plain", "data");
        // The comparison is worth nothing unless the list shows all this.
        string[] shown = Node.Settings.Root is not null
            ? ["./docs/deep/er/the-same f 644 0:0 981173106.0000000000 links=2 size=2000000", "./docs/link l 777 1003:1004", "./docs/setuid f 4755", "./private/key f 400 1001:1002", "./pipe p ", "./two\nlines f ", "./\u00ff\u00fe no text f ", "user.origin=0x"]
            : ["./docs/deep/er/the-same regular file 644 0:0 981173106 links=2 size=2000000", "'./docs/link' -> '../greeting' symbolic link 777 1003:1004", "./docs/setuid regular file 4755", "./private/key regular file 400 1001:1002", "./pipe fifo ", "\nlines regular file ", "./\u00ff\u00fe no text regular file "];
        foreach (var part in (string[])[.. shown, "./holes has holes"]) Assert.Contains(part, list, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_volume_in_memory_comes_back_as_it_was()
    {
        await round.DoneAsync();
        await AssertSameAsync(round.Shop, "memory");
        Assert.Contains("tmpfs", await Node.ExecAsync(round.Shop, "memory", "grep ' /data ' /proc/mounts"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_local_volume_comes_back_in_another_volume_that_its_claim_is_bound_to()
    {
        await round.DoneAsync();
        SkipWithoutClaims();
        await AssertSameAsync(round.Shop, "claimed");
        var claim = await Node.GetAsync(KubernetesResources.PersistentVolumeClaims, round.Shop, "claimed");
        Assert.Equal("Bound", (string?)claim["status"]!["phase"]);
        // The lost claim's volume keeps its files for whoever wants to see them, as its policy says.
        var released = (await Node.ListAsync(KubernetesResources.PersistentVolumes, null)).Single(v => (string?)v["status"]!["phase"] == "Released" && (string?)v["spec"]!["claimRef"]!["name"] == "claimed" && (string?)v["spec"]!["claimRef"]!["namespace"] == round.Shop);
        Assert.NotEqual((string?)released["metadata"]!["name"], (string?)claim["spec"]!["volumeName"]);
    }

    [Fact]
    public async Task Parts_of_a_volume_that_are_mounted_by_subPath_come_back_in_their_places()
    {
        await round.DoneAsync();
        await AssertSameAsync(round.Shop, "parts");
        Assert.Equal($"{Tree.Greeting}\n2\n", await Node.ExecAsync(round.Shop, "parts", "cat /data/one/greeting /data/two/other"));
    }

    [Fact]
    public async Task Each_pod_of_a_StatefulSet_of_two_gets_its_own_claim_back()
    {
        await round.DoneAsync();
        SkipWithoutClaims();
        foreach (var pod in new[] { "db-0", "db-1" })
        {
            await AssertSameAsync(round.Shop, pod);
            Assert.Equal($"{round.Shop}/{pod}\n", await Node.ExecAsync(round.Shop, pod, "cat /data/whose"));
            Assert.Contains((await Node.GetAsync(KubernetesResources.Pods, round.Shop, pod))["metadata"]!["ownerReferences"]!.AsArray(), o => (string?)o!["kind"] == "StatefulSet");
        }

        Assert.NotEqual(await round.BoundAsync("data-db-0"), await round.BoundAsync("data-db-1"));
    }

    [Fact]
    public async Task A_volume_that_is_mounted_read_only_comes_back_and_stays_read_only()
    {
        await round.DoneAsync();
        await AssertSameAsync(round.Shop, "reader");
        Assert.Equal("refused\n", await Node.ExecAsync(round.Shop, "reader", "touch /data/new 2>/dev/null && echo written || echo refused"));
    }

    [Fact]
    public async Task A_claim_that_a_pod_has_for_reading_only_comes_back_and_stays_read_only()
    {
        await round.DoneAsync();
        SkipWithoutClaims();
        await AssertSameAsync(round.Shop, "frozen");
        Assert.Equal("refused\n", await Node.ExecAsync(round.Shop, "frozen", "touch /data/new 2>/dev/null && echo written || echo refused"));
    }

    [Fact]
    public async Task A_volume_that_is_its_owners_alone_does_not_keep_the_pod_waiting()
    {
        await round.DoneAsync();
        await AssertSameAsync(round.Shop, "private");
        Assert.Equal("700 1001:1002\n", await Node.ExecAsync(round.Shop, "private", "stat -c '%a %u:%g' /data"));
    }

    [Fact]
    public async Task Pods_of_one_name_in_two_namespaces_with_volumes_of_one_name_get_their_own_back()
    {
        await round.DoneAsync();
        foreach (var ns in new[] { round.Shop, round.Market })
        {
            await AssertSameAsync(ns, "twin");
            Assert.Equal($"{ns}/twin\n", await Node.ExecAsync(ns, "twin", "cat /data/whose"));
        }
    }

    [Fact]
    public async Task Volumes_of_hostPath_configMap_secret_and_projected_are_refused_with_a_reason()
    {
        await round.DoneAsync();
        var results = await Node.ResultsAsync("backups", round.Backup);
        foreach (var (volume, reason) in new[]
        {
            ("host", "hostPath volumes are not backed up"), ("settings", "configMap volumes are not backed up"), ("keys", "secret volumes are not backed up"),
            ("both", "projected volumes are not backed up"), ("nowhere", "the pod has no volume of this name"),
        })
        {
            Assert.Contains($"volume {volume} of pod {round.Refused}/refused is not backed up: {reason}", results, StringComparison.Ordinal);
        }

        Assert.Contains(await Node.VolumeInfoAsync(round.Backup), v => (bool?)v!["skipped"] == true && (string?)v["skippedReason"] == "hostPath volumes are not backed up");
        Assert.DoesNotContain(await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, round.Backup), b => (string?)b["spec"]!["pod"]!["namespace"] == round.Refused);
    }

    [Fact]
    public async Task A_raw_block_volume_is_refused_with_a_reason()
    {
        await round.DoneAsync();
        SkipWithoutClaims();
        // The pod does not run: a device for it would be one of the machine's own. What the pod asks for is enough to tell.
        Assert.Contains($"volume disk of pod {round.Refused}/raw is not backed up: it is used as a block device, which file-system backup does not read", await Node.ResultsAsync("backups", round.Backup), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_application_starts_when_its_data_has_arrived_and_reads_it()
    {
        await round.DoneAsync();
        Assert.Equal($"began\n{Tree.Greeting}\n", await Node.LogAsync(round.Shop, "plain", "app"));
        var pod = await Node.GetAsync(KubernetesResources.Pods, round.Shop, "plain");
        var waiting = pod["status"]!["initContainerStatuses"]!.AsArray().Single(c => (string?)c!["name"] == VeleroLabels.RestoreWaitContainer)!;
        Assert.Equal(0, (int?)waiting["state"]!["terminated"]!["exitCode"]);
        var volume = (await Node.VolumesOfAsync(VeleroResources.PodVolumeRestores, round.Restore)).Single(r => (string?)r["spec"]!["pod"]!["name"] == "plain");
        Assert.Equal(PodVolumePhase.Completed, (string?)volume["status"]!["phase"]);
        var application = pod["status"]!["containerStatuses"]!.AsArray().Single()!;
        Assert.True(Time(waiting["state"]!["terminated"]!["finishedAt"]) >= Time(volume["status"]!["startTimestamp"]), "the init container ended before the data was on its way");
        Assert.True(Time(application["state"]!["running"]!["startedAt"]) >= Time(waiting["state"]!["terminated"]!["finishedAt"]), "the application did not wait");
    }

    [Fact]
    public async Task A_second_backup_stores_next_to_nothing()
    {
        await round.DoneAsync();
        var first = await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, round.Backup);
        var second = await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, round.Again);
        Assert.Equal(round.Volumes.Count, first.Count);
        Assert.Equal(round.Volumes.Count, second.Count);
        Assert.All(first.Concat(second), b => Assert.Equal(PodVolumePhase.Completed, (string?)b["status"]!["phase"]));
        Assert.True(first.Sum(Added) >= round.Volumes.Count * Tree.Bytes, $"{first.Sum(Added)} bytes were new in the first backup");
        Assert.True(second.Sum(Added) == 0, $"{second.Sum(Added)} bytes were new in a backup of what had not changed");
    }

    private static long Added(JsonObject backup) => (long?)backup["status"]!["incrementalBytes"] ?? 0;

    private static DateTimeOffset Time(JsonNode? time) => DateTimeOffset.Parse((string)time!, CultureInfo.InvariantCulture);

    private async Task AssertSameAsync(string ns, string pod)
    {
        Assert.Equal(PodVolumePhase.Completed, (string?)(await round.BackupOfAsync(round.Backup, ns, pod, "data"))["status"]!["phase"]);
        var before = round.Before(ns, pod, "data");
        Assert.True(before.Length > 500, before);
        Assert.Equal(before, await round.NowAsync(ns, pod, "data"));
    }

    private void SkipWithoutClaims() => _ = Node.Root;
}
