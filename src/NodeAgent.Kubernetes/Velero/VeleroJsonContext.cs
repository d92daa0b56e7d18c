using System.Text.Json.Serialization;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>
/// How the custom resources read and write JSON: absent rather than null, durations in Go's notation, times in whole
/// seconds. Fields that these types do not know are dropped on reading, so objects are changed by patches only.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    MaxDepth = KubernetesJson.MaxDepth,
    Converters = [typeof(GoDurationConverter), typeof(ApiTimeConverter)])]
[JsonSerializable(typeof(Backup))]
[JsonSerializable(typeof(IReadOnlyList<Backup>), TypeInfoPropertyName = "BackupList")]
[JsonSerializable(typeof(Restore))]
[JsonSerializable(typeof(IReadOnlyList<Restore>), TypeInfoPropertyName = "RestoreList")]
[JsonSerializable(typeof(Schedule))]
[JsonSerializable(typeof(IReadOnlyList<Schedule>), TypeInfoPropertyName = "ScheduleList")]
[JsonSerializable(typeof(BackupStorageLocation))]
[JsonSerializable(typeof(IReadOnlyList<BackupStorageLocation>), TypeInfoPropertyName = "BackupStorageLocationList")]
[JsonSerializable(typeof(VolumeSnapshotLocation))]
[JsonSerializable(typeof(IReadOnlyList<VolumeSnapshotLocation>), TypeInfoPropertyName = "VolumeSnapshotLocationList")]
[JsonSerializable(typeof(BackupRepository))]
[JsonSerializable(typeof(IReadOnlyList<BackupRepository>), TypeInfoPropertyName = "BackupRepositoryList")]
[JsonSerializable(typeof(DeleteBackupRequest))]
[JsonSerializable(typeof(IReadOnlyList<DeleteBackupRequest>), TypeInfoPropertyName = "DeleteBackupRequestList")]
[JsonSerializable(typeof(DownloadRequest))]
[JsonSerializable(typeof(IReadOnlyList<DownloadRequest>), TypeInfoPropertyName = "DownloadRequestList")]
[JsonSerializable(typeof(ServerStatusRequest))]
[JsonSerializable(typeof(IReadOnlyList<ServerStatusRequest>), TypeInfoPropertyName = "ServerStatusRequestList")]
[JsonSerializable(typeof(PodVolumeBackup))]
[JsonSerializable(typeof(IReadOnlyList<PodVolumeBackup>), TypeInfoPropertyName = "PodVolumeBackupList")]
[JsonSerializable(typeof(PodVolumeRestore))]
[JsonSerializable(typeof(IReadOnlyList<PodVolumeRestore>), TypeInfoPropertyName = "PodVolumeRestoreList")]
[JsonSerializable(typeof(DataUpload))]
[JsonSerializable(typeof(IReadOnlyList<DataUpload>), TypeInfoPropertyName = "DataUploadList")]
[JsonSerializable(typeof(DataDownload))]
[JsonSerializable(typeof(IReadOnlyList<DataDownload>), TypeInfoPropertyName = "DataDownloadList")]
public sealed partial class VeleroJsonContext : JsonSerializerContext;
