using System.Buffers.Binary;

namespace NodeAgent.Controller.Storage;

/// <summary>
/// Passes decompressed data through and compares it at the end with the checksum and length that close the gzip file.
/// GZipStream takes a stream that stops early for one that ends, so that a cut or damaged file could look like a shorter one.
/// </summary>
internal sealed class GzipCheck(Stream decompressed) : Stream
{
    private const int TrailerLength = 8;

    private static readonly uint[] Table = BuildTable();

    private uint _crc = uint.MaxValue;
    private uint _length;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>To be called when all data was read. Throws <see cref="InvalidDataException"/> when the file was not what was written.</summary>
    /// <param name="file">The compressed file, of one gzip member; its position is changed.</param>
    public void Verify(Stream file)
    {
        var trailer = new byte[TrailerLength];
        if (file.Length < TrailerLength) throw new InvalidDataException("the file is cut off");
        file.Position = file.Length - TrailerLength;
        file.ReadExactly(trailer);
        if (BinaryPrimitives.ReadUInt32LittleEndian(trailer) != ~_crc || BinaryPrimitives.ReadUInt32LittleEndian(trailer.AsSpan(4)) != _length)
        {
            throw new InvalidDataException("the file is damaged or cut off: its checksum does not fit its content");
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Note(buffer.AsSpan(offset), decompressed.Read(buffer, offset, count));

    public override int Read(Span<byte> buffer) => Note(buffer, decompressed.Read(buffer));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await decompressed.ReadAsync(buffer, cancellationToken);
        return Note(buffer.Span, read);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private static uint[] BuildTable()
    {
        // The reflected polynomial of CRC-32 as RFC 1952 has it.
        const uint Polynomial = 0xEDB88320;
        var table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? (value >> 1) ^ Polynomial : value >> 1;
            table[i] = value;
        }

        return table;
    }

    private int Note(ReadOnlySpan<byte> buffer, int read)
    {
        var crc = _crc;
        foreach (var b in buffer[..read]) crc = Table[(byte)(crc ^ b)] ^ (crc >> 8);
        _crc = crc;
        _length += (uint)read;
        return read;
    }
}
