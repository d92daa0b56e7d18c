using NodeAgent.Controller.Backups;

namespace NodeAgent.Controller.Deletion;

/// <summary>A location that a backup which is deleted went to.</summary>
/// <param name="Place">The location and its files.</param>
/// <param name="IsOwn">False when the folder of its name there is another backup's, of which nothing is touched.</param>
internal sealed record DeletionPlace(BackupPlace Place, bool IsOwn);
