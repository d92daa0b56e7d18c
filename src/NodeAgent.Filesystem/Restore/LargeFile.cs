using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// A file that is written in large pieces, by several threads, past the page cache where that can be: what is copied there only to be flushed takes a quarter of the
/// processor time of a restore of large files, and memory that applications of the node use, or of a container's limit. Thread-safe.
/// </summary>
/// <param name="file">Open for writing; belongs to the caller.</param>
/// <param name="isNew">
/// Whether nobody else knows the file yet. What others write to it through a mapping while it is written past the page cache would come back over it, by whole pages.
/// </param>
internal sealed class LargeFile(DirectoryHandle file, bool isNew) : IDisposable
{
    /// <summary>Of memory, places in the file and lengths that go past the page cache.</summary>
    public const int Block = DirectFile.Alignment;

    private readonly DirectoryHandle? _direct = isNew ? Files.TryOpenDirect(file) : null;
    private volatile bool _isRefused;

    /// <summary>Writes what lies in aligned memory.</summary>
    /// <param name="content">Begins at a multiple of <see cref="Block"/> in memory.</param>
    /// <param name="offset">Where in the file; a multiple of <see cref="Block"/>.</param>
    /// <param name="from">What comes before it in the content is not to be written.</param>
    /// <param name="isEnd">Whether nothing will follow.</param>
    /// <returns>How much of the content is written: all of it in the end, else whole blocks.</returns>
    /// <exception cref="FileSystemException">It cannot be written.</exception>
    public int Write(ReadOnlySpan<byte> content, long offset, int from, bool isEnd)
    {
        if (_direct is null || _isRefused)
        {
            WritePlain(content, offset, from);
            return content.Length;
        }

        var first = (from + Block - 1) / Block * Block;
        var end = content.Length / Block * Block;
        if (end <= first) (first, end) = (content.Length, content.Length);
        // What fills no block alone shares it with another piece, which somebody else writes: the page cache puts them together.
        if (first > from) Files.WriteAt(file, content[from..first], offset + from);
        if (end > first && !TryWriteBlocks(content[first..end], offset + first)) WritePlain(content[..end], offset, first);
        if (!isEnd) return end;
        if (end < content.Length) Files.WriteAt(file, content[end..], offset + end);
        return content.Length;
    }

    public void Dispose() => _direct?.Dispose();

    private void WritePlain(ReadOnlySpan<byte> content, long offset, int from)
    {
        Files.WriteAt(file, content[from..], offset + from);
        Files.BeginWriteback(file, offset + from, content.Length - from);
    }

    private bool TryWriteBlocks(ReadOnlySpan<byte> blocks, long offset)
    {
        try
        {
            Files.WriteAt(_direct!, blocks, offset);
            // Some file systems take the flag and go through the page cache all the same.
            Files.BeginWriteback(file, offset, blocks.Length);
            return true;
        }
        catch (FileSystemException failure) when (failure.Error is Errno.Invalid or Errno.NotSupported)
        {
            // It takes larger blocks, or only part of one was written because the disk is full, which the plain way then says.
            _isRefused = true;
            return false;
        }
    }
}
