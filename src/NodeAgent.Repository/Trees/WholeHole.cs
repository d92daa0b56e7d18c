namespace NodeAgent.Repository.Trees;

/// <summary>A file without any data, which is one hole.</summary>
/// <param name="HoleLength">The file's size; at least 1.</param>
public sealed record WholeHole(long HoleLength) : FileContent
{
    /// <inheritdoc/>
    public override long Length => HoleLength;
}
