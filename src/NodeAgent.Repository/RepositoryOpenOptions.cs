using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository;

/// <summary>How a repository is opened.</summary>
public sealed record RepositoryOpenOptions
{
    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>
    /// Told of each index segment that cannot be read. Work goes on: what only that segment names is found by reading packs' footers,
    /// which takes longer each time until the index is rebuilt.
    /// </summary>
    public Action<RepositoryFormatException>? OnDamagedSegment { get; init; }

    /// <summary>Bytes of decoded tree pages and bundles that readers keep.</summary>
    public int ReadCacheBytes { get; init; } = 32 << 20;
}
