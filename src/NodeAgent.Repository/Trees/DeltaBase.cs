namespace NodeAgent.Repository.Trees;

/// <summary>What the next entry of a list is relative to: the entry before it, the carrier of an inline list, or zero at the start of a page.</summary>
internal readonly record struct DeltaBase(uint UserId, uint GroupId, long ModifiedSeconds, long ChangedSeconds, ulong Inode)
{
    public static DeltaBase Of(TreeEntry entry) =>
        new(entry.UserId, entry.GroupId, entry.Modified.Seconds, entry.Changed.Seconds, entry.Inode);
}
