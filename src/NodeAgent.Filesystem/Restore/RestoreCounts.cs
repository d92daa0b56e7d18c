namespace NodeAgent.Filesystem.Restore;

/// <summary>What a restore has done so far. Each field is changed with <see cref="Interlocked"/>.</summary>
internal sealed class RestoreCounts
{
    public long Files;
    public long Directories;
    public long Others;
    public long Bytes;
    public long Skipped;
    public long Unchanged;
    public long Deleted;

    /// <summary>A restored entry that is no directory.</summary>
    public void Count(bool isFile) => Interlocked.Increment(ref isFile ? ref Files : ref Others);
}
