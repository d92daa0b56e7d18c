using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>What an index segment says of one pack.</summary>
/// <param name="Pack">The pack.</param>
/// <param name="Size">Bytes of the whole object.</param>
/// <param name="Chunks">Its chunks, in the order in which they lie from offset 64 on.</param>
internal sealed record PackContents(PackId Pack, long Size, IReadOnlyList<PackedChunk> Chunks);

/// <summary>One chunk of a pack.</summary>
/// <param name="Id">The id; read from an index segment, only its first 20 bytes are set.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="Session">The session that sealed it.</param>
/// <param name="StoredLength">Bytes of the envelope.</param>
/// <param name="PlainLength">Bytes of the chunk.</param>
internal readonly record struct PackedChunk(ChunkId Id, ChunkKind Kind, SessionIdentity Session, int StoredLength, int PlainLength);
