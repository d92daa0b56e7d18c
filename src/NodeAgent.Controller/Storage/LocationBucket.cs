using NodeAgent.Repository.SealedFiles;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Storage;

/// <summary>
/// The files of a location, where those of backups and restores may be sealed: whoever reads gets the file whichever it is, whatever the location
/// says now, and what is written is sealed if the location says so. The file that makes a folder a backup stays clear: it tells other
/// clusters that the backup is there, also those that have no key.
/// </summary>
internal sealed class LocationBucket(IBucket files, bool seals, LocationKeys keys, string workDirectory) : IBucket
{
    // A file that is not longer is in memory while it is sealed or opened.
    private const int MaxInMemory = 1 << 20;

    private bool _isPrepared;

    public string Location => files.Location;

    /// <summary>Fails when files are to be sealed and the keys cannot be had.</summary>
    public Task CheckKeysAsync(CancellationToken cancellationToken) => seals ? keys.CheckAsync(cancellationToken) : Task.CompletedTask;

    /// <summary>Makes sure that files can be written, before there are any: makes the keys where they are needed and are not there.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        if (seals) await KeysForWritingAsync(cancellationToken);
    }

    /// <summary>Fails when a file is sealed and the key to it cannot be had. One that does not exist is none of these.</summary>
    /// <exception cref="InvalidDataException">It is sealed with other keys than the location's.</exception>
    public async Task RequireKeyAsync(string key, CancellationToken cancellationToken) => (await FindKeyAsync(key, cancellationToken))?.Dispose();

    public async Task<Stream?> OpenAsync(string key, long maxLength, CancellationToken cancellationToken)
    {
        var file = await files.OpenAsync(key, maxLength, cancellationToken);
        if (file is null || !MayBeSealed(key)) return file;
        var start = new byte[SealedFileHeader.Length];
        try
        {
            var read = await file.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellationToken);
            if (!SealedFileHeader.IsAtStartOf(start.AsSpan(0, read)))
            {
                file.Position = 0;
                return file;
            }

            await using (file) return await UnsealAsync(key, start.AsMemory(0, read), file, maxLength, cancellationToken);
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    /// <summary>The file as it is stored, sealed or not; null when it does not exist.</summary>
    public Task<Stream?> OpenStoredAsync(string key, CancellationToken cancellationToken) => files.OpenAsync(key, long.MaxValue, cancellationToken);

    public async Task PutAsync(string key, Stream content, CancellationToken cancellationToken)
    {
        if (!seals || !MayBeSealed(key))
        {
            await files.PutAsync(key, content, cancellationToken);
            return;
        }

        var own = await KeysForWritingAsync(cancellationToken);
        await using Stream sealedFile = content.Length - content.Position <= MaxInMemory ? new MemoryStream() : WorkFile.Create(workDirectory);
        await SealedFile.SealAsync(key, content, own, sealedFile, cancellationToken);
        sealedFile.Position = 0;
        await files.PutAsync(key, sealedFile, cancellationToken);
    }

    public async Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (!seals || !MayBeSealed(key))
        {
            await files.PutAsync(key, content, cancellationToken);
            return;
        }

        using var stream = new MemoryStream(content.ToArray(), writable: false);
        await PutAsync(key, stream, cancellationToken);
    }

    /// <remarks>What is made this way is for all who share the place, and never sealed.</remarks>
    public Task<bool> TryCreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => files.TryCreateAsync(key, content, cancellationToken);

    /// <remarks>That of a sealed file holds its key, which opens no other file: <see cref="SealedAddress"/>.</remarks>
    public async Task<Uri> AddressForDownloadAsync(string key, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        var address = await files.AddressForDownloadAsync(key, lifetime, cancellationToken);
        using var own = await FindKeyAsync(key, cancellationToken);
        return own is null ? address : SealedAddress.Compose(address, own, key);
    }

    public Task RequireAsync(CancellationToken cancellationToken) => files.RequireAsync(cancellationToken);

    public Task ProveWritableAsync(CancellationToken cancellationToken) => files.ProveWritableAsync(cancellationToken);

    public Task<bool> HoldsNothingAsync(CancellationToken cancellationToken) => files.HoldsNothingAsync(cancellationToken);

    public Task<IReadOnlyList<string>> ListFoldersAsync(string prefix, CancellationToken cancellationToken) => files.ListFoldersAsync(prefix, cancellationToken);

    public Task<bool> ExistsAsync(string key, CancellationToken cancellationToken) => files.ExistsAsync(key, cancellationToken);

    /// <remarks>As it is stored.</remarks>
    public Task<byte[]?> ReadStartAsync(string key, int count, CancellationToken cancellationToken) => files.ReadStartAsync(key, count, cancellationToken);

    public Task DeleteAsync(string key, CancellationToken cancellationToken) => files.DeleteAsync(key, cancellationToken);

    public Task DeleteFolderAsync(string prefix, CancellationToken cancellationToken) => files.DeleteFolderAsync(prefix, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        keys.Dispose();
        await files.DisposeAsync();
    }

    private static bool MayBeSealed(string key) =>
        (key.StartsWith(BackupFiles.Folder + "/", StringComparison.Ordinal) && !key.EndsWith("/" + BackupFiles.MetadataName, StringComparison.Ordinal))
        || key.StartsWith(RestoreFiles.Folder + "/", StringComparison.Ordinal);

    private async Task<SealedFileKeys> KeysForWritingAsync(CancellationToken cancellationToken)
    {
        // In a place that was unmounted no repository is made.
        if (!_isPrepared) await files.RequireAsync(cancellationToken);
        _isPrepared = true;
        return await keys.GetAsync(forWriting: true, cancellationToken);
    }

    private async Task<SealedFileKey?> FindKeyAsync(string key, CancellationToken cancellationToken)
    {
        if (!MayBeSealed(key) || await files.ReadStartAsync(key, SealedFileHeader.Length, cancellationToken) is not { } start || !SealedFileHeader.IsAtStartOf(start)) return null;
        var header = SealedFileHeader.Read(start, Where(key));
        return (await keys.GetAsync(forWriting: false, cancellationToken)).KeyOf(header, Where(key));
    }

    private async Task<Stream> UnsealAsync(string key, ReadOnlyMemory<byte> start, Stream file, long maxLength, CancellationToken cancellationToken)
    {
        var header = SealedFileHeader.Read(start.Span, Where(key));
        using var own = (await keys.GetAsync(forWriting: false, cancellationToken)).KeyOf(header, Where(key));
        // Whole before anybody sees its first byte: what a cut file holds is authentic as far as it goes.
        Stream opened = file.Length <= MaxInMemory ? new MemoryStream() : WorkFile.Create(workDirectory);
        try
        {
            await SealedFile.OpenAsync(key, Where(key), header, own, file, opened, maxLength, cancellationToken);
            opened.Position = 0;
            return opened;
        }
        catch
        {
            await opened.DisposeAsync();
            throw;
        }
    }

    private string Where(string key) => $"{key} in {Location}";
}
