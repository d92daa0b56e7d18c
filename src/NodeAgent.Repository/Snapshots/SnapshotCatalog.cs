using System.Text.Json;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Snapshots;

/// <summary>The snapshots of a repository: found, read, hidden.</summary>
public sealed class SnapshotCatalog(ChunkRepository repository)
{
    internal const string Prefix = "snap/";
    private const string ForgetPrefix = "forget/";
    private const int MaxForgetLength = 64 << 10;

    /// <summary>Every snapshot that is not forgotten, oldest first.</summary>
    /// <param name="damaged">Called for a snapshot or forget object that cannot be read; null lets the exception through.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<List<Snapshot>> ListAsync(Action<RepositoryException>? damaged, CancellationToken cancellationToken)
    {
        var forgotten = await ForgottenAsync(damaged, cancellationToken);
        var found = new List<Snapshot>();
        // The time in an object's name is not part of the id: a copy under another time is no second snapshot.
        var seen = new HashSet<SnapshotId>();
        await foreach (var (id, key) in KeysAsync(cancellationToken))
        {
            if (forgotten.Contains(id) || seen.Contains(id)) continue;
            try
            {
                found.Add(await ReadAsync(id, key, cancellationToken));
                seen.Add(id);
            }
            catch (RepositoryException exception) when (damaged is not null)
            {
                damaged(exception);
            }
        }

        found.Sort((a, b) => a.Manifest.Time != b.Manifest.Time ? a.Manifest.Time.CompareTo(b.Manifest.Time) : a.Id.Hash.CompareTo(b.Id.Hash));
        return found;
    }

    /// <summary>One snapshot by its full id, forgotten or not.</summary>
    /// <exception cref="SnapshotNotFoundException">There is none.</exception>
    public async Task<Snapshot> GetAsync(SnapshotId id, CancellationToken cancellationToken)
    {
        var count = 0;
        await foreach (var (other, key) in KeysAsync(cancellationToken))
        {
            if (other == id) return await ReadAsync(id, key, cancellationToken);
            count++;
        }

        throw new SnapshotNotFoundException($"snapshot {id} is not found: the repository has {count} snapshots", []);
    }

    /// <summary>"latest", or a unique prefix of an id, among those that match a filter.</summary>
    /// <exception cref="SnapshotNotFoundException">None or several fit.</exception>
    public async Task<Snapshot> ResolveAsync(string reference, SnapshotFilter? filter, CancellationToken cancellationToken)
    {
        if (SnapshotId.TryParse(reference, out var id) && filter is null) return await GetAsync(id, cancellationToken);
        return SnapshotSelection.Resolve(await ListAsync(_ => { }, cancellationToken), reference, filter);
    }

    /// <summary>The snapshot that a backup of a source continues; null for none.</summary>
    public async Task<Snapshot?> LatestForAsync(SnapshotSource source, string? hostname, CancellationToken cancellationToken) =>
        // A damaged snapshot cannot be a parent; the backup is then a full one, and a check names the damage.
        SnapshotSelection.LatestFor(await ListAsync(_ => { }, cancellationToken), source, hostname);

    /// <summary>Hides a snapshot. Its data stays until maintenance removes what nothing refers to.</summary>
    public async Task ForgetAsync(SnapshotId id, string? reason, CancellationToken cancellationToken)
    {
        using var cipher = repository.CreateCipher(CipherSuiteSelection.Preferred, null);
        var json = JsonSerializer.SerializeToUtf8Bytes(new ForgetRecord(id.ToString(), repository.Time.GetUtcNow(), reason), SnapshotJson.Default.ForgetRecord);
        var session = Convert.ToHexStringLower(cipher.Salt[..8]);
        await repository.PutSealedAsync(cipher, ObjectKind.Forget, EnvelopeType.Forget, json, $"{ForgetPrefix}{id}/{session}", cancellationToken);
    }

    internal async IAsyncEnumerable<(SnapshotId Id, string Key)> KeysAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var entry in repository.Store.ListAsync(Prefix, cancellationToken))
        {
            var dash = entry.Key.LastIndexOf('-');
            if (dash > 0 && SnapshotId.TryParse(entry.Key[(dash + 1)..], out var id)) yield return (id, entry.Key);
        }
    }

    internal async Task<Snapshot> ReadAsync(SnapshotId id, string key, CancellationToken cancellationToken)
    {
        var content = await repository.Store.ReadAllAsync(key, SnapshotManifest.MaxLength + (1 << 20), cancellationToken);
        if (HashOf(content) != id.Hash)
            throw new RepositoryFormatException(key, 0, "the object's content is not what its name says: it is damaged; restore the object from a copy");
        var json = repository.OpenObject(content, key, ObjectKind.Snapshot, EnvelopeType.Snapshot, SnapshotManifest.MaxLength);
        return new Snapshot(id, SnapshotManifest.Parse(json, key));
    }

    private static ChunkId HashOf(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return new ChunkId(hash);
    }

    private async Task<HashSet<SnapshotId>> ForgottenAsync(Action<RepositoryException>? damaged, CancellationToken cancellationToken)
    {
        var forgotten = new HashSet<SnapshotId>();
        await foreach (var entry in repository.Store.ListAsync(ForgetPrefix, cancellationToken))
        {
            if (entry.Key.Split('/') is not [_, var name, _] || !SnapshotId.TryParse(name, out var id)) continue;
            try
            {
                await ReadMarkAsync(entry.Key, id, cancellationToken);
                forgotten.Add(id);
            }
            catch (RepositoryException exception) when (damaged is not null)
            {
                // One damaged mark must not keep backups from their parents; its snapshot shows again, and loses nothing.
                damaged(exception);
            }
        }

        return forgotten;
    }

    /// <summary>A mark counts only when the store could not have made it up, nor taken it from another snapshot.</summary>
    private async Task ReadMarkAsync(string key, SnapshotId id, CancellationToken cancellationToken)
    {
        var json = await repository.ReadSealedAsync(key, ObjectKind.Forget, EnvelopeType.Forget, MaxForgetLength, cancellationToken);
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
    }
}
