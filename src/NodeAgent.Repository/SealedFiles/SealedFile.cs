using System.IO.Compression;

namespace NodeAgent.Repository.SealedFiles;

/// <summary>
/// Files outside the repository that are compressed and encrypted with its keys, as docs/format.md has them. A file passes through in segments,
/// so that its length is no matter for memory; each is bound to its place in the file, and the file to its name.
/// </summary>
public static class SealedFile
{
    /// <summary>Seals a file.</summary>
    /// <param name="name">What it is called where it is kept; it opens under no other name.</param>
    /// <param name="file">From where it stands to its end; it must be able to seek.</param>
    /// <param name="keys">Of the repository beside it.</param>
    /// <param name="output">Gets the sealed file.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task SealAsync(string name, Stream file, SealedFileKeys keys, Stream output, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(output);
        var header = keys.NewHeader(await IsGzipAsync(file, cancellationToken) ? SealedFileForm.ContentOfGzip : SealedFileForm.Whole);
        using var key = keys.KeyOf(header, name);
        await SealAsync(name, file, header, key, output, cancellationToken);
    }

    /// <summary>Opens a sealed file. What it has given before it fails is authentic, but not the file.</summary>
    /// <param name="name">The name that it was sealed under.</param>
    /// <param name="where">The file, for messages.</param>
    /// <param name="header">As it was read from the file's beginning.</param>
    /// <param name="key">The file's.</param>
    /// <param name="sealedFile">What follows the header.</param>
    /// <param name="output">Gets the file; must tell how long it is.</param>
    /// <param name="maxLength">The longest that the file can sensibly be.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="InvalidDataException">It was altered, cut off, or sealed under another name; or is longer.</exception>
    public static async Task OpenAsync(string name, string where, SealedFileHeader header, SealedFileKey key, Stream sealedFile, Stream output, long maxLength, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(header);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(sealedFile);
        ArgumentNullException.ThrowIfNull(output);
        using var cipher = new SegmentCipher(header, key, name);
        await using var gzip = header.Form == SealedFileForm.ContentOfGzip ? new GZipStream(output, CompressionLevel.Fastest, leaveOpen: true) : null;
        var content = gzip ?? output;
        var prefix = new byte[SegmentCipher.PrefixLength];
        long at = SealedFileHeader.Length;
        for (ulong number = 0; ; number++)
        {
            await FillAsync(sealedFile, prefix, where, at, cancellationToken);
            if (SegmentCipher.ReadPrefix(prefix) is not var (length, isLast)) throw Altered(where, at);
            await FillAsync(sealedFile, cipher.Buffer[..length], where, at + prefix.Length, cancellationToken);
            if (cipher.Open(length, number, isLast) is not { } opened) throw Altered(where, at);
            await content.WriteAsync(opened, cancellationToken);
            if (output.Length > maxLength) throw new InvalidDataException($"{where} is longer than such a file can be ({maxLength} bytes)");
            at += prefix.Length + length;
            if (!isLast) continue;
            if (await sealedFile.ReadAsync(prefix, cancellationToken) > 0) throw Altered(where, at);
            return;
        }
    }

    internal static async Task SealAsync(string name, Stream file, SealedFileHeader header, SealedFileKey key, Stream output, CancellationToken cancellationToken)
    {
        using var cipher = new SegmentCipher(header, key, name);
        await using var gzip = header.Form == SealedFileForm.ContentOfGzip ? new GZipStream(file, CompressionMode.Decompress, leaveOpen: true) : null;
        var content = gzip ?? file;
        await output.WriteAsync(header.Encode(), cancellationToken);
        var (current, next) = (new byte[SegmentCipher.ContentLength], new byte[SegmentCipher.ContentLength]);
        var length = await content.ReadAtLeastAsync(current, current.Length, throwOnEndOfStream: false, cancellationToken);
        for (ulong number = 0; ; number++)
        {
            // Read ahead: a segment has to say whether another one follows, or a cut between two would not show.
            var following = length < current.Length ? 0 : await content.ReadAtLeastAsync(next, next.Length, throwOnEndOfStream: false, cancellationToken);
            await output.WriteAsync(cipher.Seal(current.AsSpan(0, length), number, isLast: following == 0), cancellationToken);
            if (following == 0) return;
            (current, next, length) = (next, current, following);
        }
    }

    internal static InvalidDataException CutOff(string where, long at) =>
        new($"{where} is encrypted and cut off after {at} bytes: put it back from a copy of the location, or make a new backup");

    internal static InvalidDataException Altered(string where, long at) =>
        new($"{where} is encrypted and was altered at byte {at}, or it is another file that was put under this name: put it back from a copy of the location, or make a new backup");

    private static async Task FillAsync(Stream source, Memory<byte> buffer, string where, long at, CancellationToken cancellationToken)
    {
        var read = await source.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        if (read < buffer.Length) throw CutOff(where, at + read);
    }

    private static async Task<bool> IsGzipAsync(Stream file, CancellationToken cancellationToken)
    {
        var (start, at) = (new byte[2], file.Position);
        var read = await file.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellationToken);
        file.Position = at;
        return read == start.Length && start is [0x1f, 0x8b];
    }
}
