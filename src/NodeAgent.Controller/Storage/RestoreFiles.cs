namespace NodeAgent.Controller.Storage;

/// <summary>Keys of the files of one restore, with Velero's names.</summary>
internal sealed record RestoreFiles(string Restore)
{
    public const string Folder = "restores";

    public string Directory => $"{Folder}/{Restore}";

    public string Log => $"{Directory}/restore-{Restore}-logs.gz";

    public string Results => $"{Directory}/restore-{Restore}-results.gz";

    public string ResourceList => $"{Directory}/restore-{Restore}-resource-list.json.gz";

    public string ItemOperations => $"{Directory}/restore-{Restore}-itemoperations.json.gz";

    public string VolumeInfo => $"{Directory}/{Restore}-volumeinfo.json.gz";
}
