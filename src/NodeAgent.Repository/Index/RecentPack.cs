using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>A pack of the index's part in memory.</summary>
/// <param name="Pack">The pack.</param>
/// <param name="Size">Bytes of the object.</param>
/// <param name="FirstEntry">Entry of its first chunk; the others follow.</param>
/// <param name="Count">Chunks.</param>
internal record struct RecentPack(PackId Pack, long Size, int FirstEntry, int Count)
{
    public PackStanding Standing { get; set; }
}
