namespace NodeAgent.Controller.Backups;

/// <summary>The object of a backup went away while the backup ran.</summary>
internal sealed class BackupDeletedException(string ns, string name) : Exception($"the Backup object {ns}/{name} was deleted while the backup ran");
