namespace NodeAgent.Repository.Trees;

/// <summary>
/// Where the content of a regular file is. One of <see cref="EmptyContent"/>, <see cref="InlineContent"/>, <see cref="BundleSlice"/>,
/// <see cref="ChunkList"/>, <see cref="IndirectList"/> and <see cref="WholeHole"/>.
/// </summary>
public abstract record FileContent
{
    private protected FileContent()
    {
    }

    /// <summary>How many bytes of the file it covers.</summary>
    public abstract long Length { get; }
}
