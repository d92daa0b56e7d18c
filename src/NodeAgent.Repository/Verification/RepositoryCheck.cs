using System.Buffers;
using System.Collections.Concurrent;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Verification;

/// <summary>
/// Finds what is missing, altered or foreign, and says which files of which snapshots it costs:
/// 1. every snapshot is read;
/// 2. every key, session record and index segment is read, and compared with its name or opened;
/// 3. the packs that the index names are compared with those that are there;
/// 4. on request packs are read: their hash, footer, and every chunk;
/// 5. every snapshot's tree is walked, and every chunk it uses must be in the index and in a sound pack;
/// 6. for what is lost, the files that use it are named.
/// It changes nothing and may run beside anything: a backup writes packs, index and snapshot in this order, so what is read
/// here in the opposite order is complete.
/// </summary>
public sealed class RepositoryCheck(ChunkRepository repository, CheckOptions options, IProgress<CheckProgress>? progress)
{
    private const int MaxPackLength = 512 << 20;
    private const int MaxFilesPerProblem = 100;

    private readonly ConcurrentQueue<CheckProblem> _problems = new();
    private readonly ConcurrentDictionary<PackId, long> _packs = new();
    private readonly ConcurrentDictionary<PackId, long> _damagedPacks = new();
    private readonly ConcurrentDictionary<ChunkId, string> _lostChunks = new();
    private long _readBytes;

    /// <summary>Runs the check.</summary>
    /// <exception cref="StoreException">The store cannot be listed.</exception>
    public async Task<CheckReport> ExecuteAsync(CancellationToken cancellationToken)
    {
        var snapshots = await new SnapshotCatalog(repository).ListAsync(DamagedSnapshot, cancellationToken);
        await CheckKeysAsync(cancellationToken);
        await CheckSessionsAsync(cancellationToken);
        await CheckIndexAsync(cancellationToken);
        await CheckPacksAsync(cancellationToken);
        if (options.ReadData) await ReadPacksAsync(cancellationToken);
        await CheckTreesAsync(snapshots, cancellationToken);
        return new CheckReport(snapshots.Count, _packs.Count, repository.Index.Count, _readBytes, [.. _problems]);
    }

    private async Task CheckKeysAsync(CancellationToken cancellationToken)
    {
        await foreach (var entry in repository.Store.ListAsync(KeyObject.Prefix, cancellationToken))
        {
            try
            {
                var content = await repository.Store.ReadAllAsync(entry.Key, KeyObject.MaxLength, cancellationToken);
                if (entry.Key != KeyObject.Prefix + KeyObject.Name(content))
                    throw new RepositoryFormatException(entry.Key, 0, "the object's content is not what its name says");
                ObjectHeader.Read(content, ObjectKind.Key, [], content.Length, entry.Key);
                if (!ObjectHeader.RepositoryId(content).SequenceEqual(repository.RepositoryId))
                    _problems.Enqueue(new CheckProblem(entry.Key, null, "this key is another repository's, or of one that was not completed here; it is not used", IsDamage: false));
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                // Removed or replaced meanwhile.
            }
            catch (RepositoryException exception)
            {
                Damage(entry.Key, exception, "who holds this key can no longer open the repository: restore the object from a copy");
            }
        }
    }

    private async Task CheckSessionsAsync(CancellationToken cancellationToken)
    {
        await foreach (var entry in repository.Store.ListAsync(WriteSession.RecordPrefix, cancellationToken))
        {
            try
            {
                await repository.ReadSealedAsync(entry.Key, ObjectKind.Session, EnvelopeType.SessionRecord, WriteSession.MaxRecordLength, cancellationToken);
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                // Tidied away meanwhile.
            }
            catch (RepositoryException exception)
            {
                // It only tells who wrote; nothing is restored from it.
                var format = exception as RepositoryFormatException;
                _problems.Enqueue(new CheckProblem(entry.Key, format?.Offset, format?.Why ?? exception.Message, IsDamage: false));
            }
        }
    }

    private async Task CheckIndexAsync(CancellationToken cancellationToken)
    {
        var damaged = false;
        await foreach (var entry in repository.Store.ListAsync(IndexSegment.Prefix, cancellationToken))
        {
            if (!IndexSegment.IsKey(entry.Key))
            {
                _problems.Enqueue(new CheckProblem(entry.Key, null, "this is not the name of an index segment; it is not used", IsDamage: false));
                continue;
            }

            try
            {
                foreach (var pack in (await repository.ReadSegmentAsync(entry.Key, cancellationToken)).Packs)
                {
                    _packs.TryAdd(pack.Pack, pack.Size);
                    repository.Learn(pack);
                }
            }
            catch (RepositoryException exception)
            {
                damaged = true;
                Damage(entry.Key, exception, "the packs that only it names are found by their own footers, which takes longer: run \"nodeagent repo rebuild-index\"");
            }
        }

        if (damaged) await AddUnnamedPacksAsync(cancellationToken);
    }

    /// <summary>Takes the packs that only their own footers tell of as part of the repository, once it is known that the index is not whole.</summary>
    private async Task AddUnnamedPacksAsync(CancellationToken cancellationToken)
    {
        await repository.SearchUnnamedPacksAsync(cancellationToken);
        foreach (var (pack, length) in await repository.ListPacksAsync(cancellationToken))
        {
            if (repository.Index.Knows(pack)) _packs.TryAdd(pack, length);
        }
    }

    private async Task CheckPacksAsync(CancellationToken cancellationToken)
    {
        var there = new Dictionary<PackId, long>();
        await foreach (var entry in repository.Store.ListAsync("data/", cancellationToken))
        {
            // A name in other letters than ours would stand for the same pack.
            if (PackId.TryParse(entry.Key, out var id) && id.Key == entry.Key) there[id] = entry.Length;
            else _problems.Enqueue(new CheckProblem(entry.Key, null, "this is not the name of a pack; it is not used", IsDamage: false));
        }

        foreach (var (pack, size) in _packs)
        {
            if (!there.TryGetValue(pack, out var length))
            {
                _damagedPacks.TryAdd(pack, 0);
                _problems.Enqueue(new CheckProblem(pack.Key, null, "the pack is missing: the chunks in it are lost unless the object is brought back", IsDamage: true));
            }
            else if (length != size)
            {
                _damagedPacks.TryAdd(pack, length);
                _problems.Enqueue(new CheckProblem(pack.Key, Math.Min(length, size), $"the pack has {length} bytes, the index says {size}: it is truncated or altered", IsDamage: true));
            }
        }

        foreach (var (pack, length) in there.Where(p => !_packs.ContainsKey(p.Key)))
            _problems.Enqueue(new CheckProblem(pack.Key, null, $"no index segment names this pack of {length} bytes: left by a run that was stopped, or by one that is under way", IsDamage: false));
    }

    private async Task ReadPacksAsync(CancellationToken cancellationToken)
    {
        var (part, parts) = options.Subset;
        var chosen = _packs.Where(p => !_damagedPacks.ContainsKey(p.Key) && p.Key.Hash.Prefix % (ulong)parts == (ulong)(part - 1)).ToList();
        var total = chosen.Sum(p => p.Value);
        long done = 0;
        using var reader = repository.CreateReader();
        await Parallel.ForEachAsync(chosen, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken }, async (pack, token) =>
        {
            await ReadPackAsync(reader, pack.Key, (int)Math.Min(pack.Value, MaxPackLength), token);
            var bytes = Interlocked.Add(ref _readBytes, pack.Value);
            progress?.Report(new CheckProgress("packs", Interlocked.Increment(ref done), chosen.Count, bytes, total));
        });
    }

    private async ValueTask ReadPackAsync(ChunkReader reader, PackId pack, int length, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            await repository.Store.ReadAsync(pack.Key, 0, buffer.AsMemory(0, length), cancellationToken);
            var content = buffer.AsMemory(0, length);
            if (HashOf(content.Span) != pack.Hash)
                _problems.Enqueue(new CheckProblem(pack.Key, null, "the pack's content is not what its name says: it is damaged", IsDamage: true));
            var offset = (long)ObjectHeader.Length;
            foreach (var chunk in PackReader.ReadFooter(repository, pack, content.Span))
            {
                CheckChunk(reader, pack, chunk, offset, content.Span);
                offset += chunk.StoredLength;
            }
        }
        catch (RepositoryException exception)
        {
            // Without a footer the chunks are still found by the index; they are read one by one when a snapshot uses them.
            Damage(pack.Key, exception, "");
            _damagedPacks.TryAdd(pack, length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void CheckChunk(ChunkReader reader, PackId pack, in PackedChunk chunk, long offset, ReadOnlySpan<byte> content)
    {
        var plain = ArrayPool<byte>.Shared.Rent(chunk.PlainLength);
        try
        {
            repository.Keyring.Add(chunk.Session);
            var location = new ChunkLocation(pack, offset, chunk.StoredLength, chunk.PlainLength, chunk.Kind);
            reader.Open(chunk.Id, chunk.Kind, location, content.Slice((int)offset, chunk.StoredLength), plain.AsSpan(0, chunk.PlainLength));
            if (!repository.Index.TryFind(chunk.Id, out _))
                _problems.Enqueue(new CheckProblem(pack.Key, offset, $"the index does not name {chunk.Kind} chunk {chunk.Id} of this pack: run \"nodeagent repo rebuild-index\"", IsDamage: true));
        }
        catch (RepositoryException exception)
        {
            _lostChunks.TryAdd(chunk.Id, pack.Key);
            Damage(pack.Key, exception, "");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }

    private async Task CheckTreesAsync(List<Snapshot> snapshots, CancellationToken cancellationToken)
    {
        using var reader = repository.CreateReader();
        var tree = new TreeReader(reader.Source, repository.Config.Parameters.Trees);
        var walk = new TreeWalk(tree);
        long done = 0;
        var verified = new HashSet<ChunkId>();
        var roots = new List<(Snapshot Snapshot, TreeEntry Root)>();
        foreach (var snapshot in snapshots)
        {
            try
            {
                roots.Add((snapshot, snapshot.Manifest.ReadRoot()));
            }
            catch (RepositoryException exception)
            {
                _problems.Enqueue(new CheckProblem($"snapshot {snapshot.Id}", null, exception.Message, IsDamage: true));
            }
        }

        foreach (var (_, root) in roots)
        {
            await foreach (var reference in walk.ReferencesAsync(root, Unreadable, cancellationToken)) await CheckAsync(reference);
            progress?.Report(new CheckProgress("snapshots", ++done, snapshots.Count, _readBytes, _readBytes));
        }

        if (_lostChunks.IsEmpty) return;
        var lost = _lostChunks.Keys.ToHashSet();
        var affected = new TreeWalk(tree);
        foreach (var (snapshot, root) in roots)
        {
            var files = new List<string>();
            long count = 0;
            await foreach (var path in affected.AffectedPathsAsync(root, lost, cancellationToken))
            {
                if (++count <= MaxFilesPerProblem) files.Add(Printable(path.Path.Span) + (path.IsDirectory ? "/" : ""));
            }

            if (count > 0)
                _problems.Enqueue(new CheckProblem($"snapshot {snapshot.Id}", null, $"{count} files or directories of {snapshot.Manifest.Source.Display} cannot be restored whole", IsDamage: true) { Files = files });
        }

        void Unreadable(ChunkReference reference, RepositoryException exception)
        {
            if (_lostChunks.TryAdd(reference.Id, "")) Damage($"{reference.Kind} chunk {reference.Id}", exception, "");
        }

        async ValueTask CheckAsync(ChunkReference reference)
        {
            if (!repository.Index.TryFind(reference.Id, out var location))
            {
                // A segment that is gone leaves no trace but this.
                await repository.SearchUnnamedPacksAsync(cancellationToken);
                if (repository.Index.TryFind(reference.Id, out location))
                    _problems.Enqueue(new CheckProblem(location.Pack.Key, null, "snapshots use chunks of this pack, and no index segment names it: run \"nodeagent repo rebuild-index\"", IsDamage: true));
            }

            if (location.StoredLength == 0)
            {
                if (_lostChunks.TryAdd(reference.Id, ""))
                    _problems.Enqueue(new CheckProblem($"{reference.Kind} chunk {reference.Id}", null, $"snapshot trees use it and no index segment names it: it is lost", IsDamage: true));
            }
            else if (_damagedPacks.TryGetValue(location.Pack, out var length) && location.Offset + location.StoredLength > length)
            {
                _lostChunks.TryAdd(reference.Id, location.Pack.Key);
            }
            else if (location.Kind != reference.Kind || (reference.IsExact && location.PlainLength != reference.Length))
            {
                if (_lostChunks.TryAdd(reference.Id, location.Pack.Key))
                    _problems.Enqueue(new CheckProblem(location.Pack.Key, location.Offset, $"{reference.Kind} chunk {reference.Id} has {location.PlainLength} bytes, a tree says {reference.Length}", IsDamage: true));
            }
            else if (options.ReadData && (_damagedPacks.ContainsKey(location.Pack) || !_packs.ContainsKey(location.Pack)) && verified.Add(reference.Id))
            {
                await VerifyAsync(reader, reference, location, cancellationToken);
            }
        }
    }

    private void DamagedSnapshot(RepositoryException exception) => Damage(
        "snap/", exception,
        exception is RepositoryFormatException format && format.ObjectKey.StartsWith("forget/", StringComparison.Ordinal)
            ? "the mark does not count, so its snapshot shows again: forget it again"
            : "that snapshot cannot be restored unless the object is brought back");

    /// <summary>Reads a chunk of a pack that could not be read as a whole: much of it may be sound.</summary>
    private async ValueTask VerifyAsync(ChunkReader reader, ChunkReference reference, ChunkLocation location, CancellationToken cancellationToken)
    {
        var plain = ArrayPool<byte>.Shared.Rent(location.PlainLength);
        try
        {
            await reader.ReadAsync(reference.Id, reference.Kind, plain.AsMemory(0, location.PlainLength), cancellationToken);
        }
        catch (RepositoryException exception)
        {
            if (_lostChunks.TryAdd(reference.Id, location.Pack.Key)) Damage(location.Pack.Key, exception, "");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }

    private void Damage(string key, RepositoryException exception, string hint)
    {
        var format = exception as RepositoryFormatException;
        _problems.Enqueue(new CheckProblem(format?.ObjectKey ?? key, format?.Offset, (format?.Why ?? exception.Message) + (hint.Length > 0 ? $"; {hint}" : ""), IsDamage: true));
    }

    private static string Printable(ReadOnlySpan<byte> path) =>
        string.Concat(System.Text.Encoding.UTF8.GetString(path).Select(c => char.IsControl(c) ? '?' : c));

    private static ChunkId HashOf(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return new ChunkId(hash);
    }
}
