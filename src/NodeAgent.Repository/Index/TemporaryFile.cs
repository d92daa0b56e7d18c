using Microsoft.Win32.SafeHandles;

namespace NodeAgent.Repository.Index;

/// <summary>A file without a name, written at its end and read anywhere. Gone when it is disposed or the process ends.</summary>
internal sealed class TemporaryFile : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly byte[] _buffer = new byte[64 << 10];
    private long _written;
    private int _buffered;

    /// <param name="directory">Where its bytes are kept.</param>
    /// <exception cref="IOException">It cannot be made there.</exception>
    public TemporaryFile(string directory)
    {
        _handle = Create(directory, out var path);
        File.Delete(path);
    }

    public long Length => _written + _buffered;

    /// <summary>Makes a new file that only its owner may read.</summary>
    public static SafeFileHandle Create(string directory, out string path)
    {
        path = Path.Combine(directory, $"{IndexCache.TemporaryPrefix}{Guid.NewGuid():n}");
        var handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        File.SetUnixFileMode(handle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return handle;
    }

    public void Append(ReadOnlySpan<byte> content)
    {
        if (_buffered + content.Length > _buffer.Length) Flush();
        if (content.Length > _buffer.Length)
        {
            RandomAccess.Write(_handle, content, _written);
            _written += content.Length;
            return;
        }

        content.CopyTo(_buffer.AsSpan(_buffered));
        _buffered += content.Length;
    }

    public void Read(long offset, Span<byte> destination)
    {
        Flush();
        while (!destination.IsEmpty)
        {
            var read = RandomAccess.Read(_handle, destination, offset);
            if (read == 0) throw new EndOfStreamException("a temporary file is shorter than what was written to it");
            destination = destination[read..];
            offset += read;
        }
    }

    /// <summary>Writes what is left; the file, to be mapped.</summary>
    public SafeFileHandle Complete()
    {
        Flush();
        return _handle;
    }

    public void Dispose() => _handle.Dispose();

    private void Flush()
    {
        RandomAccess.Write(_handle, _buffer.AsSpan(0, _buffered), _written);
        _written += _buffered;
        _buffered = 0;
    }
}
