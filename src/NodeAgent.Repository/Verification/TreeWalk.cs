using System.Runtime.CompilerServices;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Verification;

/// <summary>
/// Goes through the trees of snapshots. What several snapshots share is gone through once, over all calls of one kind: 16 bytes are
/// kept for each page and list. Open at a time is one page for each level of each directory on the way down. Not thread-safe.
/// </summary>
public sealed class TreeWalk
{
    // How many items of a large file are handed over at once.
    private const int ItemsAStep = 1024;

    private readonly TreeReader _reader;
    private readonly HashSet<UInt128> _visited = [];
    private readonly HashSet<UInt128> _sound = [];

    /// <param name="reader">Reads the trees.</param>
    public TreeWalk(TreeReader reader) => _reader = reader;

    /// <summary>
    /// Every use of a chunk in a snapshot, but for what is below pages and lists that an earlier call or this one went through. A data
    /// chunk is given as often as it is used.
    /// </summary>
    /// <param name="root">The snapshot's root entry.</param>
    /// <param name="damaged">Is told each page or list that cannot be read; the walk goes on beside it.</param>
    /// <param name="cancellationToken">Stops the walk.</param>
    public async IAsyncEnumerable<ChunkReference> ReferencesAsync(
        TreeEntry root, Action<ChunkReference, RepositoryException> damaged, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var pass = new Pass(_reader, _visited, null, damaged);
        await using (pass)
        {
            pass.Enter(root, isRoot: true);
            do
            {
                foreach (var reference in pass.References)
                    yield return reference;
            }
            while (await pass.StepAsync(cancellationToken));
        }
    }

    /// <summary>
    /// The files and directories of a snapshot that use one of the chunks; each once for every such chunk. Parts without any are
    /// remembered, so that the next snapshot is quick. All calls must pass the same chunks.
    /// </summary>
    public async IAsyncEnumerable<AffectedPath> AffectedPathsAsync(
        TreeEntry root, IReadOnlySet<ChunkId> chunks, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var pass = new Pass(_reader, _sound, chunks, static (_, _) => { });
        await using (pass)
        {
            pass.Enter(root, isRoot: true);
            do
            {
                foreach (var path in pass.Affected)
                    yield return path;
            }
            while (await pass.StepAsync(cancellationToken));
        }
    }

    private sealed class Pass(TreeReader reader, HashSet<UInt128> skip, IReadOnlySet<ChunkId>? wanted, Action<ChunkReference, RepositoryException> damaged) : IAsyncDisposable
    {
        private readonly Stack<Frame> _frames = new();

        public List<ChunkReference> References { get; } = [];

        public List<AffectedPath> Affected { get; } = [];

        public async ValueTask<bool> StepAsync(CancellationToken cancellationToken)
        {
            References.Clear();
            Affected.Clear();
            if (!_frames.TryPeek(out var frame))
                return false;
            try
            {
                if (frame.Pending)
                    await OpenAsync(frame, cancellationToken);
                else if (frame.Items is not null)
                    await StepListAsync(frame, cancellationToken);
                else if (frame.Page is { } page && !StepPage(frame, page))
                    await CloseAsync(frame);
            }
            catch (RepositoryException exception)
            {
                // The entries before the damage were seen; what is after it in this page or list is lost.
                Report(frame.Reference, frame);
                damaged(frame.Reference, exception);
                while (_frames.Peek() != frame)
                    await CloseAsync(_frames.Peek());
                await CloseAsync(frame);
            }
            return true;
        }

        /// <summary>Puts a directory on the stack, to be opened by the next step.</summary>
        public void Enter(TreeEntry directory, bool isRoot = false)
        {
            var depth = isRoot ? 0 : _frames.Peek().Depth + 1;
            if (depth > TreeLimits.MaxDepth)
                throw new RepositoryFormatException(_frames.Peek().Origin, 0, $"directories are nested deeper than {TreeLimits.MaxDepth}");
            Use(directory.ExtendedAttributes);
            switch (directory.Directory)
            {
                case PagedDirectory paged:
                    Enter(new Frame(directory.Name, depth, new ChunkReference(paged.Root, ChunkKind.Tree, 1, false)) { Level = paged.Level });
                    break;
                case InlineDirectory inline:
                    var outer = isRoot ? default : _frames.Peek().Reference;
                    _frames.Push(new Frame(directory.Name, depth, outer) { Page = TreePage.OpenInline(inline, DeltaBase.Of(directory)), Pending = false });
                    break;
            }
        }

        public async ValueTask DisposeAsync()
        {
            while (_frames.Count > 0)
                await CloseAsync(_frames.Peek());
        }

        private void Enter(Frame frame)
        {
            Use(frame.Reference, frame);
            // Its content is known already, or known to be lost.
            if (wanted?.Contains(frame.Reference.Id) != true && !skip.Contains(KeyOf(frame.Reference.Id)))
                _frames.Push(frame);
        }

        private async ValueTask OpenAsync(Frame frame, CancellationToken cancellationToken)
        {
            frame.Pending = false;
            if (wanted is null)
                skip.Add(KeyOf(frame.Reference.Id));
            if (frame.List is { } list)
            {
                frame.Items = reader.ReadListAsync(list, (id, length) => Use(new ChunkReference(id, ChunkKind.List, length, true), frame, id != list.Root), cancellationToken)
                    .GetAsyncEnumerator(cancellationToken);
                return;
            }
            var bytes = await reader.LoadPageAsync(frame.Reference.Id, cancellationToken);
            frame.Page = TreePage.Open(bytes, frame.Reference.Id, frame.Level, frame.Child.LowerBound, frame.Child.LastName, frame.IsChild ? frame.Child.EntriesBelow : null);
        }

        private async ValueTask StepListAsync(Frame frame, CancellationToken cancellationToken)
        {
            for (var i = 0; i < ItemsAStep; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (!await frame.Items!.MoveNextAsync())
                {
                    await CloseAsync(frame);
                    return;
                }
                if (!frame.Items.Current.IsHole)
                    Use(new ChunkReference(frame.Items.Current.Id, ChunkKind.Data, frame.Items.Current.Length, true), frame);
            }
        }

        private bool StepPage(Frame frame, TreePage page)
        {
            if (page.Level > 0)
            {
                if (page.Remaining == 0)
                    return false;
                var child = page.ReadChild();
                Enter(new Frame(frame.Name, frame.Depth, new ChunkReference(child.Id, ChunkKind.Tree, 1, false)) { Level = page.Level - 1, Child = child, IsChild = true });
                return true;
            }
            if (!page.TryReadEntry(out var fields))
                return false;
            var entry = TreeEntryReader.ToEntry(in fields, page.Bytes, page.Origin, page.Offset);
            if (entry.Type == TreeEntryType.Directory)
                Enter(entry);
            else
                UseFile(entry, frame);
            return true;
        }

        private void UseFile(TreeEntry entry, Frame directory)
        {
            var file = new Frame(entry.Name, directory.Depth + 1, default) { IsFile = true };
            foreach (var attribute in entry.ExtendedAttributes)
            {
                if (attribute.Chunk is { } chunk)
                    Use(new ChunkReference(chunk, ChunkKind.Data, attribute.Length, true), file);
            }
            switch (entry.Content)
            {
                case BundleSlice slice:
                    Use(new ChunkReference(slice.Chunk, ChunkKind.Data, (long)slice.Offset + slice.SliceLength, false), file);
                    break;
                case ChunkList list:
                    foreach (var item in list.Items)
                    {
                        if (!item.IsHole)
                            Use(new ChunkReference(item.Id, ChunkKind.Data, item.Length, true), file);
                    }
                    break;
                case IndirectList indirect:
                    Enter(new Frame(entry.Name, directory.Depth + 1, new ChunkReference(indirect.Root, ChunkKind.List, 1, false)) { List = indirect, IsFile = true });
                    break;
            }
        }

        private void Use(IReadOnlyList<ExtendedAttribute> attributes)
        {
            foreach (var attribute in attributes)
            {
                if (attribute.Chunk is { } chunk && _frames.TryPeek(out var frame))
                    Use(new ChunkReference(chunk, ChunkKind.Data, attribute.Length, true), frame);
                else if (attribute.Chunk is { } ofRoot)
                    Use(new ChunkReference(ofRoot, ChunkKind.Data, attribute.Length, true), new Frame(default, 0, default));
            }
        }

        private void Use(ChunkReference reference, Frame frame, bool report = true)
        {
            if (report && wanted is null)
                References.Add(reference);
            else if (report && wanted!.Contains(reference.Id))
                Report(reference, frame);
        }

        private void Report(ChunkReference reference, Frame frame)
        {
            if (wanted is null)
                return;
            foreach (var open in _frames)
                open.IsAffected = true;
            // A large file may use a chunk, a run of zeros say, very often.
            if (frame.List is not null && !(frame.Reported ??= []).Add(reference.Id))
                return;
            Affected.Add(new AffectedPath(PathOf(frame), reference.Id, !frame.IsFile));
        }

        private byte[] PathOf(Frame frame)
        {
            var names = _frames.Where(open => !open.IsChild && !open.IsFile && open.Depth > 0 && open.Depth < frame.Depth).Reverse().Select(open => open.Name).ToList();
            if (frame.Depth > 0)
                names.Add(frame.Name);
            var path = new byte[Math.Max(0, names.Sum(name => name.Length + 1) - 1)];
            var at = 0;
            foreach (var name in names)
            {
                if (at > 0)
                    path[at++] = (byte)'/';
                name.Span.CopyTo(path.AsSpan(at));
                at += name.Length;
            }
            return path;
        }

        private async ValueTask CloseAsync(Frame frame)
        {
            _frames.Pop();
            if (frame.Items is not null)
                await frame.Items.DisposeAsync();
            // Only what was read to its end without a finding is sound; a frame that an abandoned walk leaves open is not.
            if (wanted is not null && !frame.IsAffected && frame.Page is { Remaining: 0, IsInline: false })
                skip.Add(KeyOf(frame.Reference.Id));
        }

        private static UInt128 KeyOf(ChunkId id)
        {
            Span<byte> bytes = stackalloc byte[ChunkId.Length];
            id.CopyTo(bytes);
            return System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(bytes);
        }
    }

    /// <summary>A page or list on the way down.</summary>
    private sealed class Frame(ReadOnlyMemory<byte> name, int depth, ChunkReference reference)
    {
        public ReadOnlyMemory<byte> Name { get; } = name;

        public int Depth { get; } = depth;

        public ChunkReference Reference { get; } = reference;

        public string Origin => Reference.Kind == default ? "snapshot root entry" : $"tree chunk {Reference.Id}";

        public bool Pending { get; set; } = true;

        public int Level { get; init; }

        public TreePageChild Child { get; init; }

        public bool IsChild { get; init; }

        public bool IsFile { get; init; }

        public bool IsAffected { get; set; }

        public IndirectList? List { get; init; }

        public TreePage? Page { get; set; }

        public IAsyncEnumerator<ContentItem>? Items { get; set; }

        public HashSet<ChunkId>? Reported { get; set; }
    }
}
