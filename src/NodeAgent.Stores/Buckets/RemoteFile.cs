using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.Buckets;

/// <summary>What buckets that are reached over a network share: names of files, and reading one that comes in parts.</summary>
internal static class RemoteFile
{
    /// <summary>A part of a file.</summary>
    /// <param name="Content">Its bytes; empty past the end, null when there is no such file.</param>
    /// <param name="ETag">The version of the file that it is of.</param>
    /// <param name="Length">The length of the whole file.</param>
    public readonly record struct Part(byte[]? Content, string? ETag, long Length);

    /// <summary>Reads up to a part from an offset, of the version that is named if one is.</summary>
    public delegate Task<Part> ReadPart(long offset, string? etag, CancellationToken cancellationToken);

    /// <summary>Opens a file; null when there is none. One of several parts is fetched to a file of its own first, which goes when it is closed.</summary>
    /// <param name="read">Fetches a part.</param>
    /// <param name="where">What it is, for messages.</param>
    /// <param name="maxLength">The longest that it can be, in bytes.</param>
    /// <param name="workDirectory">Where a longer one is put meanwhile.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="InvalidDataException">It is longer than such a file can be.</exception>
    /// <exception cref="StoreException">It cannot be read, or was replaced meanwhile.</exception>
    public static async Task<Stream?> OpenAsync(ReadPart read, string where, long maxLength, string workDirectory, CancellationToken cancellationToken)
    {
        var first = await read(0, null, cancellationToken);
        if (first.Content is null) return null;
        if (first.Length > maxLength) throw new InvalidDataException($"{where} is longer than such a file can be ({maxLength} bytes)");
        if (first.Length <= first.Content.Length) return new MemoryStream(first.Content, writable: false);
        var file = WorkFile.Create(workDirectory);
        try
        {
            await file.WriteAsync(first.Content, cancellationToken);
            while (file.Length < first.Length)
            {
                var part = await read(file.Length, first.ETag, cancellationToken);
                if (part.Content is not { Length: > 0 }) throw Replaced(where);
                await file.WriteAsync(part.Content, cancellationToken);
            }

            file.Position = 0;
            return file;
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    /// <summary>The file is not the one any more of which a part was read before.</summary>
    public static StoreException Replaced(string where) => new(StoreFailure.Other, "reading", where, "it was replaced meanwhile", "try again");

    /// <summary>The beginning of the names of all files in a folder; of all files for the empty one.</summary>
    /// <exception cref="ArgumentException">It is no name of a folder.</exception>
    public static string FolderOf(string prefix) => prefix.Length == 0 ? "" : Require(prefix) + "/";

    /// <summary>The key, if it is one.</summary>
    /// <exception cref="ArgumentException">It is no key of a file.</exception>
    public static string Require(string key) =>
        key.Split('/').Any(part => part is "" or "." or "..") ? throw new ArgumentException($"\"{key}\" is no key of a file", nameof(key)) : key;

    /// <summary>Whether a small file is there and is this.</summary>
    public static async Task<bool> HasContentAsync(IBucket bucket, string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await using var file = await bucket.OpenAsync(key, long.MaxValue, cancellationToken);
        if (file is null || file.Length != content.Length) return false;
        var there = new byte[content.Length];
        await file.ReadExactlyAsync(there, cancellationToken);
        return there.AsSpan().SequenceEqual(content.Span);
    }
}
