using System.Diagnostics;
using System.Text.Json.Nodes;
using NodeAgent.Agent.Tests.Harness;
using NodeAgent.Filesystem;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Agent.Tests.Backups;

public sealed class VolumeBackupTests
{
    private static readonly ResourceKind Kind = VeleroResources.PodVolumeBackups;

    [Fact]
    public async Task A_volume_becomes_a_snapshot_and_its_object_says_which()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, volume) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(volume, "note"), new string('n', 5000), TestContext.Current.CancellationToken);

        var backup = await fixture.BackUpAsync(pod);

        Assert.Equal(PodVolumePhase.Completed, backup.Phase());
        Assert.Equal("", backup.Status("message"));
        Assert.Equal(volume, backup.Status("path"));
        Assert.Equal("5000", backup.Status!["progress"]!["totalBytes"]!.ToString());
        Assert.Equal("5000", backup.Status!["progress"]!["bytesDone"]!.ToString());
        Assert.Equal("5000", backup.Status("incrementalBytes"));
        foreach (var time in new[] { "acceptedTimestamp", "startTimestamp", "completionTimestamp" }) Assert.NotEqual("", backup.Status(time));
        var manifest = (await fixture.ReadSnapshotAsync(backup.Status("snapshotID"))).Manifest;
        Assert.Equal((SnapshotSource.PodVolume, "shop", "web", "data", "node-1"), (manifest.Source.Kind, manifest.Source.Namespace, manifest.Source.Pod, manifest.Source.Volume, manifest.Source.Node));
        Assert.Equal(pod.Uid, manifest.Source.PodUid);
        Assert.Equal("nightly", manifest.Tags["backup"]);
    }

    [Fact]
    public async Task What_is_mounted_inside_a_volume_is_left_out_and_told_of()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, volume) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(volume, "note"), "hello", TestContext.Current.CancellationToken);
        var bucket = Directory.CreateDirectory(Path.Combine(volume, "bucket")).FullName;
        using (var mount = Process.Start("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", bucket])) await mount.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.SkipUnless(DirectoryIdentity.Of(bucket).IsMountPoint == true, "nothing could be mounted: run as root with CAP_SYS_ADMIN on Linux 5.8 or newer");
        try
        {
            await File.WriteAllTextAsync(Path.Combine(bucket, "remote"), "not of the volume", TestContext.Current.CancellationToken);

            var backup = await fixture.BackUpAsync(pod);

            Assert.Equal((PodVolumePhase.Completed, "1 mount inside was left out: bucket (tmpfs)"), (backup.Phase(), backup.Status("message")));
            Assert.Equal(1, (await fixture.ReadSnapshotAsync(backup.Status("snapshotID"))).Manifest.Stats.Files);
        }
        finally
        {
            using var unmount = Process.Start("umount", [bucket]);
            await unmount.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task The_second_backup_of_a_volume_stores_only_what_is_new()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, volume) = await fixture.AddPodAsync();
        await File.WriteAllBytesAsync(Path.Combine(volume, "old"), Bytes(1, 300_000), TestContext.Current.CancellationToken);
        await fixture.BackUpAsync(pod, "b1");
        await File.WriteAllBytesAsync(Path.Combine(volume, "new"), Bytes(2, 100_000), TestContext.Current.CancellationToken);

        var second = await fixture.BackUpAsync(pod, "b2");

        Assert.Equal("100000", second.Status("incrementalBytes"));
        Assert.Equal("400000", second.Status!["progress"]!["totalBytes"]!.ToString());
    }

    [Theory]
    [InlineData("local")]
    [InlineData("standard")]
    public async Task The_volume_of_a_claim_is_found_by_the_name_of_its_persistent_volume(string storageClass)
    {
        await using var fixture = await AgentFixture.StartAsync();
        var classes = new List<string>();
        await foreach (var item in fixture.Client.ListAsync(KubernetesResources.StorageClasses, null, new Kubernetes.Api.ListOptions(), TestContext.Current.CancellationToken)) classes.Add(item.Name);
        Assert.Contains(storageClass, classes);
        fixture.AddClaim("files", storageClass);
        var (pod, volume) = await fixture.AddPodAsync(claim: "files");
        await File.WriteAllTextAsync(Path.Combine(volume, "note"), "hello", TestContext.Current.CancellationToken);

        var backup = await fixture.BackUpAsync(pod);

        Assert.Equal(PodVolumePhase.Completed, backup.Phase());
        Assert.Equal(volume, backup.Status("path"));
        var manifest = (await fixture.ReadSnapshotAsync(backup.Status("snapshotID"))).Manifest;
        Assert.Equal((1, "files"), (manifest.Stats.Files, manifest.Source.Pvc));
    }

    [Fact]
    public async Task The_marks_of_an_earlier_restore_are_not_backed_up()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, volume) = await fixture.AddPodAsync();
        Filesystem.RestoreMark.Write(volume, "some-restore");
        await File.WriteAllTextAsync(Path.Combine(volume, "note"), "hello", TestContext.Current.CancellationToken);

        var backup = await fixture.BackUpAsync(pod);

        var stats = (await fixture.ReadSnapshotAsync(backup.Status("snapshotID"))).Manifest.Stats;
        Assert.Equal((1, 1), (stats.Files, stats.Directories));
    }

    [Fact]
    public async Task The_object_of_another_node_is_left_alone()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync();
        await fixture.AskForBackupAsync(pod, "elsewhere", new JsonObject { ["node"] = "node-2" });
        // Work that comes later and is done shows that the one before was passed over, not just late.
        await fixture.BackUpAsync(pod, "here");

        var elsewhere = await fixture.Client.GetAsync(Kind, AgentFixture.System, "elsewhere", TestContext.Current.CancellationToken);
        Assert.Null(elsewhere.Status);
    }

    [Theory]
    [InlineData("""{"volume":"nothere"}""", "the pod has no volume of this name")]
    [InlineData("""{"volume":""}""", "spec.volume")]
    [InlineData("""{"backupStorageLocation":"nothere"}""", "location nothere does not exist in namespace velero")]
    [InlineData("""{"backupStorageLocation":""}""", "spec.backupStorageLocation")]
    [InlineData("""{"pod":{"kind":"Pod","namespace":"shop","name":"gone"}}""", "pod shop/gone was deleted before the backup of its volume data was complete")]
    [InlineData("""{"pod":{"kind":"Pod","namespace":"shop","name":"web","uid":"another"}}""", "was replaced by another of the same name")]
    [InlineData("""{"parentSnapshot":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}""", "is not found")]
    public async Task What_cannot_be_backed_up_fails_with_the_reason(string spec, string reason)
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync();

        var backup = await fixture.BackUpAsync(pod, spec: (JsonObject)JsonNode.Parse(spec)!);

        Assert.Equal(PodVolumePhase.Failed, backup.Phase());
        Assert.Contains(reason, backup.Status("message"), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', backup.Status("message"));
        Assert.NotEqual("", backup.Status("completionTimestamp"));
    }

    [Theory]
    [InlineData("""{"spec":{"accessMode":"ReadOnly"}}""", "read-only")]
    [InlineData("""{"spec":{"provider":"floppy"}}""", "unknown provider \"floppy\"")]
    [InlineData("""{"spec":{"config":{"path":"relative"}}}""", "is not absolute")]
    [InlineData("""{"spec":{"provider":"velero.io/aws","objectStorage":{"bucket":"shop"},"config":null,"credential":{"name":"gone","key":"cloud"}}}""", "spec.credential names entry cloud of Secret gone, which does not exist")]
    [InlineData("""{"spec":{"provider":"aws","objectStorage":{"bucket":"shop"},"config":{"path":null,"s3url":"x"}}}""", "config.s3url is not known to provider aws")]
    [InlineData("""{"spec":{"provider":"aws","objectStorage":{"bucket":"shop","caCert":"bm9uZQ=="},"config":{"path":null,"s3Url":"https://127.0.0.1:1"}}}""", "hold no certificate")]
    public async Task A_location_that_cannot_be_used_fails_the_backup_with_the_reason(string patch, string reason)
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync();
        await fixture.Client.PatchAsync(VeleroResources.BackupStorageLocations, AgentFixture.System, "default", (JsonObject)JsonNode.Parse(patch)!, TestContext.Current.CancellationToken);

        var backup = await fixture.BackUpAsync(pod);

        Assert.Equal(PodVolumePhase.Failed, backup.Phase());
        Assert.Contains(reason, backup.Status("message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_changes_while_it_is_read_fails_the_backup_and_keeps_the_snapshot()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, volume) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(volume, "quiet"), "quiet", TestContext.Current.CancellationToken);
        // Long enough that the writer below is at work while it is read.
        await File.WriteAllBytesAsync(Path.Combine(volume, "busy"), Bytes(3, 64 << 20), TestContext.Current.CancellationToken);
        using var stop = new CancellationTokenSource();
        var writer = Task.Run(async () =>
        {
            using var busy = new FileStream(Path.Combine(volume, "busy"), FileMode.Append, FileAccess.Write, FileShare.ReadWrite, 0);
            for (var i = 0; i < 20_000 && !stop.IsCancellationRequested; i++)
            {
                busy.WriteByte(1);
                await Task.Delay(1, CancellationToken.None);
            }
        }, TestContext.Current.CancellationToken);

        var backup = await fixture.BackUpAsync(pod);
        await stop.CancelAsync();
        await writer;

        Assert.Equal(PodVolumePhase.Failed, backup.Phase());
        Assert.Contains("1 file was not backed up as it was: busy", backup.Status("message"), StringComparison.Ordinal);
        var snapshot = await fixture.ReadSnapshotAsync(backup.Status("snapshotID"));
        Assert.Equal((SnapshotOutcome.PartiallyFailed, 2), (snapshot.Manifest.Outcome, snapshot.Manifest.Stats.Files));
    }

    [Fact]
    public async Task A_run_is_cancelled_on_request_and_says_so()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync();
        // Holds the run where it asks for the key.
        fixture.Cluster.Faults.Delay(TimeSpan.FromMinutes(1), r => r.Resource == "secrets");
        await fixture.AskForBackupAsync(pod);
        await fixture.WaitForPhaseAsync(Kind, "b1", PodVolumePhase.Accepted);

        await fixture.Client.PatchAsync(Kind, AgentFixture.System, "b1", new JsonObject { ["spec"] = new JsonObject { ["cancel"] = true } }, TestContext.Current.CancellationToken);

        var backup = await fixture.WaitForEndAsync(Kind, "b1");
        Assert.Equal((PodVolumePhase.Canceled, "cancelled on request"), (backup.Phase(), backup.Status("message")));
        Assert.Equal("", backup.Status("snapshotID"));
    }

    [Fact]
    public async Task What_is_cancelled_before_its_start_never_starts()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync();

        var backup = await fixture.BackUpAsync(pod, spec: new JsonObject { ["cancel"] = true });

        Assert.Equal(PodVolumePhase.Canceled, backup.Phase());
        Assert.False(Directory.Exists(fixture.Location));
    }

    [Theory]
    [InlineData(PodVolumePhase.InProgress, "", PodVolumePhase.Completed, "")]
    [InlineData(PodVolumePhase.InProgress, "attempt 2 of 3: the agent of node node-1 was restarted while it worked on this", PodVolumePhase.Completed, "")]
    [InlineData(PodVolumePhase.InProgress, "attempt 3 of 3: the agent of node node-1 was restarted while it worked on this", PodVolumePhase.Failed, "the agent of node node-1 was restarted 3 times while it worked on this")]
    [InlineData(PodVolumePhase.Canceling, "", PodVolumePhase.Canceled, "cancelled on request")]
    public async Task After_a_restart_what_was_in_hand_is_taken_up_so_many_times(string phase, string message, string end, string reason)
    {
        await using var fixture = await AgentFixture.StartAsync(startAgent: false);
        var (pod, _) = await fixture.AddPodAsync();
        await fixture.AskForBackupAsync(pod, status: new JsonObject { ["phase"] = phase, ["message"] = message });

        fixture.StartAgent();

        var backup = await fixture.WaitForEndAsync(Kind, "b1");
        Assert.Equal(end, backup.Phase());
        Assert.StartsWith(reason, backup.Status("message"), StringComparison.Ordinal);
        Assert.Equal(reason.Length == 0, backup.Status("message").Length == 0);
    }

    [Fact]
    public async Task Which_attempt_it_is_stands_in_the_object_until_it_ends()
    {
        await using var fixture = await AgentFixture.StartAsync(startAgent: false);
        var (pod, _) = await fixture.AddPodAsync();
        await fixture.AskForBackupAsync(pod, status: new JsonObject { ["phase"] = PodVolumePhase.InProgress });
        fixture.Cluster.Faults.Delay(TimeSpan.FromMinutes(5), r => r.Resource == "secrets");
        fixture.StartAgent();
        var second = await fixture.WaitForPhaseAsync(Kind, "b1", PodVolumePhase.Accepted);
        Assert.Equal("attempt 2 of 3: the agent of node node-1 was restarted while it worked on this", second.Status("message"));

        // One that has not begun is no further attempt.
        await fixture.StopAgentAsync();
        const string before = "2001-02-03T04:05:06Z";
        await fixture.Client.PatchStatusAsync(Kind, AgentFixture.System, "b1", new JsonObject { ["acceptedTimestamp"] = before }, null, TestContext.Current.CancellationToken);
        fixture.StartAgent();
        var again = await fixture.WaitAsync(Kind, AgentFixture.System, "b1", b => b.Status("acceptedTimestamp") != before);
        Assert.Equal(second.Status("message"), again.Status("message"));
    }

    [Fact]
    public async Task After_a_restart_what_waited_for_its_turn_is_done()
    {
        await using var fixture = await AgentFixture.StartAsync(startAgent: false);
        var (pod, _) = await fixture.AddPodAsync();
        await fixture.AskForBackupAsync(pod, status: new JsonObject { ["phase"] = PodVolumePhase.Accepted });

        fixture.StartAgent();

        Assert.Equal(PodVolumePhase.Completed, (await fixture.WaitForEndAsync(Kind, "b1")).Phase());
    }

    [Fact]
    public async Task An_agent_that_is_stopped_leaves_what_it_has_in_hand_and_what_waits_to_the_next()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync();
        fixture.Cluster.Faults.Delay(TimeSpan.FromMinutes(1), r => r.Resource == "secrets");
        await fixture.AskForBackupAsync(pod, "running");
        await fixture.WaitForPhaseAsync(Kind, "running", PodVolumePhase.Accepted);
        await fixture.AskForBackupAsync(pod, "waiting");
        await fixture.WaitForPhaseAsync(Kind, "waiting", PodVolumePhase.Accepted);

        await fixture.StopAgentAsync();

        Assert.Equal(PodVolumePhase.Accepted, (await fixture.Client.GetAsync(Kind, AgentFixture.System, "running", TestContext.Current.CancellationToken)).Phase());
        Assert.Equal(PodVolumePhase.Accepted, (await fixture.Client.GetAsync(Kind, AgentFixture.System, "waiting", TestContext.Current.CancellationToken)).Phase());
        fixture.Cluster.Faults.Clear();
        fixture.StartAgent();
        Assert.Equal(PodVolumePhase.Completed, (await fixture.WaitForEndAsync(Kind, "running")).Phase());
        Assert.Equal(PodVolumePhase.Completed, (await fixture.WaitForEndAsync(Kind, "waiting")).Phase());
    }

    [Fact]
    public async Task A_backup_that_is_nearly_done_when_its_agent_is_stopped_is_done()
    {
        await using var fixture = await AgentFixture.StartAsync(startAgent: false);
        fixture.StartAgent(stopGrace: TimeSpan.FromMinutes(2));
        var (pod, _) = await fixture.AddPodAsync();
        using var asked = new SemaphoreSlim(0);
        fixture.Cluster.Faults.Delay(TimeSpan.FromSeconds(2), r => r.Resource == "secrets" && asked.Release() >= 0);
        await fixture.AskForBackupAsync(pod, "nearly-done");
        Assert.True(await asked.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));

        await fixture.StopAgentAsync();

        Assert.Equal(PodVolumePhase.Completed, (await fixture.Client.GetAsync(Kind, AgentFixture.System, "nearly-done", TestContext.Current.CancellationToken)).Phase());
    }

    [Fact]
    public async Task A_deleted_object_stops_its_run_and_frees_the_slot()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync();
        fixture.Cluster.Faults.Delay(TimeSpan.FromMinutes(1), r => r.Resource == "secrets");
        await fixture.AskForBackupAsync(pod, "deleted");
        await fixture.WaitForPhaseAsync(Kind, "deleted", PodVolumePhase.Accepted);
        await fixture.Client.DeleteAsync(Kind, AgentFixture.System, "deleted", new Kubernetes.Api.DeleteOptions(), TestContext.Current.CancellationToken);
        fixture.Cluster.Faults.Clear();

        // The delay of one minute still holds the first request; only its cancellation frees the only slot in time.
        Assert.Equal(PodVolumePhase.Completed, (await fixture.BackUpAsync(pod, "next")).Phase());
    }

    [Fact]
    public async Task The_end_is_written_even_when_the_server_refuses_for_a_while()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, volume) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(volume, "note"), "hello", TestContext.Current.CancellationToken);
        // The first two writes take the work in hand and start it; those after them are of its end.
        var writes = 0;
        fixture.Cluster.Faults.FailNext(3, 500, r => r.Verb == "patch" && r.Resource == "podvolumebackups" && r.Subresource == "status" && Interlocked.Increment(ref writes) > 2);

        Assert.Equal(PodVolumePhase.Completed, (await fixture.BackUpAsync(pod)).Phase());
        Assert.Equal(5, writes);
    }

    private static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
