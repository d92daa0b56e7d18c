using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Controller.Deletion;

/// <summary>Volume snapshots of a backup in the repository of one location, which was found to be open to them.</summary>
internal sealed class ForgettableSnapshots(ChunkRepository? repository, IReadOnlyCollection<SnapshotId> ids) : IAsyncDisposable
{
    /// <summary>Marks them as forgotten. Marking one twice does no harm.</summary>
    public async Task ForgetAsync(string reason, CancellationToken cancellation)
    {
        if (repository is null) return;
        var catalog = new SnapshotCatalog(repository);
        foreach (var id in ids) await catalog.ForgetAsync(id, reason, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (repository is not null) await repository.DisposeAsync();
    }
}
