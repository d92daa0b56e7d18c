using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Faults;

/// <summary>Every prefix of a run's writes is a valid repository, and the next run completes what was begun.</summary>
public sealed class CrashTests : IDisposable
{
    private const int Bulk = 160 << 10;
    private const int Pages = 75;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly RepositoryCopies _copies = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(StopMode.Before)]
    [InlineData(StopMode.Torn)]
    [InlineData(StopMode.After)]
    public async Task A_first_backup_that_dies_at_any_write_leaves_a_sound_repository(StopMode mode)
    {
        var files = SampleTree.Create(SeededRandom.Create(), Bulk, Pages);
        var initialized = _copies.Take();
        await (await InitializeAsync(new DirectoryStore(initialized))).DisposeAsync();
        var stops = await StopEverywhereAsync(initialized, mode, [], files);
        Assert.True(stops >= 20, $"only {stops} writes");
    }

    [Theory]
    [InlineData(StopMode.Before)]
    [InlineData(StopMode.Torn)]
    [InlineData(StopMode.After)]
    public async Task A_second_backup_that_dies_at_any_write_leaves_the_first_as_it_was(StopMode mode)
    {
        var random = SeededRandom.Create();
        var first = SampleTree.Create(random, Bulk, Pages);
        var second = SampleTree.Changed(first, random);
        var baseline = _copies.Take();
        SnapshotId id;
        await using (var repository = await InitializeAsync(new DirectoryStore(baseline))) id = await SampleBackup.WriteAsync(repository, first);
        var stops = await StopEverywhereAsync(baseline, mode, [(id, first)], second);
        Assert.True(stops >= 8, $"only {stops} writes");
    }

    [Fact]
    public async Task A_backup_that_dies_after_an_early_index_segment_leaves_chunks_that_the_next_one_uses()
    {
        // 64 packs make a segment before the end; a stop after it leaves chunks that are indexed and in no snapshot. The session's
        // record is put first and two packs at once, so that the segment is put 66 or a little later.
        var files = SampleTree.Create(SeededRandom.Create(), 16 << 10, 350);
        var initialized = _copies.Take();
        await (await InitializeAsync(new DirectoryStore(initialized))).DisposeAsync();
        foreach (var stopAt in (int[])[66, 69])
        {
            foreach (var mode in Enum.GetValues<StopMode>())
            {
                var root = _copies.Take(initialized);
                Assert.True(await StopAsync(root, stopAt, mode, files));
                var segments = new DirectoryStore(root).ListAsync("index/", Cancellation).ToBlockingEnumerable(Cancellation).Count();
                Assert.InRange(segments, stopAt > 68 ? 1 : 0, 1);
                await AssertSoundAsync(root, []);
                await using (var repository = await OpenAsync(new DirectoryStore(root)))
                {
                    await repository.LoadIndexAsync(Cancellation);
                    Assert.InRange(repository.GetStatistics().Packs, segments * 64, segments * 66);
                }

                var puts = await CompleteAsync(root, [], files);
                Assert.InRange(puts, segments == 1 ? 4 : 66, segments == 1 ? 20 : 90);
                RepositoryCopies.Discard(root);
            }
        }
    }

    [Theory]
    [InlineData(1, StopMode.Before, true)]
    [InlineData(1, StopMode.Torn, true)]
    [InlineData(1, StopMode.After, true)]
    [InlineData(2, StopMode.Before, true)]
    [InlineData(2, StopMode.Torn, true)]
    [InlineData(2, StopMode.After, false)]
    public async Task Making_a_repository_that_dies_at_a_write_can_be_repeated_or_is_complete(int stopAt, StopMode mode, bool again)
    {
        var root = _copies.Take();
        await using (var store = new StoppingStore(root, stopAt, mode))
        {
            await Assert.ThrowsAsync<StoppedException>(() => InitializeAsync(store));
            Assert.Equal(stopAt, store.Puts);
        }

        if (again)
        {
            var missing = await Assert.ThrowsAsync<RepositoryNotFoundException>(() => OpenAsync(new DirectoryStore(root)));
            Assert.Contains("repo init", missing.Message, StringComparison.Ordinal);
            await (await InitializeAsync(new DirectoryStore(root))).DisposeAsync();
        }
        else
        {
            var exists = await Assert.ThrowsAsync<RepositoryExistsException>(() => InitializeAsync(new DirectoryStore(root)));
            Assert.Contains(root, exists.Message, StringComparison.Ordinal);
        }

        await AssertSoundAsync(root, []);
        await CompleteAsync(root, [], SampleTree.Create(SeededRandom.Create(), 32 << 10, 0));
    }

    [Fact]
    public async Task A_session_that_failed_does_not_spoil_the_next_one_of_the_same_process()
    {
        var random = SeededRandom.Create();
        var files = SampleTree.Create(random, 96 << 10, 30);
        var root = _copies.Take();
        await (await InitializeAsync(new DirectoryStore(root))).DisposeAsync();
        for (var failAt = 1; ; failAt++)
        {
            var copy = _copies.Take(root);
            await using var store = new FailingOnceStore(copy, failAt);
            await using var repository = await OpenAsync(store);
            var failure = await Record.ExceptionAsync(() => SampleBackup.WriteAsync(repository, files).WaitAsync(Patience, Cancellation));
            if (failure is null)
            {
                Assert.True(failAt > 5);
                break;
            }

            Assert.IsType<StoreException>(failure);
            var id = await SampleBackup.WriteAsync(repository, files);
            SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, id));
            await AssertSoundAsync(copy, [(id, files)]);
            RepositoryCopies.Discard(copy);
        }
    }

    public void Dispose() => _copies.Dispose();

    private async Task<int> StopEverywhereAsync(string baseline, StopMode mode, IReadOnlyList<(SnapshotId Id, SortedDictionary<string, byte[]> Files)> earlier, SortedDictionary<string, byte[]> files)
    {
        for (var stopAt = 1; ; stopAt++)
        {
            var root = _copies.Take(baseline);
            if (!await StopAsync(root, stopAt, mode, files)) return stopAt - 1;
            await AssertSoundAsync(root, earlier);
            await CompleteAsync(root, earlier, files);
            RepositoryCopies.Discard(root);
        }
    }

    /// <summary>Runs a backup that dies; false when it was complete before.</summary>
    private static async Task<bool> StopAsync(string root, int stopAt, StopMode mode, SortedDictionary<string, byte[]> files)
    {
        await using var store = new StoppingStore(root, stopAt, mode);
        await using var repository = await OpenAsync(store);
        var failure = await Record.ExceptionAsync(() => SampleBackup.WriteAsync(repository, files).WaitAsync(Patience, Cancellation));
        if (!store.HasStopped)
        {
            Assert.Null(failure);
            return false;
        }

        // The last write of a session only says that it is over: whether it takes effect is nobody's concern.
        if (failure is null)
        {
            Assert.EndsWith("/end", store.StoppedAt, StringComparison.Ordinal);
            return true;
        }

        // Either as it is, or as the reason that the session cannot go on.
        Assert.IsType<StoppedException>(failure is RepositoryException ? failure.InnerException : failure);
        return true;
    }

    private static async Task AssertSoundAsync(string root, IReadOnlyList<(SnapshotId Id, SortedDictionary<string, byte[]> Files)> expected)
    {
        await using (var repository = await OpenAsync(new DirectoryStore(root)))
        {
            var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
            Assert.Empty(report.Problems.Where(p => p.IsDamage).Select(p => $"{p.ObjectKey}: {p.Message}"));
        }

        await using (var repository = await OpenAsync(new DirectoryStore(root)))
        {
            foreach (var (id, files) in expected) SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, id));
            // What is visible beyond them can only be the snapshot whose last write took effect: it must be whole as well.
            var visible = await new SnapshotCatalog(repository).ListAsync(null, Cancellation);
            Assert.InRange(visible.Count, expected.Count, expected.Count + 1);
            foreach (var snapshot in visible) Assert.NotEmpty(await SampleBackup.ReadAsync(repository, snapshot.Id));
        }
    }

    /// <summary>Runs the backup again and reads everything; returns how many objects that run put.</summary>
    private static async Task<int> CompleteAsync(string root, IReadOnlyList<(SnapshotId Id, SortedDictionary<string, byte[]> Files)> earlier, SortedDictionary<string, byte[]> files)
    {
        SnapshotId id;
        await using var store = new StoppingStore(root, int.MaxValue, StopMode.Before);
        await using (var repository = await OpenAsync(store)) id = await SampleBackup.WriteAsync(repository, files);
        await using (var repository = await OpenAsync(new DirectoryStore(root)))
        {
            var visible = await new SnapshotCatalog(repository).ListAsync(null, Cancellation);
            Assert.Contains(id, visible.Select(s => s.Id));
            // A snapshot that was published by the run that died is of the same files.
            foreach (var snapshot in visible.Where(s => !earlier.Any(e => e.Id == s.Id)))
                SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, snapshot.Id));
            foreach (var (other, content) in earlier) SampleTree.AssertSame(content, await SampleBackup.ReadAsync(repository, other));
        }

        return store.Puts;
    }

    private static Task<ChunkRepository> InitializeAsync(IObjectStore store) =>
        ChunkRepository.InitializeAsync(store, TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);

    private static Task<ChunkRepository> OpenAsync(IObjectStore store) => TestRepository.OpenAsync(store);
}
