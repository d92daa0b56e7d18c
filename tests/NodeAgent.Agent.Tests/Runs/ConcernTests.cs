using NodeAgent.Agent.Backups;
using NodeAgent.Agent.Restores;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Agent.Tests.Runs;

/// <summary>What an agent keeps of the work of a whole cluster, in which each volume of each backup leaves an object for as long as the backup is kept.</summary>
public sealed class ConcernTests
{
    [Theory]
    [InlineData("n1", null, true)]
    [InlineData("n1", "Accepted", true)]
    [InlineData("n1", "InProgress", true)]
    [InlineData("n1", "Canceling", true)]
    [InlineData("n1", "Completed", false)]
    [InlineData("n1", "Failed", false)]
    [InlineData("n1", "Canceled", false)]
    [InlineData("n2", null, false)]
    [InlineData("n2", "InProgress", false)]
    public void Backups_of_its_own_node_are_kept_until_they_have_ended(string node, string? phase, bool expected)
    {
        var backup = new PodVolumeBackup { Spec = new PodVolumeBackupSpec { Node = node }, Status = new PodVolumeBackupStatus { Phase = phase } };
        Assert.Equal(expected, VolumeBackupReconciler.Concerns(backup, "n1"));
    }

    [Theory]
    [InlineData(null, null, true)]
    [InlineData("n2", "InProgress", true)]
    [InlineData("n1", "Completed", true)]
    [InlineData("n2", "Completed", false)]
    [InlineData("n1", "Failed", false)]
    [InlineData("n1", "Canceled", false)]
    public void Restores_are_kept_while_their_pod_may_come_to_it_or_their_mark_is_looked_after(string? node, string? phase, bool expected)
    {
        var restore = new PodVolumeRestore { Spec = new PodVolumeRestoreSpec(), Status = new PodVolumeRestoreStatus { Node = node, Phase = phase } };
        Assert.Equal(expected, VolumeRestoreReconciler.Concerns(restore, "n1"));
    }
}
