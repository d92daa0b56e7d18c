namespace NodeAgent.Stores.Buckets;

/// <summary>
/// The files of backups and restores at a location. A file is complete or absent, and unlike the objects of a repository it may
/// be replaced, as a backup's metadata is when it ends. Keys are relative, with slashes. Safe for concurrent use.
/// </summary>
/// <remarks>Failures are <see cref="BucketFailure"/>'s to tell from other exceptions; their message is one line for people.</remarks>
public interface IBucket : IAsyncDisposable
{
    /// <summary>Where it is, for messages.</summary>
    string Location { get; }

    /// <summary>Fails when the place is not there or does not let us in. Makes nothing.</summary>
    Task RequireAsync(CancellationToken cancellationToken);

    /// <summary>Makes what is missing and writes something that is removed at once. Fails when the place takes no files.</summary>
    Task ProveWritableAsync(CancellationToken cancellationToken);

    /// <summary>
    /// True when nothing at all is there. A location where backups were stored never looks like this; the directory that it was mounted
    /// on does, and so does a bucket of another name.
    /// </summary>
    Task<bool> HoldsNothingAsync(CancellationToken cancellationToken);

    /// <summary>Names of the folders directly below a key, in order; empty when there is nothing.</summary>
    /// <param name="prefix">A folder without a slash at its end; empty for the root.</param>
    /// <param name="cancellationToken">Stops it.</param>
    Task<IReadOnlyList<string>> ListFoldersAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Whether there is such a file.</summary>
    Task<bool> ExistsAsync(string key, CancellationToken cancellationToken);

    /// <summary>Opens a file for reading from its beginning; null when it does not exist. The stream can seek; the caller disposes it.</summary>
    /// <param name="key">The file.</param>
    /// <param name="maxLength">The longest that such a file can sensibly be: what a bucket holds is not trusted, and it may be fetched to a disk first.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="InvalidDataException">The file is longer.</exception>
    Task<Stream?> OpenAsync(string key, long maxLength, CancellationToken cancellationToken);

    /// <summary>The first bytes of a file, fewer where it is shorter; null when it does not exist.</summary>
    Task<byte[]?> ReadStartAsync(string key, int count, CancellationToken cancellationToken);

    /// <summary>Writes a file whole, replacing what was there. A crash leaves the old file or the new one, and after this has returned the new one.</summary>
    /// <param name="key">The file.</param>
    /// <param name="content">All from where it stands to its end; it must be able to seek.</param>
    /// <param name="cancellationToken">Leaves the old file.</param>
    Task PutAsync(string key, Stream content, CancellationToken cancellationToken);

    /// <summary>Writes a small file.</summary>
    /// <inheritdoc cref="PutAsync(string, Stream, CancellationToken)"/>
    Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>
    /// Writes a small file unless there is one of that name already, which is left as it is; of many that do so at once one succeeds.
    /// Where the store cannot promise that, the file is the last one's, which whoever reads it later sees.
    /// </summary>
    /// <returns>Whether the file is there as given because of this call.</returns>
    Task<bool> TryCreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Deletes a file; one that is not there counts as deleted.</summary>
    Task DeleteAsync(string key, CancellationToken cancellationToken);

    /// <summary>Deletes a folder with all that is in it; one that is not there counts as deleted. Never the root.</summary>
    Task DeleteFolderAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>An address to fetch the file from, for whoever is told it. It may be of a file that does not exist.</summary>
    /// <param name="key">The file.</param>
    /// <param name="lifetime">For how long it is good where that can be limited; whole seconds.</param>
    /// <param name="cancellationToken">Stops it.</param>
    Task<Uri> AddressForDownloadAsync(string key, TimeSpan lifetime, CancellationToken cancellationToken);
}
