using System.Runtime.CompilerServices;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// Compares two trees of one repository. Directories, and pages of directories, that both have are known by their id and not read,
/// so the work is that of the difference and not of the trees. Memory: a page per level for each directory of the path it is at.
/// </summary>
/// <param name="trees">Reads the pages of both.</param>
/// <param name="chunks">Reads the content of small files: it may be the same in another place.</param>
public sealed class TreeDiff(TreeReader trees, ChunkSource chunks)
{
    private sealed record Frame(PageWalk Before, PageWalk After, int PathLength);

    /// <summary>
    /// What differs, in the order of a walk: the names of a directory in byte order, what is below a name right after it. Entries
    /// that only one tree has are listed one by one, with all that is in them.
    /// </summary>
    /// <param name="before">The entry at the path in the first tree; null when there is none.</param>
    /// <param name="after">The entry at the path in the second tree; null when there is none.</param>
    /// <param name="path">Their path, put before the names below it; empty for the roots.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="RepositoryFormatException">A page is damaged or hostile; differences before it were returned.</exception>
    public async IAsyncEnumerable<TreeDifference> CompareAsync(
        TreeEntry? before, TreeEntry? after, ReadOnlyMemory<byte> path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (await CompareEntriesAsync(before, after, cancellationToken) is var top and not TreeChanges.None)
            yield return new TreeDifference(path, before, after, top);
        // One buffer for the path of all levels: a path for each of thousands of directories in one another would take gigabytes.
        var at = new List<byte>(path.ToArray());
        var open = new Stack<Frame>();
        Enter(open, before, after, at.Count);
        while (open.TryPeek(out var frame))
        {
            if (!await AdvanceAsync(frame.Before, frame.After, cancellationToken))
            {
                open.Pop();
                continue;
            }

            var order = Order(frame.Before, frame.After);
            var one = order <= 0 ? frame.Before.ToEntry() : null;
            var other = order >= 0 ? frame.After.ToEntry() : null;
            if (one is not null) frame.Before.MoveNext();
            if (other is not null) frame.After.MoveNext();
            at.RemoveRange(frame.PathLength, at.Count - frame.PathLength);
            if (at.Count > 0) at.Add((byte)'/');
            at.AddRange((one ?? other)!.Name.Span);
            if (await CompareEntriesAsync(one, other, cancellationToken) is var changes and not TreeChanges.None)
                yield return new TreeDifference(at.ToArray(), one, other, changes);
            Enter(open, one, other, at.Count);
        }
    }

    private void Enter(Stack<Frame> open, TreeEntry? before, TreeEntry? after, int pathLength)
    {
        if (before?.Directory is null && after?.Directory is null) return;
        if (before is not null && after is not null && IsSameDirectory(before, after)) return;
        if (open.Count >= TreeLimits.MaxDepth)
            throw new RepositoryFormatException("tree", 0, $"directories are nested deeper than {TreeLimits.MaxDepth}");
        open.Push(new Frame(PageWalk.Open(trees, before), PageWalk.Open(trees, after), pathLength));
    }

    /// <summary>Equal entries, all the way down. Those of an inline list are relative to the entry that carries it.</summary>
    private static bool IsSameDirectory(TreeEntry before, TreeEntry after) =>
        before.Directory is not null && before.Directory.Equals(after.Directory) && (before.Directory is not InlineDirectory || DeltaBase.Of(before) == DeltaBase.Of(after));

    /// <summary>Brings both to where the lesser of their entries can be told; false when both are at the end.</summary>
    private static async ValueTask<bool> AdvanceAsync(PageWalk before, PageWalk after, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (before.HasPage && after.HasPage)
            {
                if (before.NextLevel == after.NextLevel && before.NextPage == after.NextPage)
                {
                    before.SkipPage();
                    after.SkipPage();
                    continue;
                }

                // From the higher one down: below it there may be the page that the other is at.
                var (higher, lower) = (before.NextLevel, after.NextLevel);
                if (higher >= lower) await before.OpenPageAsync(cancellationToken);
                if (lower >= higher) await after.OpenPageAsync(cancellationToken);
                continue;
            }

            // A page whose names are all greater than the other's entry stays unread: the other may come to the same page.
            if (before.HasPage && (after.AtEnd || !IsBefore(after, before))) await before.OpenPageAsync(cancellationToken);
            else if (after.HasPage && (before.AtEnd || !IsBefore(before, after))) await after.OpenPageAsync(cancellationToken);
            else return before.HasEntry || after.HasEntry;
        }
    }

    private static bool IsBefore(PageWalk entry, PageWalk page) => entry.Name.Span.SequenceCompareTo(page.NextLowerBound.Span) <= 0;

    /// <summary>Which side has the next entry: below zero the first, above zero the second, zero both.</summary>
    private static int Order(PageWalk before, PageWalk after)
    {
        if (!before.HasEntry) return 1;
        return after.HasEntry ? before.Name.Span.SequenceCompareTo(after.Name.Span) : -1;
    }

    private async ValueTask<TreeChanges> CompareEntriesAsync(TreeEntry? before, TreeEntry? after, CancellationToken cancellationToken)
    {
        if (before is null || after is null) return before is not null ? TreeChanges.Removed : after is not null ? TreeChanges.Added : TreeChanges.None;
        if (before.Type != after.Type) return TreeChanges.Type;
        var changes = TreeChanges.None;
        if (!await IsSameContentAsync(before, after, cancellationToken)) changes |= TreeChanges.Content;
        if (!IsSameMetadata(before, after)) changes |= TreeChanges.Metadata;
        return changes;
    }

    private async ValueTask<bool> IsSameContentAsync(TreeEntry before, TreeEntry after, CancellationToken cancellationToken)
    {
        if (before.UnreadableContent != after.UnreadableContent) return false;
        switch (before.Type)
        {
            case TreeEntryType.SymbolicLink:
                return before.LinkTarget.Span.SequenceEqual(after.LinkTarget.Span);
            case TreeEntryType.CharacterDevice or TreeEntryType.BlockDevice:
                return before.DeviceMajor == after.DeviceMajor && before.DeviceMinor == after.DeviceMinor;
            case TreeEntryType.RegularFile:
                if (before.Size != after.Size) return false;
                if (Equals(before.Content, after.Content)) return true;
                // A small file that was read anew, unchanged, may be in another bundle now.
                if (!IsSmall(before.Content) || !IsSmall(after.Content)) return false;
                var bytes = await BytesAsync(before.Content!, cancellationToken);
                var others = await BytesAsync(after.Content!, cancellationToken);
                return bytes.Span.SequenceEqual(others.Span);
            default:
                return true;
        }
    }

    private static bool IsSmall(FileContent? content) => content is InlineContent or BundleSlice;

    private async ValueTask<ReadOnlyMemory<byte>> BytesAsync(FileContent content, CancellationToken cancellationToken)
    {
        if (content is InlineContent inline) return inline.Bytes;
        var slice = (BundleSlice)content;
        var bundle = await chunks(ChunkKind.Data, slice.Chunk, TreeLimits.MaxDataChunk, cancellationToken);
        return slice.Offset >= 0 && slice.SliceLength <= bundle.Length - slice.Offset
            ? bundle.Slice(slice.Offset, slice.SliceLength)
            : throw new RepositoryFormatException($"data chunk {slice.Chunk}", bundle.Length, $"it ends here, and a file needs its bytes {slice.Offset} to {(long)slice.Offset + slice.SliceLength}");
    }

    private static bool IsSameMetadata(TreeEntry before, TreeEntry after) =>
        before.Mode == after.Mode && before.UserId == after.UserId && before.GroupId == after.GroupId && before.Modified == after.Modified
        && before.InodeFlags == after.InodeFlags && before.ExtendedAttributes.Count == after.ExtendedAttributes.Count
        && before.ExtendedAttributes.Zip(after.ExtendedAttributes, IsSameAttribute).All(same => same);

    private static bool IsSameAttribute(ExtendedAttribute before, ExtendedAttribute after) =>
        before.Name.Span.SequenceEqual(after.Name.Span) && before.Length == after.Length && before.Chunk == after.Chunk && before.Value.Span.SequenceEqual(after.Value.Span);
}
