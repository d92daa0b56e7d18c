using System.CommandLine;
using NodeAgent.Cli.Cluster;
using NodeAgent.Cli.Cluster.Describe;
using NodeAgent.Cli.Cluster.Repositories;

namespace NodeAgent.Cli.Machine;

/// <summary>The verbs that work on a repository without any cluster.</summary>
internal static class MachineCommands
{
    public static Command CreateRepo() => new Command("repo", "A repository in a directory or in S3, and those of a cluster")
    {
        RepoInitCommand.Create(),
        RepoInfoCommand.Create(),
        RepoCheckCommand.Create(),
        RepoStatsCommand.Create(),
        RepoRepairIndexCommand.Create("rebuild-index"),
        CreateRepoRepair(),
        RepoRecoverCommand.Create(),
        RepoCopyCommand.Create(),
        CreateRepoKey(),
        RepoMigrateCommand.Create(),
        RepoPruneCommand.Create(),
        RepoParityCommand.Create(),
        GetCommand.Create(VeleroKinds.Repository).WithClusterOptions(),
        DescribeCommand.Create(VeleroKinds.Repository).WithClusterOptions(),
        RepoMaintainCommand.Create().WithClusterOptions(),
        RepoPauseCommand.CreatePause().WithClusterOptions(),
        RepoPauseCommand.CreateUnpause().WithClusterOptions(),
    }.WithRepositoryOptions().WithMachineOutput();

    public static Command CreateSnapshot() => new Command("snapshot", "Back up and restore directories of this machine")
    {
        SnapshotCreateCommand.Create(),
        SnapshotListCommand.Create(),
        SnapshotLsCommand.Create(),
        SnapshotRestoreCommand.Create(),
        SnapshotDumpCommand.Create(),
        SnapshotDiffCommand.Create(),
        SnapshotFindCommand.Create(),
        SnapshotForgetCommand.Create(),
        SnapshotUnforgetCommand.Create(),
    }.WithRepositoryOptions().WithMachineOutput();

    private static Command CreateRepoRepair() => new("repair", "Mend what is damaged, and save what can be saved")
    {
        RepoRepairIndexCommand.Create("index"),
        RepoRepairPacksCommand.Create(),
        RepoRepairSnapshotsCommand.Create(),
    };

    private static Command CreateRepoKey() => new("key", "Who can open the repository")
    {
        RepoKeyListCommand.Create(),
        RepoKeyAddCommand.Create(),
        RepoKeyRemoveCommand.Create(),
        RepoKeyRotateCommand.Create(),
        RepoKeyPasswdCommand.Create(),
    };
}
