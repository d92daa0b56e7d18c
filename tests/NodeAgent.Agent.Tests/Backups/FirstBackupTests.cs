using System.Diagnostics;
using NodeAgent.Agent.Tests.Harness;
using NodeAgent.Filesystem;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Agent.Tests.Backups;

/// <summary>What an agent does with little: a volume without files, a location without a repository.</summary>
public sealed class FirstBackupTests
{
    [Fact]
    public async Task An_empty_volume_becomes_a_snapshot_like_any_other()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync();
        var backup = await fixture.BackUpAsync(pod);
        Assert.Equal((PodVolumePhase.Completed, ""), (backup.Phase(), backup.Status("message")));
        var stats = (await fixture.ReadSnapshotAsync(backup.Status("snapshotID"))).Manifest.Stats;
        Assert.Equal((0, 0), ((int)stats.Files, (int)stats.Bytes));
    }

    [Fact]
    public async Task A_volume_that_was_unmounted_is_not_backed_up_as_an_empty_one()
    {
        await using var fixture = await AgentFixture.StartAsync(startAgent: false);
        fixture.StartAgent(acceptsPlainDirectories: false);
        fixture.AddClaim("files", "local");
        var (pod, volume) = await fixture.AddPodAsync(claim: "files");
        Assert.SkipUnless(DirectoryIdentity.Of(volume).IsMountPoint == true, "the volume could not be mounted: run as root with CAP_SYS_ADMIN on Linux 5.8 or newer");
        await File.WriteAllTextAsync(Path.Combine(volume, "note"), "hello", TestContext.Current.CancellationToken);
        Assert.Equal(PodVolumePhase.Completed, (await fixture.BackUpAsync(pod)).Phase());

        using (var unmount = Process.Start("umount", [volume]))
        {
            await unmount.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, unmount.ExitCode);
        }

        var backup = await fixture.BackUpAsync(pod, "b2");
        Assert.Equal((PodVolumePhase.Failed, ""), (backup.Phase(), backup.Status("snapshotID")));
        Assert.Contains($"nothing is mounted at {volume}", backup.Status("message"), StringComparison.Ordinal);
        // So that the cluster can take it down as it put it up.
        using var mount = Process.Start("mount", ["--bind", fixture.Outside, volume]);
        await mount.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, mount.ExitCode);
    }

    [Fact]
    public async Task The_key_of_the_repository_is_made_with_its_first_backup_and_stays()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync();
        Assert.Null(await fixture.Client.FindAsync(KubernetesResources.Secrets, AgentFixture.System, "velero-repo-credentials", TestContext.Current.CancellationToken));
        await fixture.BackUpAsync(pod, "b1");
        var made = await KeyAsync();
        Assert.Equal(32, Convert.FromHexString(System.Text.Encoding.ASCII.GetString(Convert.FromBase64String(made)).Trim()).Length);
        await fixture.BackUpAsync(pod, "b2");
        Assert.Equal(made, await KeyAsync());

        async Task<string> KeyAsync() =>
            (await fixture.Client.GetAsync(KubernetesResources.Secrets, AgentFixture.System, "velero-repo-credentials", TestContext.Current.CancellationToken)).Json["data"]!["repository-key"]!.ToString();
    }
}
