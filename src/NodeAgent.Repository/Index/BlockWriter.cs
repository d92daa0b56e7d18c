using System.Buffers;
using Microsoft.Win32.SafeHandles;
using NodeAgent.Repository.Hashing;

namespace NodeAgent.Repository.Index;

/// <summary>Writes the body of a base file front to back and computes the keyed checksum of each block.</summary>
internal sealed class BlockWriter(SafeFileHandle file, byte[] key)
{
    private readonly ArrayBufferWriter<byte> _checksums = new();
    private readonly byte[] _block = new byte[IndexBaseHeader.BlockLength];
    private long _written = IndexBaseHeader.Length;
    private int _filled;

    public long Position => _written + _filled;

    public void Write(ReadOnlySpan<byte> content)
    {
        while (!content.IsEmpty)
        {
            var take = Math.Min(content.Length, _block.Length - _filled);
            content[..take].CopyTo(_block.AsSpan(_filled));
            _filled += take;
            content = content[take..];
            if (_filled == _block.Length) WriteBlock();
        }
    }

    /// <summary>Writes what is left, then the checksums, and returns these.</summary>
    public byte[] Complete()
    {
        if (_filled > 0) WriteBlock();
        var checksums = _checksums.WrittenSpan.ToArray();
        RandomAccess.Write(file, checksums, _written);
        _written += checksums.Length;
        return checksums;
    }

    private void WriteBlock()
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.KeyedHash(key, _block.AsSpan(0, _filled), hash);
        _checksums.Write(hash[..IndexBaseHeader.ChecksumLength]);
        RandomAccess.Write(file, _block.AsSpan(0, _filled), _written);
        _written += _filled;
        _filled = 0;
    }
}
