using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>What a page says of one page below it.</summary>
internal readonly record struct TreePageChild(ReadOnlyMemory<byte> LastName, ReadOnlyMemory<byte> LowerBound, ChunkId Id, ulong EntriesBelow);
