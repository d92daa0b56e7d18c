namespace NodeAgent.Repository.Trees;

/// <summary>The entry of a snapshot's source directory: nameless, encoded alone, relative to zero.</summary>
public static class RootEntry
{
    /// <summary>Encodes the entry of a directory whose name is empty.</summary>
    /// <exception cref="ArgumentException">The entry has a name, is no directory, or cannot be represented.</exception>
    public static byte[] Encode(TreeEntry entry)
    {
        if (entry.Type != TreeEntryType.Directory || !entry.Name.IsEmpty)
            throw new ArgumentException("the root of a snapshot is a directory without a name", nameof(entry));
        using var buffer = new PlaintextBuffer(256);
        TreeEntryWriter.Write(buffer, entry, default);
        return buffer.Span.ToArray();
    }

    /// <summary>Decodes it again. The entry shares <paramref name="bytes"/>.</summary>
    /// <exception cref="NodeAgent.Repository.Objects.RepositoryFormatException">The bytes are not a root entry.</exception>
    public static TreeEntry Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new PlaintextReader(bytes.Span, PlaintextOrigin.SnapshotRoot);
        TreeEntryReader.Read(ref reader, default, allowNameless: true, out var fields);
        if (!reader.AtEnd)
            reader.Fail("bytes follow the root entry");
        if (fields.Type != TreeEntryType.Directory || fields.NameLength != 0)
            reader.FailAt(0, "the root entry is not a directory without a name");
        return TreeEntryReader.ToEntry(in fields, bytes, PlaintextOrigin.SnapshotRoot, 0);
    }
}
