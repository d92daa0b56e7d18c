using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Index;

/// <summary>A repository with many small segments, a cache beside it, and limits so low that it is used.</summary>
internal sealed class IndexedRepository(Random random) : IDisposable
{
    private readonly TestRepository _test = new();

    public string Root => _test.Root;

    public string CacheDirectory { get; } = Directory.CreateTempSubdirectory("nodeagent-test-").FullName;

    public IndexCacheLimits Limits { get; init; } = new(50, 200);

    /// <summary>What was stored, by id.</summary>
    public Dictionary<ChunkId, byte[]> Chunks { get; } = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async Task InitializeAsync() => await (await _test.InitializeAsync()).DisposeAsync();

    public Task<ChunkRepository> OpenAsync(ObservedStore? store = null, string? cacheDirectory = "") => ChunkRepository.OpenAsync(
        store ?? new ObservedStore(Root), TestRepository.Secret(),
        new RepositoryOpenOptions { IndexCacheDirectory = cacheDirectory?.Length == 0 ? CacheDirectory : cacheDirectory, IndexCacheLimits = Limits }, Cancellation);

    /// <summary>Writes sessions of some chunks each: a segment for each.</summary>
    public async Task WriteAsync(int sessions, int chunks)
    {
        await using var repository = await OpenAsync();
        for (var i = 0; i < sessions; i++) await WriteSessionAsync(repository, chunks);
    }

    public async Task WriteSessionAsync(ChunkRepository repository, int chunks)
    {
        await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
        for (var i = 0; i < chunks; i++)
        {
            var content = new byte[random.Next(20, 200)];
            random.NextBytes(content);
            var stored = await session.StoreAsync(ChunkKind.Data, content, Cancellation);
            Chunks[stored.Id] = content;
        }

        await session.FlushAsync(Cancellation);
    }

    /// <summary>Asserts that the index has exactly what was stored, and that all of it can be read.</summary>
    public async Task AssertWholeAsync(ChunkRepository repository)
    {
        await repository.LoadIndexAsync(Cancellation);
        using var reader = repository.CreateReader();
        var buffer = new byte[256];
        foreach (var (id, content) in Chunks)
        {
            var length = await reader.ReadAsync(id, ChunkKind.Data, buffer, Cancellation);
            Assert.Equal(content, buffer[..length]);
            Assert.True(repository.Index.Contains(id));
        }

        var packs = new SyntheticPacks(random);
        for (var i = 0; i < 200; i++) Assert.False(repository.Index.Contains(packs.NewId()));
        Assert.Equal(Chunks.Count, repository.GetStatistics().Chunks);
        Assert.Equal(Chunks.Count, repository.Index.Count);
    }

    public IReadOnlyList<string> SegmentFiles() => Directory.GetFiles(Path.Combine(Root, "index", "delta"));

    public string? CachedFile() => Directory.GetFiles(CacheDirectory, "index-*", SearchOption.AllDirectories).SingleOrDefault();

    public void Dispose()
    {
        _test.Dispose();
        Directory.Delete(CacheDirectory, recursive: true);
    }
}
