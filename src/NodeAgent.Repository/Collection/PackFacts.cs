using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>What a collector knows of one pack.</summary>
internal sealed class PackFacts(PackId id, long size)
{
    public PackId Id { get; } = id;

    public long Size { get; } = size;

    /// <summary>Whether an index segment that counts names it.</summary>
    public bool IsNamed { get; set; }

    /// <summary>Whether a record of anyone condemns it.</summary>
    public bool IsCondemned { get; set; }

    /// <summary>Whether its session may still be running.</summary>
    public bool IsSpared { get; set; }

    /// <summary>Its place in the order in which packs are chosen to keep a chunk that several have.</summary>
    public int Rank { get; set; }

    /// <summary>Bytes of chunks that are used and kept here.</summary>
    public long LiveBytes { get; set; }

    /// <summary>Bytes of all chunks.</summary>
    public long ChunkBytes { get; set; }

    public PackFate Fate { get; set; } = PackFate.Keep;

    public long UnusedBytes => IsNamed ? ChunkBytes - LiveBytes : Size;
}
