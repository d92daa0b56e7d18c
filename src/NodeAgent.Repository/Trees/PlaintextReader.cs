using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>Reads the primitives of pages, entries and lists from bytes nobody vouches for: every length is checked before it is used.</summary>
internal ref struct PlaintextReader
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly PlaintextOrigin _origin;
    private readonly long _offset;

    /// <param name="bytes">The bytes to read.</param>
    /// <param name="origin">What they belong to.</param>
    /// <param name="offset">Where in it they begin.</param>
    public PlaintextReader(ReadOnlySpan<byte> bytes, PlaintextOrigin origin, long offset = 0)
    {
        _bytes = bytes;
        _origin = origin;
        _offset = offset;
    }

    public int Position { readonly get; set; }

    public readonly int Remaining => _bytes.Length - Position;

    public readonly bool AtEnd => Position == _bytes.Length;

    public readonly PlaintextOrigin Origin => _origin;

    public readonly long Offset => _offset;

    public byte ReadByte()
    {
        if (Position >= _bytes.Length)
            Fail("ends in the middle of a field");
        return _bytes[Position++];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ReadVarint()
    {
        if (Position < _bytes.Length && _bytes[Position] < 0x80)
            return _bytes[Position++];
        return ReadLongVarint();
    }

    public long ReadSigned() => Varint.UnZigZag(ReadVarint());

    /// <summary>A varint that is at most <paramref name="max"/>.</summary>
    public ulong ReadVarint(ulong max, string what)
    {
        var start = Position;
        var value = ReadVarint();
        if (value > max)
            FailAt(start, $"{what} is {value}, more than {max}");
        return value;
    }

    public ReadOnlySpan<byte> ReadBytes(int count)
    {
        if (count > Remaining)
            Fail($"a field of {count} bytes does not fit the {Remaining} bytes that are left");
        var bytes = _bytes.Slice(Position, count);
        Position += count;
        return bytes;
    }

    /// <summary>A varint length of at most <paramref name="max"/>, then that many bytes.</summary>
    public ReadOnlySpan<byte> ReadCounted(int max, string what) => ReadBytes((int)ReadVarint((ulong)max, what));

    public ChunkId ReadChunkId() => new(ReadBytes(ChunkId.Length));

    [DoesNotReturn]
    public readonly void Fail(string why) => FailAt(Position, why);

    [DoesNotReturn]
    public readonly void FailAt(int position, string why) => throw new RepositoryFormatException(_origin.ToString(), _offset + position, why);

    private ulong ReadLongVarint()
    {
        var start = Position;
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var next = ReadByte();
            if (shift == 63 && next > 1)
                FailAt(start, "a varint does not fit 64 bits");
            value |= (ulong)(next & 0x7F) << shift;
            if (next >= 0x80)
                continue;
            if (next == 0 && shift > 0)
                FailAt(start, "a varint is padded");
            return value;
        }
    }
}
