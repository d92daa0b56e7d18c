using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Repair;

namespace NodeAgent.Repository.Verification;

/// <summary>
/// What a rebuild of the index writes. Holds at most one segment's packs (some 70 bytes a chunk) whatever the number of packs. Its session begins when there is something
/// to write. For many callers of <see cref="AddAsync"/>; the owner disposes it.
/// </summary>
internal sealed class RebuildWriting(ChunkRepository repository, IndexRebuildOptions options, int chunksPerSegment = RepairSession.ChunksPerSegment) : IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private readonly List<PackContents> _waiting = [];
    private RepairSession? _session;
    private int _waitingChunks;

    /// <summary>Packs that were added.</summary>
    public int Packs { get; private set; }

    /// <summary>Chunks in them.</summary>
    public long Chunks { get; private set; }

    /// <summary>Takes a pack that no segment names; writes a segment when there are enough for one.</summary>
    /// <exception cref="RepositoryException">The store cannot be written.</exception>
    public async Task AddAsync(PackContents pack, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            Packs++;
            Chunks += pack.Chunks.Count;
            if (options.DryRun) return;
            _waiting.Add(pack);
            _waitingChunks += pack.Chunks.Count;
            if (_waitingChunks >= chunksPerSegment || _waiting.Count >= RepairSession.PacksPerSegment) await WriteAsync(cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Names what is left, then removes the damaged segments, then leaves out the packs that are gone.</summary>
    /// <exception cref="RepositoryException">The store cannot be written.</exception>
    public async Task CompleteAsync(IReadOnlyCollection<string> damaged, IReadOnlySet<PackId> gone, CancellationToken cancellationToken)
    {
        if (options.DryRun) return;

        // 3. new segments
        if (_waiting.Count > 0) await WriteAsync(cancellationToken);

        // 4. the damaged ones
        if (damaged.Count > 0) await BeginAsync(cancellationToken);
        foreach (var key in damaged) await repository.Store.DeleteAsync(key, cancellationToken);

        // 5. packs that are gone
        if (gone.Count == 0) return;
        var session = await BeginAsync(cancellationToken);
        await session.CondemnAsync(gone, cancellationToken);
        await session.LeaveOutAsync(gone, cancellationToken);
        await session.SweptAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_session is not null) await _session.DisposeAsync();
        _gate.Dispose();
    }

    private async Task<RepairSession> BeginAsync(CancellationToken cancellationToken) => _session ??= await RepairSession.BeginAsync(repository, options.Origin, cancellationToken);

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        await (await BeginAsync(cancellationToken)).WriteSegmentsAsync(_waiting, cancellationToken);
        _waiting.Clear();
        _waitingChunks = 0;
    }
}
