namespace NodeAgent.Repository;

/// <summary>How a repository is opened.</summary>
public sealed record RepositoryOpenOptions
{
    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Bytes of decoded tree pages and bundles that readers keep.</summary>
    public int ReadCacheBytes { get; init; } = 32 << 20;
}
