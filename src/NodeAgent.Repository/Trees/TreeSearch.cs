using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// Looks for entries in one tree after the other. Pages and directories in which nothing was found are remembered by their ids and
/// not read again in the next tree, so that the second of two similar snapshots costs what differs. Not thread-safe.
/// </summary>
/// <param name="trees">Reads the pages.</param>
/// <param name="matches">Whether an entry is looked for, by its path from the root and what it is.</param>
/// <param name="isByPath">Whether the answer depends on more than the entry and its name: the same page in another place is then another one.</param>
public sealed class TreeSearch(TreeReader trees, Func<ReadOnlyMemory<byte>, TreeEntry, bool> matches, bool isByPath)
{
    // 48 bytes each: 24 MiB at most. Beyond it the search is as right, and reads more.
    private const int MaxRemembered = 512 * 1024;

    private readonly HashSet<(ChunkId Page, UInt128 Place)> _barren = [];

    /// <summary>A directory that is being searched, and the leaf page of it.</summary>
    private sealed class Frame(PageWalk walk, int pathLength, UInt128 place, ChunkId? directory)
    {
        public PageWalk Walk => walk;

        public int PathLength => pathLength;

        public UInt128 Place => place;

        public ChunkId? Directory => directory;

        public ChunkId? Leaf { get; set; }

        public bool FoundInLeaf { get; set; }

        public bool Found { get; set; }
    }

    /// <summary>What matches in a tree, a directory before what is in it, the names of a directory in byte order.</summary>
    /// <exception cref="RepositoryFormatException">A page is damaged or hostile; matches before it were returned.</exception>
    public async IAsyncEnumerable<(byte[] Path, TreeEntry Entry)> FindAsync(TreeEntry root, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // One buffer for the path of all levels: a path for each of thousands of directories in one another would take gigabytes.
        var at = new List<byte>();
        var open = new Stack<Frame>();
        Enter(open, root, at);
        while (open.TryPeek(out var frame))
        {
            if (frame.Walk.HasPage)
            {
                LeaveLeaf(frame);
                if (_barren.Contains((frame.Walk.NextPage, frame.Place)))
                {
                    frame.Walk.SkipPage();
                    continue;
                }

                if (frame.Walk.NextLevel == 0) frame.Leaf = frame.Walk.NextPage;
                await frame.Walk.OpenPageAsync(cancellationToken);
                continue;
            }

            if (frame.Walk.AtEnd)
            {
                LeaveLeaf(frame);
                open.Pop();
                if (!frame.Found && frame.Directory is { } barren) Remember(barren, frame.Place);
                if (frame.Found && open.TryPeek(out var above)) above.Found = above.FoundInLeaf = true;
                continue;
            }

            var entry = frame.Walk.ToEntry();
            frame.Walk.MoveNext();
            at.RemoveRange(frame.PathLength, at.Count - frame.PathLength);
            if (at.Count > 0) at.Add((byte)'/');
            at.AddRange(entry.Name.Span);
            var path = at.ToArray();
            if (matches(path, entry))
            {
                frame.Found = frame.FoundInLeaf = true;
                yield return (path, entry);
            }

            if (entry.Directory is not null) Enter(open, entry, at);
        }
    }

    private void Enter(Stack<Frame> open, TreeEntry directory, List<byte> path)
    {
        var place = isByPath ? PlaceOf(path) : UInt128.Zero;
        var id = (directory.Directory as PagedDirectory)?.Root;
        if (id is { } root && _barren.Contains((root, place))) return;
        if (open.Count >= TreeLimits.MaxDepth)
            throw new RepositoryFormatException("tree", 0, $"directories are nested deeper than {TreeLimits.MaxDepth}");
        open.Push(new Frame(PageWalk.Open(trees, directory), path.Count, place, id));
    }

    private void LeaveLeaf(Frame frame)
    {
        if (frame.Leaf is { } leaf && !frame.FoundInLeaf) Remember(leaf, frame.Place);
        frame.Leaf = null;
        frame.FoundInLeaf = false;
    }

    private void Remember(ChunkId page, UInt128 place)
    {
        if (_barren.Count < MaxRemembered) _barren.Add((page, place));
    }

    private static UInt128 PlaceOf(List<byte> path)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(path), hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
