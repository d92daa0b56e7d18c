using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Repair;

/// <summary>
/// Finds directories that no snapshot leads to, of snapshots whose objects are lost and of backups that were stopped, and makes a snapshot of them:
/// 1. a session begins;
/// 2. all snapshots are gone through, forgotten ones too: their pages are not looked for;
/// 3. the other pages that the index names are read, and those that no page of them leads to are the tops;
/// 4. a snapshot is published with a directory for each top, named by the beginning of its id.
/// A directory of few entries has no page of its own: it is held in the page above, and the top one of such a snapshot in the snapshot's object.
/// </summary>
public sealed class SnapshotRecovery(ChunkRepository repository, SnapshotRecoveryOptions options, IProgress<CheckProgress>? progress)
{
    /// <summary>The tag of recovered snapshots.</summary>
    public const string Tag = "recovered";

    private const int NameDigits = 12;

    /// <summary>Runs it.</summary>
    /// <exception cref="RepositoryException">The store failed, or a directory that is asked for is not found.</exception>
    public async Task<SnapshotRecoveryReport> ExecuteAsync(CancellationToken cancellationToken)
    {
        // 1. a session
        await using var session = options.DryRun
            ? null
            : await repository.BeginSessionAsync(new WriteSessionOptions { Program = options.Origin.Program, Hostname = options.Origin.Hostname }, cancellationToken);
        if (session is null) await repository.RefreshIndexAsync(cancellationToken);
        using var reader = repository.CreateReader();
        var trees = new TreeReader(reader.Source, repository.Config.Parameters.Trees);

        // 2. what snapshots lead to
        var known = await FindKnownAsync(trees, cancellationToken);

        // 3. what nothing leads to
        var (tops, unreadable) = await FindTopsAsync(known, trees, cancellationToken);
        if (options.Roots is { } wanted) tops = [.. wanted.Select(name => Resolve(tops, name)).Distinct()];
        if (session is null || tops.Count == 0) return new SnapshotRecoveryReport(tops, unreadable, null, []);

        // 4. the snapshot
        var losses = new List<TreeLoss>();
        var id = await PublishAsync(session, tops, losses, cancellationToken);
        return new SnapshotRecoveryReport(tops, unreadable, id, losses);
    }

    private async Task<HashSet<ChunkPrefix>> FindKnownAsync(TreeReader trees, CancellationToken cancellationToken)
    {
        var catalog = new SnapshotCatalog(repository);
        var snapshots = await catalog.ListAsync(static _ => { }, cancellationToken);
        snapshots.AddRange((await catalog.ListForgottenAsync(static _ => { }, cancellationToken)).Select(f => f.Snapshot).OfType<Snapshot>());
        var walk = new TreeWalk(trees);
        var known = new HashSet<ChunkPrefix>();
        long done = 0;
        foreach (var snapshot in snapshots)
        {
            await foreach (var reference in walk.ReferencesAsync(snapshot.Manifest.ReadRoot(), static (_, _) => { }, cancellationToken))
            {
                if (reference.Kind == ChunkKind.Tree) known.Add(ChunkPrefix.Of(reference.Id));
            }

            progress?.Report(new CheckProgress("snapshots", ++done, snapshots.Count, 0, 0));
        }

        return known;
    }

    private async Task<(List<RecoverableTree> Tops, int Unreadable)> FindTopsAsync(HashSet<ChunkPrefix> known, TreeReader trees, CancellationToken cancellationToken)
    {
        var unreadable = 0;
        var pages = await FindPagesAsync(known, () => unreadable++, cancellationToken);
        var below = new HashSet<ChunkId>();
        var found = new List<RecoverableTree>();
        long done = 0;
        foreach (var id in pages)
        {
            try
            {
                found.Add(await ReadPageAsync(trees, id, below, cancellationToken));
            }
            catch (RepositoryException exception) when (exception is RepositoryFormatException or ChunkNotFoundException or Stores.StoreException { Failure: Stores.StoreFailure.NotFound or Stores.StoreFailure.Other })
            {
                unreadable++;
            }

            progress?.Report(new CheckProgress("directories", ++done, pages.Count, 0, 0));
        }

        return ([.. found.Where(tree => !below.Contains(tree.Root)).OrderByDescending(tree => tree.Newest).ThenBy(tree => tree.Root)], unreadable);
    }

    /// <summary>The pages that no snapshot leads to. The index knows the beginnings of their ids, the packs that hold them the whole.</summary>
    private async Task<List<ChunkId>> FindPagesAsync(HashSet<ChunkPrefix> known, Action unreadable, CancellationToken cancellationToken)
    {
        var packs = new Dictionary<PackId, int>();
        foreach (var chunk in repository.Index.EnumerateChunks())
        {
            var best = chunk.Locations.MinBy(l => l.Standing);
            if (best.Location.Kind != ChunkKind.Tree || best.Standing == PackStanding.Lost || known.Contains(ChunkPrefix.Of(chunk.Id))) continue;
            packs[best.Location.Pack] = packs.GetValueOrDefault(best.Location.Pack) + 1;
        }

        var pages = new HashSet<ChunkId>();
        foreach (var pack in packs.Keys.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            try
            {
                if (await repository.Store.StatAsync(pack.Key, cancellationToken) is not { } entry) continue;
                foreach (var chunk in (await PackReader.ReadContentsAsync(repository, pack, entry.Length, cancellationToken)).Chunks)
                {
                    if (chunk.Kind == ChunkKind.Tree && !known.Contains(ChunkPrefix.Of(chunk.Id))) pages.Add(chunk.Id);
                }
            }
            catch (RepositoryFormatException)
            {
                unreadable();
            }
        }

        return [.. pages.Order()];
    }

    /// <summary>What a page says of itself; adds the pages that it leads to.</summary>
    private static async Task<RecoverableTree> ReadPageAsync(TreeReader trees, ChunkId id, HashSet<ChunkId> below, CancellationToken cancellationToken)
    {
        var bytes = await trees.LoadPageAsync(id, cancellationToken);
        // Nothing above says of what level it is: the page does, in its third byte.
        var level = bytes.Length > 2 ? bytes.Span[2] : 0;
        if (level > TreeLimits.MaxPageLevel) throw new RepositoryFormatException($"tree chunk {id}", 2, $"has level {level}");
        var page = TreePage.Open(bytes, id, level, default, default, null);
        var (entries, newest) = (0L, default(FileTimestamp));
        var names = new List<ReadOnlyMemory<byte>>();
        if (level > 0)
        {
            while (page.Remaining > 0)
            {
                var child = page.ReadChild();
                below.Add(child.Id);
                entries += (long)child.EntriesBelow;
                if (names.Count < RecoverableTree.MaxNames) names.Add(child.LastName.ToArray());
            }

            return new RecoverableTree(id, level, entries, newest, names);
        }

        while (page.TryReadEntry(out var fields))
        {
            var entry = TreeEntryReader.ToEntry(in fields, page.Bytes, page.Origin, page.Offset);
            entries++;
            newest = entry.Modified > newest ? entry.Modified : newest;
            if (names.Count < RecoverableTree.MaxNames) names.Add(entry.Name.ToArray());
            Follow(entry, below, 0);
        }

        return new RecoverableTree(id, level, entries, newest, names);
    }

    private static void Follow(TreeEntry entry, HashSet<ChunkId> below, int depth)
    {
        // An inline directory has 64 KiB at most, and each one in it is shorter: no more than some thousand levels.
        if (entry.Directory is PagedDirectory paged) below.Add(paged.Root);
        if (entry.Directory is not InlineDirectory inline || depth > TreeLimits.MaxDepth) return;
        var page = TreePage.OpenInline(inline, DeltaBase.Of(entry));
        while (page.TryReadEntry(out var fields)) Follow(TreeEntryReader.ToEntry(in fields, page.Bytes, page.Origin, page.Offset), below, depth + 1);
    }

    private static RecoverableTree Resolve(List<RecoverableTree> tops, string name)
    {
        var fitting = tops.Where(tree => name.Length > 0 && tree.Root.ToString().StartsWith(name, StringComparison.OrdinalIgnoreCase)).ToList();
        return fitting.Count == 1 ? fitting[0] : throw new SnapshotNotFoundException($"directory \"{name}\": {fitting.Count} of the {tops.Count} that no snapshot leads to fit (\"nodeagent repo recover --dry-run\" lists them)", []);
    }

    private async Task<SnapshotId> PublishAsync(WriteSession session, List<RecoverableTree> tops, List<TreeLoss> losses, CancellationToken cancellationToken)
    {
        ChunkSink store = async (kind, plain, token) => (await session.StoreAsync(kind, plain, token)).Id;
        using var salvage = new TreeSalvage(repository, session.Contains, store);
        using var writer = new DirectoryWriter(store, repository.Config.Parameters.Trees, repository.Gear);
        var now = repository.Time.GetUtcNow();
        foreach (var tree in tops.OrderBy(t => t.Root.ToString(), StringComparer.Ordinal))
        {
            var name = System.Text.Encoding.ASCII.GetBytes(tree.Root.ToString()[..NameDigits]);
            var carrier = Directory(name, tree.Newest).WithDirectory(new PagedDirectory(tree.Root, tree.Level));
            await writer.AddAsync(await salvage.SaveAsync(carrier, name, [], losses.Add, cancellationToken), cancellationToken);
        }

        var root = Directory([], FileTimestamp.From(now));
        var manifest = new SnapshotManifest
        {
            Time = now,
            Completed = now,
            Program = options.Origin.Program,
            Hostname = options.Origin.Hostname,
            Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = "recovered" },
            Tags = new Dictionary<string, string> { [Tag] = "true" },
            Root = RootEntry.Encode(root.WithDirectory(await writer.CompleteAsync(root, cancellationToken))),
            Stats = new SnapshotStatistics { Directories = tops.Count },
            Outcome = losses.Count == 0 ? SnapshotOutcome.Completed : SnapshotOutcome.PartiallyFailed,
            IssueCount = losses.Count,
        };
        return await session.PublishAsync(manifest.ToJson(), cancellationToken);
    }

    /// <summary>Of a recovered directory only what is in it is known.</summary>
    private static TreeEntry Directory(byte[] name, FileTimestamp time) => new() { Type = TreeEntryType.Directory, Name = name, Mode = 0x1C0, Modified = time, Changed = time, Directory = EmptyDirectory.Instance };
}
