using System.Buffers.Binary;
using System.Globalization;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>A segment as a base lists it.</summary>
/// <param name="Session">Digits in its name, as a number.</param>
/// <param name="Hash">Hash in its name.</param>
/// <param name="ReplacedBy">Hash in the name of the segment that replaces it, for which it was left out; all zero when it is covered itself.</param>
internal readonly record struct BaseSegment(ulong Session, ChunkId Hash, ChunkId ReplacedBy)
{
    public const int Length = 72;

    public string Key => string.Create(CultureInfo.InvariantCulture, $"{IndexSegment.Prefix}{Session:x16}-{Hash}");

    public bool IsSuperseded => ReplacedBy != default;

    public static BaseSegment Of(string key, ChunkId replacedBy) => new(
        ulong.Parse(key.AsSpan(IndexSegment.Prefix.Length, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture), IndexSegment.HashOf(key), replacedBy);

    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, Session);
        Hash.CopyTo(destination[8..]);
        ReplacedBy.CopyTo(destination[40..]);
    }

    public static BaseSegment Read(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(source), new ChunkId(source.Slice(8, ChunkId.Length)), new ChunkId(source.Slice(40, ChunkId.Length)));
}
