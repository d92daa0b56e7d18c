namespace NodeAgent.Filesystem;

/// <summary>Something that went wrong with one file.</summary>
/// <param name="Path">Relative to the source or target, as bytes.</param>
/// <param name="Operation">What was being done.</param>
/// <param name="Reason">Why it failed.</param>
/// <param name="IsMetadataOnly">Whether all content is there that the snapshot has of the file: only an owner, attribute or flag is not as it was, or the content could not be read when it was backed up.</param>
public sealed record FileIssue(byte[] Path, string Operation, string Reason, bool IsMetadataOnly = false)
{
    /// <summary>One line for people.</summary>
    public override string ToString() => $"{FileName.ToText(Path)}: {Operation}: {Reason}";
}
