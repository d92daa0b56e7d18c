namespace NodeAgent.Controller.Restores;

/// <summary>An object in a backup's archive: its type, its namespace ("" for none) and its name.</summary>
internal sealed record ArchivedItem(string GroupResource, string Namespace, string Name)
{
    /// <summary>Where its text begins in the unpacked archive.</summary>
    public long Offset { get; init; }

    /// <summary>Bytes of its text.</summary>
    public int Length { get; init; }

    /// <summary>Where the text is read from.</summary>
    public required BackupArchive Archive { get; init; }
}
