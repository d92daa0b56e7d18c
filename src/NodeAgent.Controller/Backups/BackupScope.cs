using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Work;

namespace NodeAgent.Controller.Backups;

/// <summary>What all parts of one backup's run share.</summary>
internal sealed record BackupScope(ClusterClient Cluster, ControllerOptions Options, TimeProvider Time, RunLog Log, PreparedBackup Backup)
{
    /// <summary>Where temporary files go.</summary>
    public string WorkDirectory => Options.WorkDirectory ?? Path.GetTempPath();
}
