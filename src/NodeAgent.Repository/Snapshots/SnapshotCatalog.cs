using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Text.Json;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Reading;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Snapshots;

/// <summary>The snapshots of a repository: found, read, hidden.</summary>
public sealed class SnapshotCatalog(ChunkRepository repository)
{
    /// <summary>For so long after a snapshot was forgotten, by the store's clock, nobody removes anything of it.</summary>
    public static readonly TimeSpan ForgetGrace = CollectionTimes.Default.ForgetGrace;

    internal const string Prefix = "snap/";
    private const string ForgetPrefix = "forget/";
    private const int MaxForgetLength = 64 << 10;

    /// <summary>How long the deletion of marks may take. The margin is well above it: a store that goes by the age of a request may still carry out one that it began to receive in time.</summary>
    private static readonly TimeSpan UnforgetFence = CollectionTimes.Default.FenceLifetime;
    private static readonly TimeSpan UnforgetMargin = TimeSpan.FromHours(1);

    /// <summary>Every snapshot that is not forgotten, oldest first.</summary>
    /// <param name="damaged">Called for a snapshot or forget object that cannot be read; null lets the exception through.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<List<Snapshot>> ListAsync(Action<RepositoryException>? damaged, CancellationToken cancellationToken)
    {
        var forgotten = await ForgottenAsync(damaged, cancellationToken);
        var found = new List<Snapshot>();
        var shown = (await CopiesAsync(cancellationToken)).Where(copies => !forgotten.Contains(copies.Key));
        await foreach (var (snapshot, damages) in ManyReads.ReadAsync(shown, copies => TryReadAnyAsync(copies.Key, copies.Value, cancellationToken)))
        {
            Tell(damages, damaged);
            if (snapshot is not null) found.Add(snapshot);
        }

        found.Sort((a, b) => a.Manifest.Time != b.Manifest.Time ? a.Manifest.Time.CompareTo(b.Manifest.Time) : a.Id.Hash.CompareTo(b.Id.Hash));
        return found;
    }

    /// <summary>One snapshot by its full id, forgotten or not.</summary>
    /// <exception cref="SnapshotNotFoundException">There is none.</exception>
    /// <exception cref="RepositoryFormatException">It is damaged, in every copy.</exception>
    public async Task<Snapshot> GetAsync(SnapshotId id, CancellationToken cancellationToken)
    {
        var all = await CopiesAsync(cancellationToken);
        if (!all.TryGetValue(id, out var copies)) throw new SnapshotNotFoundException($"snapshot {id} is not found: the repository has {all.Count} snapshots", []);
        var (snapshot, damages) = await TryReadAnyAsync(id, copies, cancellationToken);
        return snapshot ?? throw (damages is [var first, ..] ? first : new SnapshotNotFoundException($"snapshot {id} is not found: it was removed just now", []));
    }

    /// <summary>The snapshots that are forgotten and whose objects are still there, the one that was forgotten last at the end.</summary>
    /// <param name="damaged">Called for a snapshot or forget object that cannot be read.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<List<ForgottenSnapshot>> ListForgottenAsync(Action<RepositoryException> damaged, CancellationToken cancellationToken)
    {
        var marks = await MarksAsync(ForgetPrefix, damaged, cancellationToken);
        var copies = await CopiesAsync(cancellationToken);
        var forgotten = new List<ForgottenSnapshot>();
        var hidden = marks.GroupBy(mark => mark.Id).Where(ofOne => copies.ContainsKey(ofOne.Key));
        var reads = ManyReads.ReadAsync(hidden, async ofOne => (First: ofOne.MinBy(mark => mark.Entry.LastModified), Read: await TryReadAnyAsync(ofOne.Key, copies[ofOne.Key], cancellationToken)));
        await foreach (var (first, (snapshot, damages)) in reads)
        {
            Tell(damages, damaged);
            forgotten.Add(new ForgottenSnapshot(first.Id, snapshot, first.Entry.LastModified, first.Record.Reason));
        }

        return [.. forgotten.OrderBy(f => f.Forgotten).ThenBy(f => f.Id.Hash)];
    }

    /// <summary>"latest", or a unique prefix of an id, among those that match a filter.</summary>
    /// <exception cref="SnapshotNotFoundException">None or several fit.</exception>
    public async Task<Snapshot> ResolveAsync(string reference, SnapshotFilter? filter, CancellationToken cancellationToken)
    {
        if (SnapshotId.TryParse(reference, out var id) && filter is null) return await GetAsync(id, cancellationToken);
        return SnapshotSelection.Resolve(await ListAsync(_ => { }, cancellationToken), reference, filter);
    }

    /// <summary>
    /// The snapshot that a backup of a source continues, the one that was published last; null for none. Snapshots are read from the newest on,
    /// some at a time, until one is found: that of a source that is backed up regularly is among the first.
    /// </summary>
    /// <param name="cache">What was read before, and takes what is read now; null for none.</param>
    public async Task<Snapshot?> LatestForAsync(SnapshotSource source, string? hostname, SnapshotSourceCache? cache, CancellationToken cancellationToken)
    {
        // A damaged mark or snapshot cannot be helped here: it is no parent, the backup is then a full one, and a check names the damage.
        var forgotten = await ForgottenAsync(_ => { }, cancellationToken);
        var candidates = new List<(string? Newest, SnapshotId Id, List<StoreEntry> Copies)>();
        foreach (var (id, copies) in await CopiesAsync(cancellationToken))
        {
            if (!forgotten.Contains(id) && (cache is null || !cache.TryGet(id, out var of) || SnapshotSource.IsSame(of.Source, of.Hostname, source, hostname)))
                candidates.Add((copies.Max(copy => copy.Key), id, copies));
        }

        candidates.Sort((a, b) => string.CompareOrdinal(b.Newest, a.Newest));
        foreach (var some in candidates.Chunk(ManyReads.AtOnce))
        {
            var read = (await Task.WhenAll(some.Select(candidate => TryReadAnyAsync(candidate.Id, candidate.Copies, cancellationToken)))).Select(r => r.Snapshot).OfType<Snapshot>().ToList();
            foreach (var snapshot in read) cache?.Add(snapshot);
            if (SnapshotSelection.LatestFor(read, source, hostname) is { } found) return found;
        }

        return null;
    }

    /// <summary>Hides a snapshot. Its data stays until maintenance removes what nothing refers to.</summary>
    public async Task ForgetAsync(SnapshotId id, string? reason, CancellationToken cancellationToken)
    {
        using var cipher = repository.CreateCipher(CipherSuiteSelection.Preferred, null);
        var json = JsonSerializer.SerializeToUtf8Bytes(new ForgetRecord(id.ToString(), repository.Time.GetUtcNow(), reason), SnapshotJson.Default.ForgetRecord);
        var session = Convert.ToHexStringLower(cipher.Salt[..8]);
        await repository.Objects.PutAsync(cipher, ObjectKind.Forget, EnvelopeType.Forget, json, $"{ForgetPrefix}{id}/{session}", cancellationToken);
    }

    /// <summary>
    /// Shows a forgotten snapshot again, while its grace lasts by the store's clock. Whether a collection acts on its marks already is up to the
    /// protocol of collection, whose own step takes them away.
    /// </summary>
    /// <exception cref="SnapshotNotFoundException">No mark hides it.</exception>
    /// <exception cref="UnforgetRefusedException">It was forgotten too long ago, or its object is gone or damaged.</exception>
    /// <exception cref="FenceExpiredException">This process was held up; it can be tried again.</exception>
    public async Task<Snapshot> UnforgetAsync(SnapshotId id, CancellationToken cancellationToken)
    {
        var store = repository.Store;
        using var cipher = repository.CreateCipher(CipherSuiteSelection.Preferred, null);
        var records = new SealedRecords(repository, cipher);
        // Announced, so that a collection that drops the snapshot meanwhile waits for this.
        var record = new SessionRecord(repository.Time.GetUtcNow(), null, null, (int)UnforgetFence.TotalSeconds);
        var life = new SessionLife(store, records);
        await life.AnnounceAsync(record, cancellationToken);
        try
        {
            var (snapshot, isInDoubt) = await UnforgetAsync(id, records, cancellationToken);
            if (!isInDoubt) await life.EndAsync(record, cancellationToken);
            return snapshot;
        }
        catch (RepositoryException exception) when (exception is not StoreException and not FenceExpiredException)
        {
            // Nothing is under way; after a failure of the store that is not certain.
            await life.EndAsync(record, CancellationToken.None);
            throw;
        }
    }

    private async Task<(Snapshot Snapshot, bool IsInDoubt)> UnforgetAsync(SnapshotId id, SealedRecords records, CancellationToken cancellationToken)
    {
        var store = repository.Store;
        var now = await store.GetTimeAsync(cancellationToken);
        var marks = await MarksAsync($"{ForgetPrefix}{id}/", _ => { }, cancellationToken);
        if (marks.Count == 0) throw new SnapshotNotFoundException($"snapshot {id} is not forgotten, so there is nothing to bring back", []);
        var until = marks.Min(mark => mark.Entry.LastModified) + ForgetGrace - (store.HasExclusiveFences ? TimeSpan.Zero : UnforgetMargin);
        if (now >= until)
        {
            throw new UnforgetRefusedException(string.Create(
                CultureInfo.InvariantCulture,
                $"snapshot {id} could be brought back until {until.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, and the store's clock says {now.UtcDateTime:yyyy-MM-dd HH:mm:ss}: what it needs may be removed at any moment (restore from it now, if it is still there: its full id works for \"snapshot restore\")"));
        }

        Snapshot snapshot;
        try
        {
            snapshot = await GetAsync(id, cancellationToken);
        }
        catch (RepositoryException exception)
        {
            throw new UnforgetRefusedException($"snapshot {id} cannot be brought back: {exception.Message}");
        }

        var removal = await ForgetMarks.RemoveAsync(store, records, id, CollectionTimes.Default, OmittedSteps.None, cancellationToken);
        if (!removal.IsDone)
            throw new UnforgetRefusedException($"snapshot {id} cannot be brought back: a prune with a shorter grace is removing its data (restore from it now, if it is still there: its full id works for \"snapshot restore\")");
        return (snapshot, removal.IsInDoubt);
    }

    internal async IAsyncEnumerable<(SnapshotId Id, string Key)> KeysAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var (id, entry) in EntriesAsync(cancellationToken)) yield return (id, entry.Key);
    }

    internal async Task<Snapshot> ReadAsync(SnapshotId id, string key, CancellationToken cancellationToken)
    {
        var content = await repository.Store.ReadAllAsync(key, SnapshotManifest.MaxLength + (1 << 20), cancellationToken);
        if (HashOf(content) != id.Hash)
            throw new RepositoryFormatException(key, 0, "the object's content is not what its name says: it is damaged; restore the object from a copy");
        await repository.LearnGenerationAsync(content, cancellationToken);
        var json = repository.Objects.Open(content, key, ObjectKind.Snapshot, EnvelopeType.Snapshot, SnapshotManifest.MaxLength);
        return new Snapshot(id, SnapshotManifest.Parse(json, key));
    }

    private async IAsyncEnumerable<(SnapshotId Id, StoreEntry Entry)> EntriesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var entry in repository.Store.ListAsync(Prefix, cancellationToken))
        {
            var dash = entry.Key.LastIndexOf('-');
            if (dash > 0 && SnapshotId.TryParse(entry.Key[(dash + 1)..], out var id)) yield return (id, entry);
        }
    }

    /// <summary>The objects of each snapshot: the time in an object's name is not part of the id, so a copy under another time is no second snapshot.</summary>
    private async Task<Dictionary<SnapshotId, List<StoreEntry>>> CopiesAsync(CancellationToken cancellationToken)
    {
        var copies = new Dictionary<SnapshotId, List<StoreEntry>>();
        await foreach (var (id, entry) in EntriesAsync(cancellationToken))
        {
            if (!copies.TryGetValue(id, out var entries)) copies.Add(id, entries = []);
            entries.Add(entry);
        }

        return copies;
    }

    /// <summary>The first copy that can be read, or null when none can; and what is wrong with those before it.</summary>
    private async Task<(Snapshot? Snapshot, IReadOnlyList<RepositoryException> Damages)> TryReadAnyAsync(SnapshotId id, List<StoreEntry> copies, CancellationToken cancellationToken)
    {
        var damages = new List<RepositoryException>();
        foreach (var copy in copies)
        {
            try
            {
                return (await ReadAsync(id, copy.Key, cancellationToken) with { Stored = copies.Min(c => c.LastModified) }, damages);
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                // Removed since it was listed, by a collection: it was forgotten long ago.
            }
            catch (RepositoryException exception) when (!IsAway(exception))
            {
                damages.Add(exception);
            }
        }

        return (null, damages);
    }

    /// <summary>Tells what is damaged; where nobody wants to know, it is an error.</summary>
    private static void Tell(IReadOnlyList<RepositoryException> damages, Action<RepositoryException>? damaged)
    {
        foreach (var damage in damages)
        {
            if (damaged is null) ExceptionDispatchInfo.Throw(damage);
            damaged(damage);
        }
    }

    /// <summary>A store that cannot be reached says nothing of what is in it: without this, a list made in an outage would lack snapshots, and "latest" be an earlier one.</summary>
    private static bool IsAway(RepositoryException exception) => exception is StoreException { Failure: StoreFailure.Transient };

    private static ChunkId HashOf(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return new ChunkId(hash);
    }

    private async Task<HashSet<SnapshotId>> ForgottenAsync(Action<RepositoryException>? damaged, CancellationToken cancellationToken)
    {
        var forgotten = new HashSet<SnapshotId>();
        foreach (var mark in await MarksAsync(ForgetPrefix, damaged, cancellationToken)) forgotten.Add(mark.Id);
        return forgotten;
    }

    /// <summary>The marks that count.</summary>
    private async Task<List<(SnapshotId Id, StoreEntry Entry, ForgetRecord Record)>> MarksAsync(string prefix, Action<RepositoryException>? damaged, CancellationToken cancellationToken)
    {
        var entries = new List<(SnapshotId Id, StoreEntry Entry)>();
        await foreach (var entry in repository.Store.ListAsync(prefix, cancellationToken))
        {
            if (entry.Key.Split('/') is [_, var name, _] && SnapshotId.TryParse(name, out var id)) entries.Add((id, entry));
        }

        var marks = new List<(SnapshotId, StoreEntry, ForgetRecord)>();
        await foreach (var ((id, entry), record, damage) in ManyReads.ReadAsync(entries, TryReadAsync))
        {
            // One damaged mark must not keep backups from their parents; its snapshot shows again, and loses nothing.
            if (damage is not null) Tell([damage], damaged);
            if (record is not null) marks.Add((id, entry, record));
        }

        return marks;

        async Task<((SnapshotId Id, StoreEntry Entry) Mark, ForgetRecord? Record, RepositoryException? Damage)> TryReadAsync((SnapshotId Id, StoreEntry Entry) mark)
        {
            try
            {
                return (mark, await ReadMarkAsync(mark.Entry.Key, mark.Id, cancellationToken), null);
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                // Brought back meanwhile.
                return (mark, null, null);
            }
            catch (RepositoryException exception) when (!IsAway(exception))
            {
                return (mark, null, exception);
            }
        }
    }

    /// <summary>A mark counts only when the store could not have made it up, nor taken it from another snapshot.</summary>
    internal async Task<ForgetRecord> ReadMarkAsync(string key, SnapshotId id, CancellationToken cancellationToken)
    {
        var json = await repository.Objects.ReadAsync(key, ObjectKind.Forget, EnvelopeType.Forget, MaxForgetLength, cancellationToken);
        ForgetRecord? record;
        try
        {
            record = JsonSerializer.Deserialize(json, SnapshotJson.Default.ForgetRecord);
        }
        catch (JsonException)
        {
            record = null;
        }

        if (record?.Snapshot is null) throw new RepositoryFormatException(key, 0, "the mark does not say which snapshot is forgotten");
        if (!SnapshotId.TryParse(record.Snapshot, out var named) || named != id)
            throw new RepositoryFormatException(key, 0, "the mark is another snapshot's: it was copied or renamed");
        return record;
    }
}
