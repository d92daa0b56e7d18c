namespace NodeAgent.Filesystem;

/// <summary>Something that went wrong with one file.</summary>
/// <param name="Path">Relative to the source or target, as bytes.</param>
/// <param name="Operation">What was being done.</param>
/// <param name="Reason">Why it failed.</param>
public sealed record FileIssue(byte[] Path, string Operation, string Reason)
{
    /// <summary>One line for people.</summary>
    public override string ToString() => $"{FileName.ToText(Path)}: {Operation}: {Reason}";
}
