using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Restore;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem;

/// <summary>
/// What a restore would do, without doing it: the same walk over the snapshot, beside the target as it is now. Of directories that
/// are there only what is in them is looked at. Nothing is written, and no content is read from the repository.
/// </summary>
public sealed class RestorePreview
{
    private readonly RestoreRequest _request;
    private readonly RestoreSelection _selection;
    private readonly TreeReader _tree;
    private readonly Action<RestoreStep> _found;
    private readonly IssueList _issues = new();
    private ExistingFiles _existing;

    private RestorePreview(RestoreRequest request, TreeReader tree, Action<RestoreStep> found)
    {
        (_request, _tree, _found) = (request, tree, found);
        _selection = new RestoreSelection(request);
        _existing = new ExistingFiles(request, null);
    }

    /// <summary>A directory of the snapshot, and the one in its place; null for none.</summary>
    private sealed class Frame(TreeEntry entry, DirectoryHandle? there, TreePath path, RestoreSelection.Scope scope, TreeCursor entries)
    {
        public TreeEntry Entry => entry;

        public DirectoryHandle? There => there;

        public TreePath Path => path;

        public RestoreSelection.Scope Scope => scope;

        public TreeCursor Entries => entries;

        public SurplusNames? Surplus { get; init; }

        public bool IsAnnounced { get; set; }
    }

    /// <summary>Tells of every step in the order of the walk; what is removed from a directory comes after the rest of it.</summary>
    /// <returns>What would be in the way of it.</returns>
    /// <exception cref="IOException">The target cannot be read.</exception>
    /// <exception cref="RepositoryException">The index or the tree cannot be read, or a path is not in the snapshot.</exception>
    public static async Task<IReadOnlyList<FileIssue>> ExecuteAsync(
        ChunkRepository repository, SnapshotManifest snapshot, RestoreRequest request, Action<RestoreStep> found, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(found);
        await repository.LoadIndexAsync(cancellationToken);
        using var reader = repository.CreateReader();
        var tree = new TreeReader(reader.Source, repository.Config.Parameters.Trees);
        var wanted = await RestoreRun.FindAsync(tree, snapshot, request, cancellationToken);
        using var target = Directory.Exists(request.TargetPath) ? Files.OpenRoot(request.TargetPath) : null;
        var preview = new RestorePreview(request, tree, found);
        if (target is not null) preview._existing = new ExistingFiles(request, ResumeMark.Find(target, snapshot, request));
        if (wanted.Type == TreeEntryType.Directory) await preview.WalkAsync(target, wanted, cancellationToken);
        else preview.Look(target, wanted, TreePath.Root.Below(wanted.Name));
        return preview._issues.Issues;
    }

    private async Task WalkAsync(DirectoryHandle? target, TreeEntry root, CancellationToken cancellationToken)
    {
        var open = new Stack<Frame>();
        try
        {
            // Opened again, so that every frame's handle is its own.
            open.Push(Open(root, target is null ? null : Files.Open(target, "."u8, OpenFlags.Directory), null, TreePath.Root, _selection.Top));
            while (open.TryPeek(out var frame))
            {
                if (!await frame.Entries.MoveNextAsync(cancellationToken))
                {
                    foreach (var name in frame.Surplus?.End() ?? [])
                    {
                        if (frame.Path.Depth > 0 || !name.AsSpan().SequenceEqual(ResumeMark.Name)) Remove(frame.There!, name, frame.Path.Below(name), frame.Scope);
                    }

                    open.Pop().There?.Dispose();
                    continue;
                }

                var entry = frame.Entries.ToEntry();
                frame.Surplus?.Pass(entry.Name.Span);
                var path = frame.Path.Below(entry.Name.ToArray());
                if (_selection.Enter(frame.Scope, path, entry.Type) is not { } scope) continue;
                if (scope.IsWanted) Announce(open);
                if (entry.Type != TreeEntryType.Directory) Look(frame.There, entry, path);
                else if (open.Count < TreeLimits.MaxDepth) open.Push(OpenBelow(frame, entry, path, scope));
            }
        }
        finally
        {
            while (open.TryPop(out var frame)) frame.There?.Dispose();
        }
    }

    private Frame OpenBelow(Frame frame, TreeEntry entry, TreePath path, RestoreSelection.Scope scope)
    {
        var there = frame.There is null ? null : ExistingFiles.At(frame.There, entry.Name.Span);
        var handle = there?.Type == TreeEntryType.Directory ? Files.Open(frame.There!, entry.Name.Span, OpenFlags.Directory) : null;
        var directory = Open(entry, handle, frame.There, path, scope);
        if (there is { } other && handle is null)
        {
            Tell(path, _existing.MayReplace(other, entry) ? RestoreStepKind.Replace : RestoreStepKind.Keep, entry);
            directory.IsAnnounced = true;
        }

        if (scope.IsWanted) Announce(directory);
        return directory;
    }

    private Frame Open(TreeEntry entry, DirectoryHandle? there, DirectoryHandle? parent, TreePath path, RestoreSelection.Scope scope) => new(entry, there, path, scope, _tree.OpenCursor(entry))
    {
        Surplus = _request.Delete && scope.IsWanted && there is not null && !entry.UnreadableContent && (parent is null || Files.Status(there, []).MountId == Files.Status(parent, []).MountId) ? new SurplusNames(Files.Names(there)) : null,
    };

    /// <summary>Directories that lead to something are made when it is there.</summary>
    private void Announce(Stack<Frame> open)
    {
        if (open.Peek().IsAnnounced) return;
        foreach (var frame in open.Reverse()) Announce(frame);
    }

    private void Announce(Frame frame)
    {
        if (frame.IsAnnounced) return;
        frame.IsAnnounced = true;
        if (frame.There is null && frame.Path.Depth > 0) Tell(frame.Path, RestoreStepKind.Create, frame.Entry);
    }

    private void Look(DirectoryHandle? parent, TreeEntry entry, TreePath path)
    {
        if (entry.Type == TreeEntryType.Socket || (entry.UnreadableContent && !entry.IsPart)) return;
        var there = parent is null ? null : ExistingFiles.At(parent, entry.Name.Span);
        if (there is not { } file)
        {
            Tell(path, RestoreStepKind.Create, entry);
            return;
        }

        var choice = _existing.Choose(file, entry);
        if (choice is ExistingChoice.Keep or ExistingChoice.Same or ExistingChoice.Complete || IsSameLink(parent!, entry, file)) Tell(path, RestoreStepKind.Keep, entry);
        else if (file.Type != TreeEntryType.Directory || MakesWay(parent!, entry, path)) Tell(path, RestoreStepKind.Replace, entry);
        else Tell(path, RestoreStepKind.Keep, entry);
    }

    /// <summary>A link that leads to the same is made anew, which nobody sees.</summary>
    private static bool IsSameLink(DirectoryHandle parent, TreeEntry entry, in FileStatus there) =>
        entry.Type == TreeEntryType.SymbolicLink && there.Type == TreeEntryType.SymbolicLink && Files.LinkTarget(parent, entry.Name.Span).AsSpan().SequenceEqual(entry.LinkTarget.Span);

    /// <summary>Whether a directory is removed for what is no directory: one that is empty, or that may be deleted.</summary>
    private bool MakesWay(DirectoryHandle parent, TreeEntry entry, TreePath path)
    {
        using (var directory = Files.Open(parent, entry.Name.Span, OpenFlags.Directory))
        {
            if (Files.Names(directory).Count == 0) return true;
        }

        if (_request.Delete) return Remove(parent, entry.Name.ToArray(), path, new RestoreSelection.Scope(true, true));
        _issues.Add(path, "restore", "a directory that is not empty is in its place (move it away, restore elsewhere, or let --delete remove it)");
        return false;
    }

    private bool Remove(DirectoryHandle parent, byte[] name, TreePath path, RestoreSelection.Scope scope)
    {
        var removal = new TreeRemoval((below, type) => _selection.Enter(scope, below, type) is null, _issues)
        {
            DryRun = true,
            Removed = (below, type) => _found(new RestoreStep(below.ToBytes(), RestoreStepKind.Delete, type, 0)),
        };
        return removal.Remove(parent, name, path);
    }

    private void Tell(TreePath path, RestoreStepKind kind, TreeEntry entry) => _found(new RestoreStep(path.ToBytes(), kind, entry.Type, entry.Size));
}
