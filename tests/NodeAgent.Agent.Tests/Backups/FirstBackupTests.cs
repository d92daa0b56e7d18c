using NodeAgent.Agent.Tests.Harness;
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
