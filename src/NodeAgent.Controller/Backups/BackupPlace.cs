using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Backups;

/// <summary>A location that a backup goes to, and its files.</summary>
internal sealed record BackupPlace(BackupStorageLocation Location, IBucket Bucket)
{
    public string Name => Location.Metadata.Name ?? "";
}
