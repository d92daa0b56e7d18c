using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Verification;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Index;

public sealed class IndexLoaderTests : IDisposable
{
    private readonly Random _random = SeededRandom.Create();
    private readonly IndexedRepository _repository;

    public IndexLoaderTests() => _repository = new IndexedRepository(_random);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_large_index_is_kept_and_only_new_segments_are_read()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(8, 40);
        await using (var first = await _repository.OpenAsync()) await _repository.AssertWholeAsync(first);
        Assert.NotNull(_repository.CachedFile());

        var store = new ObservedStore(_repository.Root);
        await using (var second = await _repository.OpenAsync(store))
        {
            await _repository.AssertWholeAsync(second);
            Assert.NotNull(second.Index.Base);
        }

        Assert.DoesNotContain(store.Read, k => k.StartsWith(IndexSegment.Prefix, StringComparison.Ordinal));
        await _repository.WriteAsync(1, 10);
        store = new ObservedStore(_repository.Root);
        await using var third = await _repository.OpenAsync(store);
        await _repository.AssertWholeAsync(third);
        Assert.Single(store.Read, k => k.StartsWith(IndexSegment.Prefix, StringComparison.Ordinal));
        Assert.Equal(10, third.Index.RecentCount);
    }

    [Fact]
    public async Task A_small_index_needs_no_file()
    {
        using var small = new IndexedRepository(_random) { Limits = IndexCacheLimits.Default };
        await small.InitializeAsync();
        await small.WriteAsync(3, 40);
        await using var repository = await small.OpenAsync();
        await small.AssertWholeAsync(repository);
        Assert.Empty(Directory.EnumerateFileSystemEntries(small.CacheDirectory));
        Assert.Null(repository.Index.Base);
    }

    [Fact]
    public async Task A_session_that_stores_very_much_moves_it_to_a_base()
    {
        await _repository.InitializeAsync();
        await using var repository = await _repository.OpenAsync();
        for (var i = 0; i < 10; i++) await _repository.WriteSessionAsync(repository, 60);
        Assert.InRange(repository.Index.RecentCount, 0, 260);
        Assert.InRange(repository.Index.Base!.ChunkCount, 300, 600);
        await _repository.AssertWholeAsync(repository);
    }

    [Fact]
    public async Task Segments_that_another_replaces_are_passed_over_and_later_gone()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(12, 30);
        await using (var before = await _repository.OpenAsync())
        {
            await _repository.AssertWholeAsync(before);
            var report = await Rewriting.ExecuteAsync(before, most: 4);
            Assert.Equal(new SegmentRewriteReport(12, 1, 0), report);
            // Nothing is left to do, and nothing old enough to remove.
            await before.RefreshIndexAsync(Cancellation);
            Assert.Equal(new SegmentRewriteReport(0, 0, 0), await Rewriting.ExecuteAsync(before, most: 4));
            Assert.Empty(await Rewriting.RemoveReplacedAsync(before));
            await _repository.AssertWholeAsync(before);
        }

        Assert.Equal(13, _repository.SegmentFiles().Count);
        foreach (var withCache in (bool[])[true, false])
        {
            // Without anything cached one segment is read, not thirteen.
            var store = new ObservedStore(_repository.Root);
            await using var after = await _repository.OpenAsync(store, withCache ? "" : null);
            await _repository.AssertWholeAsync(after);
            Assert.InRange(store.Read.Count(k => k.StartsWith(IndexSegment.Prefix, StringComparison.Ordinal)), 0, withCache ? 0 : 8);
        }

        foreach (var file in _repository.SegmentFiles()) File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddHours(-1).AddSeconds(-1));
        await using (var maintenance = await _repository.OpenAsync()) Assert.Equal(12, (await Rewriting.RemoveReplacedAsync(maintenance)).Count);
        Assert.Single(_repository.SegmentFiles());
        await _repository.WriteAsync(1, 30);
        await using var last = await _repository.OpenAsync();
        await _repository.AssertWholeAsync(last);
    }

    [Fact]
    public async Task A_base_whose_segments_are_gone_is_made_again_from_those_that_are_left()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(6, 40);
        List<string> covered;
        await using (var before = await _repository.OpenAsync())
        {
            await _repository.AssertWholeAsync(before);
            covered = [.. before.Index.Base!.Segments.Select(s => s.Key)];
        }

        File.Delete(Path.Combine(_repository.Root, covered[_random.Next(covered.Count)]));

        var store = new ObservedStore(_repository.Root);
        await using var after = await _repository.OpenAsync(store);
        await after.LoadIndexAsync(Cancellation);
        // The others are taken from the old base.
        Assert.DoesNotContain(store.Read, covered.Contains);
        Assert.Equal(_repository.Chunks.Count - 40, after.Index.Count);
        Assert.Equal(_repository.Chunks.Count - 40, _repository.Chunks.Keys.Count(after.Index.Contains));
        Assert.Equal(5, after.Index.Base!.Segments.Count);
        // The pack is still there, and its chunks can be read as ever.
        using var reader = after.CreateReader();
        foreach (var (id, content) in _repository.Chunks)
        {
            var buffer = new byte[256];
            Assert.Equal(content, buffer[..await reader.ReadAsync(id, Repository.Objects.ChunkKind.Data, buffer, Cancellation)]);
        }
    }

    [Fact]
    public async Task A_damaged_base_found_while_it_is_used_is_made_again()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(8, 40);
        await using (var before = await _repository.OpenAsync()) await _repository.AssertWholeAsync(before);
        var path = _repository.CachedFile()!;
        var content = File.ReadAllBytes(path);
        for (var i = 0; i < 20; i++)
        {
            var damaged = content.ToArray();
            // In the tables of locations, packs and entries, which opening does not read, but for the small ones in between.
            damaged[_random.Next(IndexBaseHeader.Length, content.Length)] ^= 0x10;
            File.WriteAllBytes(path, damaged);
            await using var repository = await _repository.OpenAsync();
            await repository.LoadIndexAsync(Cancellation);
            using (var reader = repository.CreateReader())
            {
                foreach (var (id, expected) in _repository.Chunks)
                {
                    var buffer = new byte[256];
                    Assert.Equal(expected, buffer[..await reader.ReadAsync(id, Repository.Objects.ChunkKind.Data, buffer, Cancellation)]);
                }
            }

            if (repository.Index.NeedsBase) await repository.RefreshIndexAsync(Cancellation);
            await _repository.AssertWholeAsync(repository);
        }
    }

    [Fact]
    public async Task A_backup_over_a_damaged_base_stores_what_is_new_and_loses_nothing()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(8, 40);
        await using (var before = await _repository.OpenAsync()) await _repository.AssertWholeAsync(before);
        var path = _repository.CachedFile()!;
        var content = File.ReadAllBytes(path);
        // The last regions: entries, buckets, filters.
        content.AsSpan(content.Length / 2, content.Length / 4).Fill(0xff);
        File.WriteAllBytes(path, content);
        await using (var repository = await _repository.OpenAsync())
        {
            await using var session = await repository.BeginSessionAsync(new Repository.Sessions.WriteSessionOptions(), Cancellation);
            foreach (var known in _repository.Chunks.Values.ToList()) await session.StoreAsync(Repository.Objects.ChunkKind.Data, known, Cancellation);
            await session.FlushAsync(Cancellation);
            // At most what was asked for before the damage was noticed.
            Assert.InRange(session.Statistics.NewChunks, 0, 1);
            await _repository.WriteSessionAsync(repository, 20);
        }

        await using var after = await _repository.OpenAsync();
        await _repository.AssertWholeAsync(after);
    }

    [Fact]
    public async Task A_segment_that_vanishes_between_listing_and_reading_is_no_error()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(10, 30);
        var store = new ObservedStore(_repository.Root);
        var merged = false;
        store.BeforeReading = async key =>
        {
            if (merged || !key.StartsWith(IndexSegment.Prefix, StringComparison.Ordinal)) return;
            merged = true;
            var others = _repository.SegmentFiles();
            await using var maintenance = await _repository.OpenAsync(cacheDirectory: null);
            await Rewriting.ExecuteAsync(maintenance, most: 2);
            foreach (var file in others) File.Delete(file);
        };
        await using var repository = await _repository.OpenAsync(store);
        await _repository.AssertWholeAsync(repository);
        Assert.True(merged);
        Assert.Single(_repository.SegmentFiles());
    }

    [Fact]
    public async Task A_store_whose_segments_never_can_be_read_is_given_up_after_five_rounds()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(1, 30);
        var store = new ObservedStore(_repository.Root);
        store.BeforeReading = key => key.StartsWith(IndexSegment.Prefix, StringComparison.Ordinal)
            ? throw new Repository.Stores.StoreException(Repository.Stores.StoreFailure.NotFound, "reading", key, "it is not there")
            : Task.CompletedTask;
        await using var repository = await _repository.OpenAsync(store);
        var exception = await Assert.ThrowsAsync<Repository.Stores.StoreException>(() => repository.LoadIndexAsync(Cancellation));
        Assert.Contains("it is not there", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_place_for_a_base_everything_works_as_well()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(8, 40);
        // A file where the directory should be, and none at all.
        var file = Path.Combine(_repository.CacheDirectory, "file");
        File.WriteAllText(file, "");
        foreach (var place in (string?[])[file, null])
        {
            await using var repository = await _repository.OpenAsync(cacheDirectory: place);
            await _repository.AssertWholeAsync(repository);
            Assert.False(File.Exists(repository.Index.Base!.Path));
        }
    }

    [Fact]
    public async Task Many_processes_share_one_cache()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(4, 40);
        var stored = _repository.Chunks.Keys.ToList();
        // As separate as processes are: they share nothing but the files.
        await Parallel.ForEachAsync(Enumerable.Range(0, 6), Cancellation, async (worker, token) =>
        {
            for (var i = 0; i < 4; i++)
            {
                await using var repository = await _repository.OpenAsync();
                await repository.LoadIndexAsync(token);
                Assert.All(stored, id => Assert.True(repository.Index.Contains(id)));
                var own = new byte[100];
                Random.Shared.NextBytes(own);
                await using var session = await repository.BeginSessionAsync(new Repository.Sessions.WriteSessionOptions(), token);
                for (var j = 0; j < 30; j++)
                {
                    own[0] = (byte)j;
                    var id = (await session.StoreAsync(Repository.Objects.ChunkKind.Data, own, token)).Id;
                    lock (_repository.Chunks) _repository.Chunks[id] = own.ToArray();
                }

                await session.FlushAsync(token);
            }
        });
        await using var last = await _repository.OpenAsync();
        await _repository.AssertWholeAsync(last);
        Assert.Empty(Directory.GetFiles(_repository.CacheDirectory, IndexCache.TemporaryPrefix + "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Lost_packs_are_lost_in_a_base_too()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(8, 40);
        await using (var before = await _repository.OpenAsync()) await _repository.AssertWholeAsync(before);
        var pack = Directory.GetFiles(Path.Combine(_repository.Root, "data"), "*", SearchOption.AllDirectories).Order().First();
        File.Delete(pack);
        await using var after = await _repository.OpenAsync();
        await after.LoadIndexAsync(Cancellation);
        Assert.NotNull(after.Index.Base);
        var lost = Assert.Single(after.Index.EnumeratePacks(), p => p.Standing == PackStanding.Lost);
        Assert.EndsWith(Path.GetFileName(pack), lost.Pack.Key, StringComparison.Ordinal);
        Assert.Equal(_repository.Chunks.Count - lost.Chunks, _repository.Chunks.Keys.Count(after.Index.Contains));
    }

    [Fact]
    public async Task While_ordinals_are_held_no_base_takes_their_place()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(1, 30);
        await using var repository = await _repository.OpenAsync();
        await repository.LoadIndexAsync(Cancellation);
        var ordinals = repository.Index.EnumerateChunks().ToDictionary(c => c.Id, c => c.Ordinal);
        using (repository.Index.HoldOrdinals())
        {
            await _repository.WriteAsync(8, 40);
            await repository.RefreshIndexAsync(Cancellation);
            Assert.Null(repository.Index.Base);
            foreach (var (id, ordinal) in ordinals)
            {
                Assert.True(repository.Index.TryGetOrdinal(id, out var now));
                Assert.Equal(ordinal, now);
            }
        }

        await _repository.WriteAsync(1, 1);
        await repository.RefreshIndexAsync(Cancellation);
        Assert.NotNull(repository.Index.Base);
        await _repository.AssertWholeAsync(repository);
    }

    [Fact]
    public async Task Packs_that_are_dropped_in_a_merge_are_named_no_more()
    {
        await _repository.InitializeAsync();
        await _repository.WriteAsync(6, 40);
        await using (var repository = await _repository.OpenAsync(cacheDirectory: null))
        {
            await repository.LoadIndexAsync(Cancellation);
            var dropped = repository.Index.EnumeratePacks().First();
            var report = await Rewriting.ExecuteAsync(repository, without: dropped.Pack);
            Assert.Equal(new SegmentRewriteReport(1, 1, 1), report);
            Assert.Equal(new SegmentRewriteReport(0, 0, 0), await Rewriting.ExecuteAsync(repository, without: dropped.Pack));
            await using var after = await _repository.OpenAsync();
            await after.LoadIndexAsync(Cancellation);
            Assert.False(after.Index.Knows(dropped.Pack));
            Assert.Equal(_repository.Chunks.Count - dropped.Chunks, after.Index.Count);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_process_no_longer_builds_on_a_pack_that_the_index_left_out_meanwhile(bool hasBase)
    {
        using var repository = new IndexedRepository(_random) { Limits = hasBase ? new IndexCacheLimits(50, 200) : new IndexCacheLimits(100_000, 100_000) };
        await repository.InitializeAsync();
        await repository.WriteAsync(6, 40);
        // Knows all packs before the index changes: an agent that runs for months.
        await using var longLived = await repository.OpenAsync();
        await longLived.LoadIndexAsync(Cancellation);
        Assert.Equal(hasBase, longLived.Index.Base is not null);
        PackId leftOut;
        await using (var maintenance = await repository.OpenAsync(cacheDirectory: null))
        {
            await maintenance.LoadIndexAsync(Cancellation);
            leftOut = maintenance.Index.EnumeratePacks().First().Pack;
            Assert.Equal(1, (await Rewriting.ExecuteAsync(maintenance, without: leftOut)).DroppedPacks);
        }

        var gone = await ChunksOfAsync(longLived, repository.Root, leftOut);
        Assert.All(gone, id => Assert.True(longLived.Index.Contains(id)));
        await using (var session = await longLived.BeginSessionAsync(new WriteSessionOptions(), Cancellation))
        {
            Assert.Equal(PackStanding.Unnamed, longLived.Index.StandingOf(leftOut));
            Assert.Equal([leftOut], longLived.Index.EnumeratePacks().Where(p => p.Standing != PackStanding.Named).Select(p => p.Pack));
            Assert.Equal(gone.Order(), repository.Chunks.Keys.Where(id => !longLived.Index.Contains(id)).Order());
            foreach (var (id, content) in repository.Chunks) Assert.Equal(gone.Contains(id), (await session.StoreAsync(ChunkKind.Data, content, Cancellation)).IsNew);
            await session.FlushAsync(Cancellation);
        }

        await using var fresh = await repository.OpenAsync(cacheDirectory: null);
        await fresh.LoadIndexAsync(Cancellation);
        Assert.All(repository.Chunks.Keys, id => Assert.True(fresh.Index.Contains(id)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pack_that_was_left_out_and_is_named_again_counts_again(bool hasBase)
    {
        using var repository = new IndexedRepository(_random) { Limits = hasBase ? new IndexCacheLimits(50, 200) : new IndexCacheLimits(100_000, 100_000) };
        await repository.InitializeAsync();
        await repository.WriteAsync(6, 40);
        await using var longLived = await repository.OpenAsync();
        await longLived.LoadIndexAsync(Cancellation);
        await using var maintenance = await repository.OpenAsync(cacheDirectory: null);
        await maintenance.LoadIndexAsync(Cancellation);
        var leftOut = maintenance.Index.EnumeratePacks().First().Pack;
        await Rewriting.ExecuteAsync(maintenance, without: leftOut);
        await (await longLived.BeginSessionAsync(new WriteSessionOptions(), Cancellation)).DisposeAsync();
        Assert.Equal(PackStanding.Unnamed, longLived.Index.StandingOf(leftOut));
        foreach (var file in repository.SegmentFiles().Where(IsOld)) File.Delete(file);
        Assert.Equal(1, (await IndexRebuild.ExecuteAsync(maintenance, null, Cancellation)).AddedPacks);
        await (await longLived.BeginSessionAsync(new WriteSessionOptions(), Cancellation)).DisposeAsync();
        Assert.Equal(PackStanding.Named, longLived.Index.StandingOf(leftOut));
        await repository.AssertWholeAsync(longLived);

        // The segment that the pack was written with, which a rebuild would take for a name of it.
        bool IsOld(string path) => Path.GetFileName(path).StartsWith(leftOut.Key.Split('/')[1], StringComparison.Ordinal);
    }

    private static async Task<HashSet<ChunkId>> ChunksOfAsync(ChunkRepository opened, string root, PackId pack)
    {
        var length = new FileInfo(Path.Combine(root, pack.Key)).Length;
        return [.. (await PackReader.ReadContentsAsync(opened, pack, length, Cancellation)).Chunks.Select(c => c.Id)];
    }

    public void Dispose() => _repository.Dispose();
}
