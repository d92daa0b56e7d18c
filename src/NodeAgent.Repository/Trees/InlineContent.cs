namespace NodeAgent.Repository.Trees;

/// <summary>The content of a small file, held in the entry itself.</summary>
/// <param name="Bytes">The content: 1 byte to <see cref="TreeLimits.MaxInlineFile"/>. Kept, not copied.</param>
public sealed record InlineContent(ReadOnlyMemory<byte> Bytes) : FileContent
{
    /// <inheritdoc/>
    public override long Length => Bytes.Length;

    /// <summary>Whether both hold the same bytes.</summary>
    public bool Equals(InlineContent? other) => other is not null && Bytes.Span.SequenceEqual(other.Bytes.Span);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Bytes.Span);
        return hash.ToHashCode();
    }
}
