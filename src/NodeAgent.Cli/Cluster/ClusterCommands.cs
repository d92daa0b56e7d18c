using System.CommandLine;
using NodeAgent.Cli.Cluster.Backups;
using NodeAgent.Cli.Cluster.Describe;
using NodeAgent.Cli.Cluster.Installation;
using NodeAgent.Cli.Cluster.Locations;
using NodeAgent.Cli.Cluster.Restores;
using NodeAgent.Cli.Cluster.Schedules;
using NodeAgent.Cli.Cluster.Support;

namespace NodeAgent.Cli.Cluster;

/// <summary>All verbs that talk to a cluster, as noun-verb (`backup get`) and as verb-noun (`get backups`).</summary>
internal static class ClusterCommands
{
    public static Command CreateBackup() => new Command("backup", "Back up a cluster")
    {
        BackupCreateCommand.Create(),
        GetCommand.Create(VeleroKinds.Backup),
        DescribeCommand.Create(VeleroKinds.Backup),
        LogsCommand.Create(VeleroKinds.Backup),
        BackupDownloadCommand.Create(),
        DeleteCommand.Create(VeleroKinds.Backup),
    }.WithClusterOptions();

    public static Command CreateRestore() => new Command("restore", "Restore to a cluster")
    {
        RestoreCreateCommand.Create(),
        GetCommand.Create(VeleroKinds.Restore),
        DescribeCommand.Create(VeleroKinds.Restore),
        LogsCommand.Create(VeleroKinds.Restore),
        DeleteCommand.Create(VeleroKinds.Restore),
    }.WithClusterOptions();

    public static Command CreateSchedule() => new Command("schedule", "Back up a cluster at set times")
    {
        ScheduleCreateCommand.Create(),
        GetCommand.Create(VeleroKinds.Schedule),
        DescribeCommand.Create(VeleroKinds.Schedule),
        SchedulePauseCommand.CreatePause(),
        SchedulePauseCommand.CreateUnpause(),
        DeleteCommand.Create(VeleroKinds.Schedule),
    }.WithClusterOptions();

    public static Command CreateBackupLocation() => new Command("backup-location", "Places to store backups in")
    {
        BackupLocationCreateCommand.Create(),
        GetCommand.Create(VeleroKinds.BackupLocation),
        BackupLocationSetCommand.Create(),
        DeleteCommand.Create(VeleroKinds.BackupLocation),
    }.WithClusterOptions();

    public static Command CreateSnapshotLocation() => new Command("snapshot-location", "Places for volume snapshots")
    {
        SnapshotLocationCreateCommand.Create(),
        GetCommand.Create(VeleroKinds.SnapshotLocation),
        SnapshotLocationSetCommand.Create(),
    }.WithClusterOptions();

    public static Command CreateGet() => new Command("get", "List resources of a kind")
    {
        GetCommand.Create(VeleroKinds.Backup, "backups", "backup"),
        GetCommand.Create(VeleroKinds.Restore, "restores", "restore"),
        GetCommand.Create(VeleroKinds.Schedule, "schedules", "schedule"),
        GetCommand.Create(VeleroKinds.BackupLocation, "backup-locations", "backup-location"),
        GetCommand.Create(VeleroKinds.SnapshotLocation, "snapshot-locations", "snapshot-location"),
        GetCommand.Create(VeleroKinds.Repository, "repos", "repo"),
        PluginCommands.CreateGet("plugins", "plugin"),
    }.WithClusterOptions();

    public static Command CreateCreate() => new Command("create", "Create a resource")
    {
        BackupCreateCommand.Create("backup"),
        RestoreCreateCommand.Create("restore"),
        ScheduleCreateCommand.Create("schedule"),
        BackupLocationCreateCommand.Create("backup-location"),
        SnapshotLocationCreateCommand.Create("snapshot-location"),
    }.WithClusterOptions();

    public static Command CreateDescribe() => new Command("describe", "Describe resources of a kind")
    {
        DescribeCommand.Create(VeleroKinds.Backup, "backups", "backup"),
        DescribeCommand.Create(VeleroKinds.Restore, "restores", "restore"),
        DescribeCommand.Create(VeleroKinds.Schedule, "schedules", "schedule"),
        DescribeCommand.Create(VeleroKinds.Repository, "repos", "repo"),
    }.WithClusterOptions();

    public static Command CreateDelete() => new Command("delete", "Delete resources of a kind")
    {
        DeleteCommand.Create(VeleroKinds.Backup, "backup", "backups"),
        DeleteCommand.Create(VeleroKinds.Restore, "restore", "restores"),
        DeleteCommand.Create(VeleroKinds.Schedule, "schedule", "schedules"),
        DeleteCommand.Create(VeleroKinds.BackupLocation, "backup-location", "backup-locations"),
    }.WithClusterOptions();

    public static Command CreatePlugin() => PluginCommands.Create().WithClusterOptions();

    public static Command CreateInstall() => InstallCommand.Create();

    public static Command CreateUninstall() => UninstallCommand.Create();

    public static Command CreateDebug() => DebugCommand.Create().WithClusterOptions();

    public static Command CreateBug() => BugCommand.Create().WithClusterOptions();

    public static Command CreateVersion() => VersionCommand.Create().WithClusterOptions();
}
