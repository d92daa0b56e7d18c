namespace NodeAgent.Repository.Trees;

/// <summary>No content: the file is empty, or its content could not be read (<see cref="TreeEntry.UnreadableContent"/>).</summary>
public sealed record EmptyContent : FileContent
{
    private EmptyContent()
    {
    }

    /// <summary>The only instance.</summary>
    public static EmptyContent Instance { get; } = new();

    /// <inheritdoc/>
    public override long Length => 0;
}
