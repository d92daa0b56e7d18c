using System.Text.Json.Nodes;
using NodeAgent.Agent.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Agent.Tests.Restores;

public sealed class VolumeRestoreTests
{
    private const string RestoreUid = "0d7c3c9e-6f2b-4c53-9d2f-8f8f7a1f0c11";
    private static readonly ResourceKind Kind = VeleroResources.PodVolumeRestores;

    [Fact]
    public async Task A_waiting_pod_gets_its_volume_back_and_starts()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, source) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(source, "note"), "hello", TestContext.Current.CancellationToken);
        Directory.CreateDirectory(Path.Combine(source, "deep", "deeper"));
        await File.WriteAllBytesAsync(Path.Combine(source, "deep", "deeper", "data"), new byte[70_000], TestContext.Current.CancellationToken);
        File.SetLastWriteTimeUtc(Path.Combine(source, "note"), new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        Directory.SetLastWriteTimeUtc(source, new DateTime(2002, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        var backup = await fixture.BackUpAsync(web);
        var (pod, target) = await fixture.AddPodAsync("restored", restore: RestoreUid);

        await fixture.AskForRestoreAsync(pod, backup.Status("snapshotID"), RestoreUid);

        var restore = await fixture.WaitForEndAsync(Kind, "r1");
        Assert.Equal((PodVolumePhase.Completed, ""), (restore.Phase(), restore.Status("message")));
        Assert.Equal("node-1", restore.Status("node"));
        Assert.Equal("70005", restore.Status!["progress"]!["bytesDone"]!.ToString());
        Assert.Equal("70005", restore.Status!["progress"]!["totalBytes"]!.ToString());
        await fixture.WaitAsync(KubernetesResources.Pods, AgentFixture.Shop, "restored", p => p.Phase() == "Running");
        Assert.Equal("hello", await File.ReadAllTextAsync(Path.Combine(target, "note"), TestContext.Current.CancellationToken));
        Assert.Equal(70_000, new FileInfo(Path.Combine(target, "deep", "deeper", "data")).Length);
        Assert.Equal(new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc), File.GetLastWriteTimeUtc(Path.Combine(target, "note")));
        Assert.Equal(new DateTime(2002, 2, 3, 4, 5, 6, DateTimeKind.Utc), Directory.GetLastWriteTimeUtc(target));
    }

    [Fact]
    public async Task A_volume_in_memory_that_the_agent_cannot_bear_is_refused_and_nothing_is_written()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, source) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(source, "note"), "hello", TestContext.Current.CancellationToken);
        var backup = await fixture.BackUpAsync(web);
        var (pod, target) = await fixture.AddPodAsync("restored", restore: RestoreUid);
        // A limit that the heap alone takes up.
        Directory.CreateDirectory(fixture.ControlGroups);
        await File.WriteAllTextAsync(Path.Combine(fixture.ControlGroups, "memory.max"), "1048576\n", TestContext.Current.CancellationToken);
        Assert.SkipUnless(Run("mount", "-t", "tmpfs", "tmpfs", target), "a tmpfs cannot be mounted here: that takes root");
        try
        {
            await fixture.AskForRestoreAsync(pod, backup.Status("snapshotID"), RestoreUid);

            var restore = await fixture.WaitForEndAsync(Kind, "r1");
            Assert.Equal(PodVolumePhase.Failed, restore.Phase());
            Assert.Contains("the volume is in memory", restore.Status("message"), StringComparison.Ordinal);
            Assert.Empty(Directory.EnumerateFileSystemEntries(target));
        }
        finally
        {
            Run("umount", "-l", target);
        }
    }

    private static bool Run(params string[] command)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    [Fact]
    public async Task A_restore_that_comes_before_its_pod_waits_for_it()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, source) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(source, "note"), "hello", TestContext.Current.CancellationToken);
        var backup = await fixture.BackUpAsync(web);
        var early = new KubernetesObject(KubernetesResources.Pods, AgentFixture.Shop, "restored");
        await fixture.AskForRestoreAsync(early, backup.Status("snapshotID"), RestoreUid);

        var (_, target) = await fixture.AddPodAsync("restored", restore: RestoreUid);

        Assert.Equal(PodVolumePhase.Completed, (await fixture.WaitForEndAsync(Kind, "r1")).Phase());
        Assert.True(File.Exists(Path.Combine(target, "note")));
    }

    [Fact]
    public async Task A_pod_of_an_earlier_version_finds_the_mark_in_its_volume()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, source) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(source, "note"), "hello", TestContext.Current.CancellationToken);
        Directory.SetLastWriteTimeUtc(source, new DateTime(2002, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        var backup = await fixture.BackUpAsync(web);
        var (pod, target) = await fixture.AddPodAsync("restored", restore: RestoreUid, marksInVolume: true);

        await fixture.AskForRestoreAsync(pod, backup.Status("snapshotID"), RestoreUid);

        Assert.Equal(PodVolumePhase.Completed, (await fixture.WaitForEndAsync(Kind, "r1")).Phase());
        await fixture.WaitAsync(KubernetesResources.Pods, AgentFixture.Shop, "restored", p => p.Phase() == "Running");
        Assert.Equal("hello", await File.ReadAllTextAsync(Path.Combine(target, "note"), TestContext.Current.CancellationToken));
        // The mark is gone again, and neither its coming nor its going shows in the volume's own time.
        Assert.False(Path.Exists(Path.Combine(target, ".velero")));
        Assert.Equal(new DateTime(2002, 2, 3, 4, 5, 6, DateTimeKind.Utc), Directory.GetLastWriteTimeUtc(target));
    }

    [Fact]
    public async Task The_mark_of_a_volume_is_not_in_it_and_can_be_read_and_removed_by_every_user()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, source) = await fixture.AddPodAsync();
        // As databases keep their directories: with this, the init container's user cannot look into the volume.
        File.SetUnixFileMode(source, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var backup = await fixture.BackUpAsync(web);
        // It waits for another restore, so that the mark of this one stays.
        var (pod, target) = await fixture.AddPodAsync("restored", restore: "9a6f6a53-39ae-4e43-9a0e-51d0b1f6a5cd");
        var marks = Path.Combine(Path.GetDirectoryName(target)!, "nodeagent-restore", "data", ".velero");

        await fixture.AskForRestoreAsync(pod, backup.Status("snapshotID"), RestoreUid);

        Assert.Equal(PodVolumePhase.Completed, (await fixture.WaitForEndAsync(Kind, "r1")).Phase());
        Assert.Empty(Directory.GetFileSystemEntries(target));
        Assert.Equal(RestoreUid, Path.GetFileName(Assert.Single(Directory.GetFiles(marks))));
        const UnixFileMode everyone = (UnixFileMode)0x1ff;
        Assert.Equal((everyone, everyone), (File.GetUnixFileMode(marks), File.GetUnixFileMode(Path.GetDirectoryName(marks)!)));
    }

    [Theory]
    [InlineData("""{"snapshotID":"not-a-snapshot"}""", "\"not-a-snapshot\" is no snapshot of this program's repository")]
    [InlineData("""{"snapshotID":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}""", "is not found")]
    [InlineData("""{"volume":"nothere"}""", "the pod has no volume of this name")]
    [InlineData("""{"backupStorageLocation":"nothere"}""", "location nothere does not exist")]
    [InlineData("""{"pod":{"kind":"Pod","namespace":"shop","name":"restored","uid":"another"}}""", "was replaced by another of the same name")]
    public async Task What_cannot_be_restored_fails_with_the_reason_and_the_pod_stays_back(string spec, string reason)
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, _) = await fixture.AddPodAsync();
        var backup = await fixture.BackUpAsync(web);
        var (pod, _) = await fixture.AddPodAsync("restored", restore: RestoreUid);

        await fixture.AskForRestoreAsync(pod, backup.Status("snapshotID"), RestoreUid, spec: (JsonObject)JsonNode.Parse(spec)!);

        var restore = await fixture.WaitForEndAsync(Kind, "r1");
        Assert.Equal(PodVolumePhase.Failed, restore.Phase());
        Assert.Contains(reason, restore.Status("message"), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', restore.Status("message"));
        Assert.Equal("Pending", (await fixture.Client.GetAsync(KubernetesResources.Pods, AgentFixture.Shop, "restored", TestContext.Current.CancellationToken)).Phase());
    }

    [Fact]
    public async Task A_location_without_a_repository_fails_the_restore_and_stays_empty()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync("restored", restore: RestoreUid);

        await fixture.AskForRestoreAsync(pod, new string('a', 64), RestoreUid);

        var restore = await fixture.WaitForEndAsync(Kind, "r1");
        Assert.Contains("there is no repository at", restore.Status("message"), StringComparison.Ordinal);
        Assert.False(Directory.Exists(fixture.Location));
        Assert.Null(await fixture.Client.FindAsync(KubernetesResources.Secrets, AgentFixture.System, "velero-repo-credentials", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_wrong_key_and_the_missing_key_are_told_apart()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, _) = await fixture.AddPodAsync();
        var snapshot = (await fixture.BackUpAsync(web)).Status("snapshotID");
        var (pod, _) = await fixture.AddPodAsync("restored", restore: RestoreUid);
        var cancellation = TestContext.Current.CancellationToken;
        var other = Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes(new string('0', 64)));

        await fixture.Client.PatchAsync(KubernetesResources.Secrets, AgentFixture.System, "velero-repo-credentials", new JsonObject { ["data"] = new JsonObject { ["repository-key"] = other } }, cancellation);
        await fixture.AskForRestoreAsync(pod, snapshot, RestoreUid, "wrong");
        var wrong = await fixture.WaitForEndAsync(Kind, "wrong");
        await fixture.Client.DeleteAsync(KubernetesResources.Secrets, AgentFixture.System, "velero-repo-credentials", new Kubernetes.Api.DeleteOptions(), cancellation);
        await fixture.AskForRestoreAsync(pod, snapshot, RestoreUid, "missing");
        var missing = await fixture.WaitForEndAsync(Kind, "missing");
        // A backup must not make a new key for a repository that has one.
        var backup = await fixture.BackUpAsync(web, "b2");

        Assert.Contains("does not open the repository", wrong.Status("message"), StringComparison.Ordinal);
        Assert.Contains("does not exist in namespace velero, but the repository", missing.Status("message"), StringComparison.Ordinal);
        Assert.Contains("does not exist in namespace velero, but the repository", backup.Status("message"), StringComparison.Ordinal);
        Assert.Null(await fixture.Client.FindAsync(KubernetesResources.Secrets, AgentFixture.System, "velero-repo-credentials", cancellation));
    }

    [Fact]
    public async Task A_passphrase_as_Velero_has_it_works_as_the_key()
    {
        await using var fixture = await AgentFixture.StartAsync();
        fixture.Cluster.Create("""
            {"apiVersion":"v1","kind":"Secret","metadata":{"name":"velero-repo-credentials","namespace":"velero"},"data":{"repository-password":"c3RhdGljLXBhc3N3MHJk"}}
            """);
        var (web, source) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(source, "note"), "hello", TestContext.Current.CancellationToken);
        var backup = await fixture.BackUpAsync(web);
        var (pod, target) = await fixture.AddPodAsync("restored", restore: RestoreUid);

        await fixture.AskForRestoreAsync(pod, backup.Status("snapshotID"), RestoreUid);

        Assert.Equal(PodVolumePhase.Completed, (await fixture.WaitForEndAsync(Kind, "r1")).Phase());
        Assert.True(File.Exists(Path.Combine(target, "note")));
    }

    [Fact]
    public async Task A_pod_that_does_not_wait_is_not_restored_into()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, volume) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(volume, "note"), "old", TestContext.Current.CancellationToken);
        var backup = await fixture.BackUpAsync(web);
        await File.WriteAllTextAsync(Path.Combine(volume, "note"), "newer", TestContext.Current.CancellationToken);

        await fixture.AskForRestoreAsync(web, backup.Status("snapshotID"), RestoreUid);

        var restore = await fixture.WaitForEndAsync(Kind, "r1");
        Assert.Equal(PodVolumePhase.Failed, restore.Phase());
        Assert.Contains("has no init container restore-wait", restore.Status("message"), StringComparison.Ordinal);
        Assert.Equal("newer", await File.ReadAllTextAsync(Path.Combine(volume, "note"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task After_a_restart_what_was_in_hand_is_taken_up_and_the_pod_starts()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, source) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(source, "note"), "hello", TestContext.Current.CancellationToken);
        var snapshot = (await fixture.BackUpAsync(web)).Status("snapshotID");
        await fixture.StopAgentAsync();
        var (pod, target) = await fixture.AddPodAsync("restored", restore: RestoreUid);
        await fixture.AskForRestoreAsync(pod, snapshot, RestoreUid, status: new JsonObject { ["phase"] = PodVolumePhase.InProgress, ["node"] = AgentFixture.Node });
        await fixture.AskForRestoreAsync(pod, snapshot, RestoreUid, "elsewhere", status: new JsonObject { ["phase"] = PodVolumePhase.InProgress, ["node"] = "node-2" });

        fixture.StartAgent();

        Assert.Equal(PodVolumePhase.Completed, (await fixture.WaitForEndAsync(Kind, "r1")).Phase());
        await fixture.WaitAsync(KubernetesResources.Pods, AgentFixture.Shop, "restored", p => p.Phase() == "Running");
        Assert.Equal("hello", await File.ReadAllTextAsync(Path.Combine(target, "note"), TestContext.Current.CancellationToken));
        Assert.Equal(PodVolumePhase.InProgress, (await fixture.Client.GetAsync(Kind, AgentFixture.System, "elsewhere", TestContext.Current.CancellationToken)).Phase());
    }

    [Theory]
    [InlineData(PodVolumePhase.InProgress, "attempt 3 of 3: the agent", PodVolumePhase.Failed, "the agent of node node-1 was restarted 3 times while it worked on this")]
    [InlineData(PodVolumePhase.Canceling, "", PodVolumePhase.Canceled, "cancelled on request")]
    public async Task After_a_restart_what_is_not_to_be_taken_up_is_ended(string phase, string message, string end, string reason)
    {
        await using var fixture = await AgentFixture.StartAsync(startAgent: false);
        var (pod, _) = await fixture.AddPodAsync("restored", restore: RestoreUid);
        await fixture.AskForRestoreAsync(pod, new string('a', 64), RestoreUid, status: new JsonObject { ["phase"] = phase, ["node"] = AgentFixture.Node, ["message"] = message });

        fixture.StartAgent();

        var restore = await fixture.WaitForEndAsync(Kind, "r1");
        Assert.Equal(end, restore.Phase());
        Assert.StartsWith(reason, restore.Status("message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_restart_the_restore_of_a_pod_that_is_gone_is_ended()
    {
        await using var fixture = await AgentFixture.StartAsync(startAgent: false);
        var gone = new KubernetesObject(KubernetesResources.Pods, AgentFixture.Shop, "gone");
        await fixture.AskForRestoreAsync(gone, new string('a', 64), RestoreUid, status: new JsonObject { ["phase"] = PodVolumePhase.InProgress, ["node"] = AgentFixture.Node });

        fixture.StartAgent();

        Assert.Equal("pod shop/gone is not on node node-1 any more", (await fixture.WaitForEndAsync(Kind, "r1")).Status("message"));
    }

    [Fact]
    public async Task A_restore_is_cancelled_on_request_and_says_so()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, _) = await fixture.AddPodAsync();
        var backup = await fixture.BackUpAsync(web);
        var (pod, _) = await fixture.AddPodAsync("restored", restore: RestoreUid);
        fixture.Cluster.Faults.Delay(TimeSpan.FromMinutes(1), r => r.Resource == "secrets");
        await fixture.AskForRestoreAsync(pod, backup.Status("snapshotID"), RestoreUid);
        await fixture.WaitForPhaseAsync(Kind, "r1", PodVolumePhase.Accepted);

        await fixture.Client.PatchAsync(Kind, AgentFixture.System, "r1", new JsonObject { ["spec"] = new JsonObject { ["cancel"] = true } }, TestContext.Current.CancellationToken);

        Assert.Equal(PodVolumePhase.Canceled, (await fixture.WaitForEndAsync(Kind, "r1")).Phase());
    }

    [Fact]
    public async Task An_init_container_that_is_started_anew_finds_the_mark_again()
    {
        await using var fixture = await AgentFixture.StartAsync(startAgent: false);
        var (pod, target) = await fixture.AddPodAsync("restored", restore: RestoreUid);
        var started = DateTimeOffset.Parse((await fixture.WaitAsync(KubernetesResources.Pods, AgentFixture.Shop, "restored", Waits)).Status!["initContainerStatuses"]![0]!["state"]!["running"]!["startedAt"]!.ToString(), System.Globalization.CultureInfo.InvariantCulture);
        // As after a reboot of the node: the restore was complete before the container was started this time.
        await fixture.AskForRestoreAsync(pod, new string('a', 64), RestoreUid, status: new JsonObject
        {
            ["phase"] = PodVolumePhase.Completed,
            ["node"] = AgentFixture.Node,
            ["completionTimestamp"] = ApiTimeConverter.Format(started.AddMinutes(-5)),
        });

        fixture.StartAgent();

        await fixture.WaitAsync(KubernetesResources.Pods, AgentFixture.Shop, "restored", p => p.Phase() == "Running");
        Assert.False(Path.Exists(Path.Combine(target, ".velero")));

        static bool Waits(KubernetesObject item) => item.Status?["initContainerStatuses"]?[0]?["state"]?["running"] is not null;
    }

    [Fact]
    public async Task A_link_in_place_of_the_mark_directory_leads_nothing_out_of_the_volume()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, _) = await fixture.AddPodAsync();
        var backup = await fixture.BackUpAsync(web);
        var (pod, target) = await fixture.AddPodAsync("restored", restore: RestoreUid, marksInVolume: true);
        File.CreateSymbolicLink(Path.Combine(target, ".velero"), fixture.Outside);

        await fixture.AskForRestoreAsync(pod, backup.Status("snapshotID"), RestoreUid);

        var restore = await fixture.WaitForEndAsync(Kind, "r1");
        Assert.Equal(PodVolumePhase.Failed, restore.Phase());
        Assert.Contains(".velero", restore.Status("message"), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(fixture.Outside));
    }
}
