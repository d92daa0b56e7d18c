using NodeAgent.Repository.Index;
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

    /// <summary>Told of each pack that is damaged and could be read all the same, by its parity.</summary>
    public Action<PackId>? OnReadByParity { get; init; }

    /// <summary>
    /// Where the indexes of large repositories are kept between runs, each in a directory named for the repository; may be deleted at any time.
    /// By default <c>nodeagent</c> in XDG_CACHE_HOME or ~/.cache. Null, or a place that cannot be written: a temporary file for this run.
    /// </summary>
    public string? IndexCacheDirectory { get; init; } = IndexCache.DefaultDirectory;

    /// <summary>When the index goes to a file.</summary>
    internal IndexCacheLimits IndexCacheLimits { get; init; } = IndexCacheLimits.Default;

    /// <summary>Bytes of decoded tree pages and bundles that readers keep.</summary>
    public int ReadCacheBytes { get; init; } = 32 << 20;
}
