namespace NodeAgent.Filesystem.Restore;

/// <summary>What makes an entry that was just created a complete one.</summary>
/// <param name="Contents">Writes a file's content.</param>
/// <param name="Metadata">Gives it mode, owner, times and attributes.</param>
/// <param name="Flush">Has it on the disk before too much waits for that.</param>
internal sealed record EntryWriters(ContentWriter Contents, MetadataWriter Metadata, EarlyFlush Flush);
