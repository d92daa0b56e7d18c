namespace NodeAgent.Repository.Trees;

/// <summary>
/// A small directory, whose encoded entries are held in the entry that carries it. They are relative to that entry's owner,
/// times and inode, so they mean something only together with it.
/// </summary>
public sealed record InlineDirectory : DirectoryContent
{
    internal InlineDirectory(ReadOnlyMemory<byte> entries, PlaintextOrigin origin, long offset)
    {
        Entries = entries;
        Origin = origin;
        Offset = offset;
    }

    /// <summary>The encoded entries.</summary>
    public ReadOnlyMemory<byte> Entries { get; }

    /// <summary>What the bytes were read from, for errors.</summary>
    internal PlaintextOrigin Origin { get; }

    /// <summary>Where in the origin the bytes begin.</summary>
    internal long Offset { get; }

    /// <summary>Whether both hold the same bytes.</summary>
    public bool Equals(InlineDirectory? other) => other is not null && Entries.Span.SequenceEqual(other.Entries.Span);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Entries.Span);
        return hash.ToHashCode();
    }
}
