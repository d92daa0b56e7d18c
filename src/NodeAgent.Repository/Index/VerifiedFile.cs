using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using NodeAgent.Repository.Hashing;

namespace NodeAgent.Repository.Index;

/// <summary>
/// A base file, mapped into memory. A block's checksum is compared when the block is first touched, so that opening reads next to nothing, and nothing
/// is believed unread. Thread-safe.
/// </summary>
/// <remarks>
/// Unmapped by the finalizer alone, since a lookup may be under way on any thread: whoever holds a span of it keeps this object alive. A
/// base file never changes under its name, it is only replaced or removed, so that pages stay readable.
/// </remarks>
internal sealed unsafe class VerifiedFile
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private readonly byte[] _key;
    private readonly byte[] _checksums;
    private readonly bool[] _verified;
    private readonly long _bodyEnd;

    private VerifiedFile(string path, SafeFileHandle handle, IndexBaseHeader header, byte[] key, byte[] checksums)
    {
        Path = path;
        _key = key;
        _checksums = checksums;
        _bodyEnd = header.Checksums.Offset;
        _verified = new bool[checksums.Length / IndexBaseHeader.ChecksumLength];
        _file = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        _view = _file.CreateViewAccessor(0, header.FileLength, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _start = start + _view.PointerOffset;
    }

    ~VerifiedFile()
    {
        if (_start != null) _view.SafeMemoryMappedViewHandle.ReleasePointer();
    }

    public string Path { get; }

    /// <summary>Opens a file and checks its header; the handle stays the caller's.</summary>
    /// <exception cref="IndexCacheDamagedException">It is not one of this repository, or not as it was written.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static (VerifiedFile File, IndexBaseHeader Header) Open(string path, SafeFileHandle handle, byte[] key, ReadOnlySpan<byte> repositoryId)
    {
        var length = RandomAccess.GetLength(handle);
        var head = new byte[IndexBaseHeader.Length];
        if (length < head.Length || RandomAccess.Read(handle, head, 0) != head.Length) throw new IndexCacheDamagedException(path, "it is cut short");
        var header = IndexBaseHeader.TryDecode(head, key, repositoryId)
            ?? throw new IndexCacheDamagedException(path, "its header is not of this program and repository");
        if (header.FileLength != length) throw new IndexCacheDamagedException(path, $"it has {length} bytes instead of {header.FileLength}");
        var checksums = new byte[header.Checksums.Length];
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        if (RandomAccess.Read(handle, checksums, header.Checksums.Offset) == checksums.Length) Blake3.KeyedHash(key, checksums, hash);
        if (!CryptographicOperations.FixedTimeEquals(hash, header.ChecksumHash)) throw new IndexCacheDamagedException(path, "its checksums are damaged");
        return (new VerifiedFile(path, handle, header, key, checksums), header);
    }

    /// <summary>Bytes of the file, checked. The caller keeps this object alive while it uses them.</summary>
    /// <exception cref="IndexCacheDamagedException">They are not what was written.</exception>
    public ReadOnlySpan<byte> Get(long offset, int length)
    {
        // Pointers are not checked by the runtime: this is what keeps every access within the mapping.
        if (offset < IndexBaseHeader.Length || length < 0 || offset + length > _bodyEnd)
            throw new IndexCacheDamagedException(Path, $"it refers to bytes {offset} to {offset + length} of {_bodyEnd}");
        var last = Math.Max(offset, offset + length - 1);
        for (var block = (offset - IndexBaseHeader.Length) / IndexBaseHeader.BlockLength; block <= (last - IndexBaseHeader.Length) / IndexBaseHeader.BlockLength; block++)
        {
            if (block < _verified.Length && !Volatile.Read(ref _verified[block])) Verify(block);
        }

        return new ReadOnlySpan<byte>(_start + offset, length);
    }

    private void Verify(long block)
    {
        var offset = IndexBaseHeader.Length + (block * IndexBaseHeader.BlockLength);
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.KeyedHash(_key, new ReadOnlySpan<byte>(_start + offset, (int)Math.Min(IndexBaseHeader.BlockLength, _bodyEnd - offset)), hash);
        if (!hash[..IndexBaseHeader.ChecksumLength].SequenceEqual(_checksums.AsSpan((int)block * IndexBaseHeader.ChecksumLength, IndexBaseHeader.ChecksumLength)))
            throw new IndexCacheDamagedException(Path, $"the checksum of bytes {offset} to {offset + IndexBaseHeader.BlockLength} is wrong");
        Volatile.Write(ref _verified[block], true);
    }
}
