using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>What a collector needs of a repository beside its store: what the objects hold, and packs of its own to copy to.</summary>
internal interface ICollectedRepository : IProtocolRecords, ISegmentRepository
{
    /// <summary>What numbers the chunks; the caller disposes it.</summary>
    ChunkCensus CreateCensus();

    /// <summary>What a pack's own footer says.</summary>
    /// <exception cref="RepositoryFormatException">It is damaged.</exception>
    Task<PackContents> ReadPackAsync(PackId pack, long length, CancellationToken cancellationToken);

    /// <summary>Every use of a chunk in a snapshot, but for parts that were gone through before.</summary>
    /// <exception cref="RepositoryException">The snapshot or a part of its tree cannot be read.</exception>
    IAsyncEnumerable<ChunkId> ReferencesAsync(SnapshotId id, string key, CancellationToken cancellationToken);

    /// <summary>Whether an object is a sound mark that forgets the snapshot.</summary>
    Task<bool> IsForgetMarkAsync(string key, SnapshotId id, CancellationToken cancellationToken);

    /// <summary>Copies chunks of a pack into packs of the own session. False when one is damaged; then none of the pack counts as copied.</summary>
    Task<bool> CopyAsync(PackContents pack, IReadOnlyList<int> chunks, CancellationToken cancellationToken);

    /// <summary>The packs with copies that were sent since this was asked last, if they hold so many chunks; else none.</summary>
    IReadOnlyList<PackContents> TakeCopies(int least);

    /// <summary>Sends what is left to send, and says which packs the copies are in that were not taken before.</summary>
    Task<IReadOnlyList<PackContents>> CompleteCopiesAsync(CancellationToken cancellationToken);

    Task DelayAsync(TimeSpan time, CancellationToken cancellationToken);
}
