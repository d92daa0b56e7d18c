using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Index;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Collection;

/// <summary>Collection where so little may be in memory that what it knows of chunks is in files.</summary>
public sealed class LargeCollectionTests : IDisposable
{
    private static readonly CollectionOptions Everything = new() { ForgetGrace = TimeSpan.Zero, MaxUnusedShare = 0 };

    private readonly Random _random = SeededRandom.Create();
    private readonly RepositoryCopies _copies = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _copies.Dispose();

    [Fact]
    public async Task What_goes_and_what_stays_is_the_same_as_in_memory()
    {
        var root = _copies.Take();
        var (cache, kept) = (_copies.Take(), Files(700));
        SnapshotId forgotten, stays;
        await using (var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation))
        {
            // Some of the packs of the first hold much that the second uses.
            forgotten = await SampleBackup.WriteAsync(repository, new(kept.Where((_, i) => i % 3 != 0).Concat(Files(700)).ToDictionary(), StringComparer.Ordinal));
            stays = await SampleBackup.WriteAsync(repository, kept);
            await new SnapshotCatalog(repository).ForgetAsync(forgotten, null, Cancellation);
        }

        CollectionReport inMemory, inFiles;
        await using (var repository = await TestRepository.OpenAsync(new DirectoryStore(root)))
            inMemory = await RepositoryCollection.ExecuteAsync(repository, Everything with { DryRun = true }, null, Cancellation);
        await using (var repository = await OpenAsync(root, cache))
        {
            inFiles = await RepositoryCollection.ExecuteAsync(repository, Everything with { DryRun = true }, null, Cancellation);
            Assert.Equal(inMemory.Plan.OrderBy(p => p.Key), inFiles.Plan.OrderBy(p => p.Key));
            Assert.True(inFiles.Plan[PackFate.Repack].Packs > 0);
            inFiles = await RepositoryCollection.ExecuteAsync(repository, Everything, null, Cancellation);
            Assert.True(inFiles.DeletedPacks > 0 && inFiles.CopiedBytes > 0);
        }

        await using var again = await OpenAsync(root, cache);
        SampleTree.AssertSame(kept, await SampleBackup.ReadAsync(again, stays));
        var check = await new RepositoryCheck(again, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
        Assert.Equal([], check.Problems.Where(p => p.IsDamage).Select(p => $"{p.ObjectKey}: {p.Message}"));
        Assert.Equal([PackFate.Keep], (await RepositoryCollection.ExecuteAsync(again, Everything, null, Cancellation)).Plan.Keys);
        Assert.Empty(Directory.EnumerateFiles(cache, IndexCache.TemporaryPrefix + "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_repository_numbers_as_many_chunks_in_memory_as_its_index_may_have_there()
    {
        var root = _copies.Take();
        await (await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation)).DisposeAsync();
        await using var repository = await OpenAsync(root, _copies.Take());
        foreach (var count in (int[])[200, 2000])
        {
            var packs = new SyntheticPacks(_random);
            using var census = repository.CreateCensus();
            for (var i = 0; i < count; i++) census.Add(packs.NewId());
            census.Seal();
            Assert.Equal((count, count > 300), (census.Count, census.IsMapped));
        }
    }

    [Fact]
    public async Task Copies_can_be_named_before_all_are_made()
    {
        var root = _copies.Take();
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);
        using var cipher = repository.CreateCipher(CipherSuiteSelection.Preferred, null);
        var copies = new CopiedPacks(repository, cipher);
        var packs = new SyntheticPacks(_random);
        var envelope = new byte[1000];
        var (added, named) = (0, 0);
        for (; added < 1000; added++)
        {
            await copies.AddAsync(new PackedChunk(packs.NewId(), ChunkKind.Data, cipher.Identity, envelope.Length, 900), envelope, Cancellation);
            var taken = copies.TakeSent(200).Sum(p => p.Chunks.Count);
            Assert.True(taken is 0 or >= 200, $"{taken} at once");
            named += taken;
        }

        Assert.True(named >= 600, $"only {named}");
        Assert.Equal(added, named + (await copies.CompleteAsync(Cancellation)).Sum(p => p.Chunks.Count));
        Assert.Empty(await copies.CompleteAsync(Cancellation));
        Assert.Empty(copies.TakeSent(0));
    }

    private static Task<ChunkRepository> OpenAsync(string root, string cache) => ChunkRepository.OpenAsync(
        new DirectoryStore(root), TestRepository.Secret(), new RepositoryOpenOptions { IndexCacheDirectory = cache, IndexCacheLimits = new IndexCacheLimits(100, 300) }, Cancellation);

    /// <summary>Files of one chunk each.</summary>
    private SortedDictionary<string, byte[]> Files(int count)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var content = new byte[_random.Next(100, 1000)];
            _random.NextBytes(content);
            files[$"{_random.Next(10)}/{_random.NextInt64():x16}"] = content;
        }

        return files;
    }
}
