using System.Runtime.CompilerServices;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Stores.Buckets;

/// <summary>What buckets that are reached over a network do alike: files in parts, and folders that are only the beginnings of names.</summary>
/// <param name="workDirectory">For large files while they are read.</param>
internal abstract class RemoteBucket(string workDirectory) : IBucket
{
    private const int ParallelDeletions = 8;

    public abstract string Location { get; }

    /// <summary>Bytes that are read or written at once, and so the memory that a file takes.</summary>
    protected abstract int PartSize { get; }

    public async Task RequireAsync(CancellationToken cancellationToken) => await ListPageAsync("", null, null, 1, cancellationToken);

    public async Task ProveWritableAsync(CancellationToken cancellationToken)
    {
        // Where the repository's own probe writes: Velero takes no top-level folders that it does not know.
        var key = $"{LocationProviders.RepositoryFolder}/probe/{Guid.NewGuid():N}";
        await PutAsync(key, ReadOnlyMemory<byte>.Empty, cancellationToken);
        await DeleteAsync(key, cancellationToken);
    }

    public async Task<bool> HoldsNothingAsync(CancellationToken cancellationToken)
    {
        // A page may be empty and not the last.
        await foreach (var (objects, _) in PagesAsync("", null, 1, cancellationToken))
        {
            if (objects.Count > 0) return false;
        }

        return true;
    }

    public async Task<IReadOnlyList<string>> ListFoldersAsync(string prefix, CancellationToken cancellationToken)
    {
        var folder = RemoteFile.FolderOf(prefix);
        var found = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var (_, folders) in PagesAsync(folder, "/", null, cancellationToken))
        {
            foreach (var name in folders) found.Add(name[folder.Length..].TrimEnd('/'));
        }

        // By bytes, as servers list them, is not by UTF-16 units.
        return [.. found.Order(StringComparer.Ordinal)];
    }

    public abstract Task<bool> ExistsAsync(string key, CancellationToken cancellationToken);

    public Task<Stream?> OpenAsync(string key, long maxLength, CancellationToken cancellationToken) =>
        RemoteFile.OpenAsync((offset, etag, token) => ReadAsync("reading", key, offset, PartSize, etag, token), Describe(key), maxLength, workDirectory, cancellationToken);

    public async Task<byte[]?> ReadStartAsync(string key, int count, CancellationToken cancellationToken) =>
        (await ReadAsync("reading", key, 0, count, null, cancellationToken)).Content is { } start ? start[..Math.Min(count, start.Length)] : null;

    public async Task PutAsync(string key, Stream content, CancellationToken cancellationToken)
    {
        var length = content.Length - content.Position;
        if (length > PartSize)
        {
            await PutInPartsAsync(RemoteFile.Require(key), content, length, cancellationToken);
            return;
        }

        var body = new byte[length];
        await content.ReadExactlyAsync(body, cancellationToken);
        await PutAsync(key, body, cancellationToken);
    }

    public abstract Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    public abstract Task<bool> TryCreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    public abstract Task DeleteAsync(string key, CancellationToken cancellationToken);

    public async Task DeleteFolderAsync(string prefix, CancellationToken cancellationToken)
    {
        if (prefix.Length == 0) throw new ArgumentException("the root of a location is never deleted", nameof(prefix));
        await foreach (var (objects, _) in PagesAsync(RemoteFile.FolderOf(prefix), null, null, cancellationToken))
        {
            await Parallel.ForEachAsync(objects, new ParallelOptions { MaxDegreeOfParallelism = ParallelDeletions, CancellationToken = cancellationToken }, async (found, token) => await DeleteAsync(found.Key, token));
        }
    }

    public abstract Task<Uri> AddressForDownloadAsync(string key, TimeSpan lifetime, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();

    /// <summary>A file with its place, for messages.</summary>
    protected abstract string Describe(string key);

    /// <summary>One page of a listing, in which files whose names go on with the delimiter stand as one folder each.</summary>
    protected abstract ValueTask<(IReadOnlyList<StoreEntry> Objects, IReadOnlyList<string> Folders, string? Next)> ListPageAsync(string folder, string? delimiter, string? from, int? most, CancellationToken cancellationToken);

    /// <summary>Reads up to so many bytes of a file, of the version that is named if one is.</summary>
    protected abstract Task<RemoteFile.Part> ReadAsync(string operation, string key, long offset, int count, string? etag, CancellationToken cancellationToken);

    /// <summary>Writes a file that is longer than a part.</summary>
    protected abstract Task PutInPartsAsync(string key, Stream content, long length, CancellationToken cancellationToken);

    private async IAsyncEnumerable<(IReadOnlyList<StoreEntry> Objects, IReadOnlyList<string> Folders)> PagesAsync(string folder, string? delimiter, int? most, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? next = null;
        do
        {
            (var objects, var folders, next) = await ListPageAsync(folder, delimiter, next, most, cancellationToken);
            yield return (objects, folders);
        }
        while (next is not null);
    }
}
