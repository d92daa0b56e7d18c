using System.Buffers;

namespace NodeAgent.Repository.Trees;

/// <summary>A growing buffer of encoded bytes from the shared pool. Not thread-safe; the owner disposes.</summary>
internal sealed class PlaintextBuffer : IDisposable
{
    /// <summary>Longest canonical varint of 64 bits.</summary>
    public const int MaxVarint = 10;

    private byte[] _bytes;

    public PlaintextBuffer(int capacity) => _bytes = ArrayPool<byte>.Shared.Rent(capacity);

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    /// <summary>The bytes themselves, for changes in place. Valid until the next write.</summary>
    public Span<byte> Bytes => _bytes.AsSpan(0, Length);

    public ReadOnlyMemory<byte> Slice(int start) => _bytes.AsMemory(start, Length - start);

    /// <summary>Drops everything after the first <paramref name="length"/> bytes.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)Length);
        Length = length;
    }

    public void WriteByte(byte value)
    {
        Reserve(1);
        _bytes[Length++] = value;
    }

    public void WriteVarint(ulong value)
    {
        Reserve(MaxVarint);
        Length += Varint.Write(_bytes.AsSpan(Length), value);
    }

    public void WriteSigned(long value) => WriteVarint(Varint.ZigZag(value));

    public void Write(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(Length));
        Length += bytes.Length;
    }

    /// <summary>A varint length, then the bytes.</summary>
    public void WriteCounted(ReadOnlySpan<byte> bytes)
    {
        WriteVarint((ulong)bytes.Length);
        Write(bytes);
    }

    /// <summary>Adds bytes for the caller to fill. The span is valid until the next write.</summary>
    public Span<byte> Append(int count)
    {
        Reserve(count);
        var span = _bytes.AsSpan(Length, count);
        Length += count;
        return span;
    }

    public void Dispose()
    {
        var bytes = _bytes;
        _bytes = [];
        Length = 0;
        if (bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(bytes);
    }

    private void Reserve(int count)
    {
        if (_bytes.Length - Length >= count)
            return;
        var grown = ArrayPool<byte>.Shared.Rent(Math.Max(checked(Length + count), 2 * _bytes.Length));
        _bytes.AsSpan(0, Length).CopyTo(grown);
        if (_bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = grown;
    }
}
