using NodeAgent.Repository;

namespace NodeAgent.Agent.Volumes;

/// <summary>A run's use of a repository that others may use too.</summary>
internal sealed class RepositoryLease(RepositoryKeep keep, KeptRepository kept) : IAsyncDisposable
{
    private int _isOver;

    /// <summary>Open until the lease is disposed.</summary>
    public ChunkRepository Repository => kept.Repository;

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isOver, 1) == 0) await keep.GiveBackAsync(kept);
    }
}
