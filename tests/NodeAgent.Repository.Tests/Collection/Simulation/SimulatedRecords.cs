using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>A session of an actor: what it seals, reads and copies.</summary>
internal sealed class SimulatedRecords(SimulatedStore store, string session) : ICollectedRepository
{
    private readonly List<PackedChunk> _copies = [];

    public IObjectStore Store => store;

    public string Session { get; } = store.Session = session;

    public ChunkCensus CreateCensus() => new(null, 0);

    public static SessionRecord Announcement { get; } = new(default, null, null);

    public byte[] Seal(CollectionRecord record) => store.State.Seal(record);

    public byte[] Seal(SessionRecord record) => store.State.Seal(record);

    public CollectionRecord OpenCollection(string key, byte[] content) => (CollectionRecord)store.State.Open(content);

    public SessionRecord OpenSession(string key, byte[] content) => (SessionRecord)store.State.Open(content);

    public async Task<IndexSegment> ReadSegmentAsync(string key, CancellationToken cancellationToken) => (IndexSegment)store.State.Open(await store.ReadAllAsync(key, 0, cancellationToken));

    public (string Key, byte[] Content) SealSegment(IndexSegment segment) => ($"{IndexSegment.Prefix}{session}-{store.State.NewHash()}", store.State.Seal(segment));

    public async Task<PackContents> ReadPackAsync(PackId pack, long length, CancellationToken cancellationToken) => (PackContents)store.State.Open(await store.ReadAllAsync(pack.Key, 0, cancellationToken));

    public async IAsyncEnumerable<ChunkId> ReferencesAsync(SnapshotId id, string key, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var chunk in ((SimulatedSnapshot)store.State.Open(await store.ReadAllAsync(key, 0, cancellationToken))).Chunks) yield return chunk;
    }

    public Task<bool> IsForgetMarkAsync(string key, SnapshotId id, CancellationToken cancellationToken) => Task.FromResult(true);

    public async Task<bool> CopyAsync(PackContents pack, IReadOnlyList<int> chunks, CancellationToken cancellationToken)
    {
        try
        {
            await store.ReadAllAsync(pack.Pack.Key, 0, cancellationToken);
        }
        catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
        {
            return false;
        }

        _copies.AddRange(chunks.Select(i => pack.Chunks[i]));
        return true;
    }

    public IReadOnlyList<PackContents> TakeCopies(int least) => [];

    public async Task<IReadOnlyList<PackContents>> CompleteCopiesAsync(CancellationToken cancellationToken)
    {
        var packs = new List<PackContents>();
        foreach (var part in _copies.Chunk(3)) packs.Add(await PutPackAsync([.. part.Select(c => c.Id)]));
        _copies.Clear();
        return packs;
    }

    public Task DelayAsync(TimeSpan time, CancellationToken cancellationToken) => store.State.World.DelayAsync(time);

    public async Task<PackContents> PutPackAsync(IReadOnlyList<ChunkId> chunks)
    {
        var contents = new PackContents(
            new PackId(ulong.Parse(session, System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture), store.State.NewHash()),
            ObjectHeader.Length + (chunks.Count * SimulatedState.ChunkLength),
            [.. chunks.Select(c => new PackedChunk(c, ChunkKind.Data, SimulatedState.Sealer, SimulatedState.ChunkLength, SimulatedState.ChunkLength))]);
        await store.PutAsync(contents.Pack.Key, store.State.Seal(contents), CancellationToken.None);
        return contents;
    }

    public async Task PutSegmentAsync(IReadOnlyList<PackContents> packs)
    {
        var (key, content) = SealSegment(new IndexSegment([.. packs], []));
        await store.PutAsync(key, content, CancellationToken.None);
    }

    /// <summary>Forgets a snapshot, by a mark.</summary>
    public async Task ForgetAsync(SnapshotId id) =>
        await store.PutAsync($"{ForgetMarks.Prefix}{id}/{store.State.NewSession()}", store.State.Seal(new ForgetRecord(id.ToString(), default, null)), CancellationToken.None);
}
