using NodeAgent.Repository.Compression;

namespace NodeAgent.Repository.Reading;

/// <summary>
/// What opening one chunk takes, kept for the next. The array pool that all share keeps an array of each size for each thread that ever
/// returned one, which for chunks comes to more than all else that a restore holds.
/// </summary>
internal sealed class OpeningTools : IDisposable
{
    private const int GrowthStep = 1 << 20;

    private byte[] _envelope = [];
    private byte[] _opened = [];
    private ZstdCodec? _codec;

    /// <summary>Made when it is first needed: a repository may hold nothing that is compressed.</summary>
    public ZstdCodec Codec => _codec ??= new ZstdCodec();

    /// <summary>Room to read an envelope into; what was there before is gone.</summary>
    public Memory<byte> Envelope(int length) => Room(ref _envelope, length).AsMemory(0, length);

    /// <summary>Room to decrypt an envelope of a length into.</summary>
    public byte[] Opened(int length) => Room(ref _opened, length);

    public void Dispose() => _codec?.Dispose();

    private static byte[] Room(ref byte[] buffer, int length)
    {
        if (buffer.Length < length) buffer = GC.AllocateUninitializedArray<byte>(length <= 64 << 10 ? 64 << 10 : (length + GrowthStep - 1) / GrowthStep * GrowthStep);
        return buffer;
    }
}
