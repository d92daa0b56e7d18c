using System.Buffers;
using System.Collections.Concurrent;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Verification;

/// <summary>Walks every snapshot's tree: each chunk that it uses must be in the index and in a sound pack, and for what is lost, the files that use it are named. Made anew for each walk.</summary>
internal sealed class TreeCheck(ChunkRepository repository, CheckOptions options, CheckFindings findings, IProgress<CheckProgress>? progress)
{
    private readonly ConcurrentDictionary<ChunkId, string> _lostChunks = new();
    private readonly HashSet<PackId> _neededPacks = [];

    /// <param name="snapshots">All of them.</param>
    /// <param name="readBytes">What was read of packs before, for the progress.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task ExecuteAsync(IReadOnlyList<Snapshot> snapshots, long readBytes, CancellationToken cancellationToken)
    {
        using var reader = repository.CreateReader();
        var tree = new TreeReader(reader.Source, repository.Config.Parameters.Trees);
        var walk = new TreeWalk(tree);
        long done = 0;
        var verified = new HashSet<ChunkId>();
        var unnamed = new HashSet<PackId>();
        var roots = new List<(Snapshot Snapshot, TreeEntry Root)>();
        foreach (var snapshot in snapshots)
        {
            try
            {
                roots.Add((snapshot, snapshot.Manifest.ReadRoot()));
            }
            catch (RepositoryException exception)
            {
                findings.Add(new CheckProblem($"snapshot {snapshot.Id}", null, exception.Message, IsDamage: true));
            }
        }

        foreach (var (_, root) in roots)
        {
            await foreach (var reference in walk.ReferencesAsync(root, Unreadable, cancellationToken)) await CheckAsync(reference);
            progress?.Report(new CheckProgress("snapshots", ++done, snapshots.Count, readBytes, readBytes));
        }

        ReportMissingPacks();
        if (_lostChunks.IsEmpty) return;
        var lost = _lostChunks.Keys.ToHashSet();
        var affected = new TreeWalk(tree);
        foreach (var (snapshot, root) in roots)
        {
            var files = new List<string>();
            long count = 0;
            ReadOnlyMemory<byte> last = default;
            await foreach (var path in affected.AffectedPathsAsync(root, lost, cancellationToken))
            {
                // Each comes once for every chunk of it that is lost.
                if (count > 0 && path.Path.Span.SequenceEqual(last.Span)) continue;
                last = path.Path;
                if (++count <= options.MaxFiles) files.Add(Printable(path.Path.Span) + (path.IsDirectory ? "/" : ""));
            }

            if (count > 0) findings.Remedy(RepairStep.Snapshots);

            if (count > 0)
                findings.Add(new CheckProblem($"snapshot {snapshot.Id}", null, $"{count} {(count == 1 ? "file or directory" : "files or directories")} of {snapshot.Manifest.Source.Display} cannot be restored whole", IsDamage: true) { Files = files, FileCount = count });
        }

        void Unreadable(ChunkReference reference, RepositoryException exception)
        {
            // Removed while it was read: another look will tell where it is now.
            findings.IsIncomplete |= exception is StoreException { Failure: StoreFailure.NotFound } or ChunkNotFoundException;
            if (_lostChunks.TryAdd(reference.Id, "")) findings.Damage($"{reference.Kind} chunk {reference.Id}", exception, "");
        }

        async ValueTask CheckAsync(ChunkReference reference)
        {
            try
            {
                await LookForAsync(reference);
            }
            catch (IndexCacheDamagedException)
            {
                // This machine's copy of the index, not the repository: it is made again.
                await repository.RefreshIndexAsync(cancellationToken);
                await LookForAsync(reference);
            }
        }

        async ValueTask LookForAsync(ChunkReference reference)
        {
            if (!repository.Index.TryFind(reference.Id, out var location))
            {
                await repository.SearchUnnamedPacksAsync(cancellationToken);
                repository.Index.TryFind(reference.Id, out location);
            }

            // A segment that is gone leaves no trace but this.
            if (location.StoredLength > 0 && !findings.Packs.ContainsKey(location.Pack) && repository.Index.StandingOf(location.Pack) == PackStanding.Unnamed && unnamed.Add(location.Pack))
            {
                findings.Remedy(RepairStep.Index);
                findings.Add(new CheckProblem(location.Pack.Key, null, "snapshots use chunks of this pack, and no index segment names it", IsDamage: true));
            }

            if (location.StoredLength == 0)
            {
                findings.IsIncomplete = true;
                if (_lostChunks.TryAdd(reference.Id, ""))
                    findings.Add(new CheckProblem($"{reference.Kind} chunk {reference.Id}", null, $"snapshot trees use it and no pack that is there holds it: it is lost", IsDamage: true));
                return;
            }

            var finding = Judge(reference, location);
            if (finding == Finding.Sound) return;
            // What is bad in one place may be sound in another.
            var places = repository.Index.FindAll(reference.Id);
            var isDoubtful = finding == Finding.Doubtful;
            foreach (var place in places)
            {
                var other = Judge(reference, place.Location);
                if (other == Finding.Sound) return;
                isDoubtful |= other == Finding.Doubtful;
            }

            if (isDoubtful)
            {
                if (verified.Add(reference.Id)) await VerifyAsync(reader, reference, location, cancellationToken);
                return;
            }

            if (finding == Finding.Missing)
            {
                findings.IsIncomplete = true;
                _neededPacks.Add(location.Pack);
            }

            var isFirst = _lostChunks.TryAdd(reference.Id, location.Pack.Key);
            if (finding == Finding.Other && isFirst)
                findings.Add(new CheckProblem(location.Pack.Key, location.Offset, $"{reference.Kind} chunk {reference.Id} has {location.PlainLength} bytes, a tree says {reference.Length}", IsDamage: true));
        }
    }

    private Finding Judge(in ChunkReference reference, in ChunkLocation location)
    {
        if (findings.DamagedPacks.TryGetValue(location.Pack, out var length) && location.Offset + location.StoredLength > length) return length == 0 ? Finding.Missing : Finding.CutOff;
        if (location.Kind != reference.Kind || (reference.IsExact ? location.PlainLength != reference.Length : location.PlainLength < reference.Length)) return Finding.Other;
        if (!findings.UnreadableChunks.IsEmpty && findings.UnreadableChunks.ContainsKey((reference.Id, location.Pack))) return Finding.Altered;
        return options.ReadData && (findings.DamagedPacks.ContainsKey(location.Pack) || !findings.Packs.ContainsKey(location.Pack)) ? Finding.Doubtful : Finding.Sound;
    }

    private void ReportMissingPacks()
    {
        var unneeded = 0;
        foreach (var (pack, _) in findings.DamagedPacks.Where(p => p.Value == 0))
        {
            if (_neededPacks.Contains(pack)) findings.Remedy(RepairStep.Packs);
            if (_neededPacks.Contains(pack)) findings.Add(new CheckProblem(pack.Key, null, "the pack is missing: the chunks in it are lost unless the object is brought back", IsDamage: true));
            else if (findings.Packs.TryRemove(pack, out _)) unneeded++;
        }

        // A collection leaves replaced segments for a while, so there can be thousands.
        if (unneeded > 0)
            findings.Add(new CheckProblem(
                IndexSegment.Prefix, null, $"the index names {unneeded} {(unneeded == 1 ? "pack that is" : "packs that are")} not there and that no snapshot needs: a collection has removed {(unneeded == 1 ? "it" : "them")}, or is about to tidy the index", IsDamage: false));
    }

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
            if (_lostChunks.TryAdd(reference.Id, location.Pack.Key)) findings.Damage(location.Pack.Key, exception, "");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }

    private static string Printable(ReadOnlySpan<byte> path) =>
        string.Concat(System.Text.Encoding.UTF8.GetString(path).Select(c => char.IsControl(c) ? '?' : c));

    /// <summary>What is known of one place of a chunk.</summary>
    private enum Finding
    {
        Sound,
        Doubtful,
        Missing,
        CutOff,
        Altered,
        Other,
    }
}
