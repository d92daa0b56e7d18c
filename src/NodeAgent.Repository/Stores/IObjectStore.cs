namespace NodeAgent.Repository.Stores;

/// <summary>
/// Where a repository's objects are. Keys are relative paths of ASCII letters, digits, '-', '_', '.' and '/'. Objects are
/// written once and never changed. All methods may be called at once from any thread.
/// </summary>
public interface IObjectStore : IAsyncDisposable
{
    /// <summary>The place, for people; holds no secret.</summary>
    string Location { get; }

    /// <summary>
    /// Whether an exclusive fence keeps shared ones out. If so, what was written through a shared fence is there, and nothing more comes of it, once an exclusive
    /// one was had. If not, that is certain only after the lifetime of every fence that may have been taken before.
    /// </summary>
    bool HasExclusiveFences { get; }

    /// <summary>
    /// Bytes that are read in about the time that a request takes by itself: what lies so close to something wanted is better read along. 0 where requests cost next to nothing.
    /// </summary>
    int WorthwhileRead => 0;

    /// <summary>The time by the clock that <see cref="StoreEntry.LastModified"/> goes by.</summary>
    /// <exception cref="StoreException">The store cannot be asked.</exception>
    ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken);

    /// <summary>Takes a fence, see <see cref="IFence"/>. The caller disposes it.</summary>
    /// <param name="mode">Exclusive only where <see cref="HasExclusiveFences"/>.</param>
    /// <param name="lifetime">After which a store without exclusive fences refuses what is written through it; at least a second.</param>
    /// <param name="cancellationToken">Stops the wait.</param>
    /// <exception cref="StoreException">The store cannot be asked, or others hold the fence for long.</exception>
    ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken);

    /// <summary>Creates an object. Durable when it returns; never visible in part. Does not keep <paramref name="body"/>.</summary>
    /// <exception cref="StoreException">It could not be written; then it is not there, or is there whole.</exception>
    ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken);

    /// <summary>Reads a range; fills <paramref name="destination"/> or throws.</summary>
    /// <exception cref="StoreException">The object is not there or ends before the range does.</exception>
    ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken);

    /// <summary>Reads a whole object.</summary>
    /// <exception cref="StoreException">It is not there, or longer than <paramref name="maxLength"/>, found out before it is read.</exception>
    ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken);

    /// <summary>What is known of an object; null when it is not there.</summary>
    ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken);

    /// <summary>Lists all objects below a prefix that ends in '/' or is empty, in no particular order.</summary>
    IAsyncEnumerable<StoreEntry> ListAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Deletes an object; false when it was not there.</summary>
    ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken);
}
