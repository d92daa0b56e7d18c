namespace NodeAgent.Filesystem;

/// <summary>Something that went wrong with one file.</summary>
/// <param name="Path">Relative to the source or target, as bytes.</param>
/// <param name="Operation">What was being done.</param>
/// <param name="Reason">Why it failed.</param>
/// <param name="IsMetadataOnly">Whether the file is there with all of its content, and only an owner, attribute or flag is not as it was.</param>
public sealed record FileIssue(byte[] Path, string Operation, string Reason, bool IsMetadataOnly = false)
{
    /// <summary>One line for people.</summary>
    public override string ToString() => $"{FileName.ToText(Path)}: {Operation}: {Reason}";
}
