using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Faults;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Collection;

/// <summary>Collection of real repositories: what goes, what stays, and what a stop leaves.</summary>
public sealed class RepositoryCollectionTests : IDisposable
{
    private static readonly CollectionOptions Everything = new() { ForgetGrace = TimeSpan.Zero, MaxUnusedShare = 0 };

    private readonly RepositoryCopies _copies = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Data_of_forgotten_snapshots_goes_and_the_rest_is_restored_as_it_was()
    {
        var (root, first, second, files) = await TwoSnapshotsAsync();
        await using (var repository = await TestRepository.OpenAsync(new DirectoryStore(root)))
        {
            await new SnapshotCatalog(repository).ForgetAsync(first, null, Cancellation);
            var report = await RepositoryCollection.ExecuteAsync(repository, Everything, null, Cancellation);
            Assert.True(report.DeletedPacks > 0);
            Assert.Equal((1, 1), (report.Snapshots, report.DroppedSnapshots));
            Assert.Empty(report.DamagedPacks);
        }

        await AssertSoundAsync(root, second, files);
        Assert.Empty(Names(root, "forget"));
        Assert.Empty(Names(root, "gc"));
        Assert.Single(Names(root, "snap"));
        // What is left is used, every byte of it: another run finds nothing to do.
        await using var again = await TestRepository.OpenAsync(new DirectoryStore(root));
        var nothing = await RepositoryCollection.ExecuteAsync(again, Everything, null, Cancellation);
        Assert.Equal((0, 0L), (nothing.DeletedPacks, nothing.CopiedBytes));
        Assert.Equal([PackFate.Keep], nothing.Plan.Keys);
        Assert.Equal(0, nothing.Plan[PackFate.Keep].UnusedBytes);
    }

    [Fact]
    public async Task A_dry_run_says_what_would_go_and_changes_nothing()
    {
        var (root, first, _, _) = await TwoSnapshotsAsync();
        await using var repository = await TestRepository.OpenAsync(new DirectoryStore(root));
        await new SnapshotCatalog(repository).ForgetAsync(first, null, Cancellation);
        var before = Names(root, "");
        var report = await RepositoryCollection.ExecuteAsync(repository, Everything with { DryRun = true }, null, Cancellation);
        Assert.True(report.Plan.Where(p => p.Key is PackFate.Remove or PackFate.Repack).Sum(p => p.Value.UnusedBytes) > 0);
        Assert.Equal(0, report.DeletedPacks);
        Assert.Equal(before, Names(root, ""));
    }

    [Fact]
    public async Task A_snapshot_keeps_its_data_until_its_grace_is_over()
    {
        var (root, first, _, _) = await TwoSnapshotsAsync();
        await using var repository = await TestRepository.OpenAsync(new DirectoryStore(root));
        var catalog = new SnapshotCatalog(repository);
        var files = await SampleBackup.ReadAsync(repository, first);
        await catalog.ForgetAsync(first, null, Cancellation);
        await RepositoryCollection.ExecuteAsync(repository, Everything with { ForgetGrace = null }, null, Cancellation);
        await catalog.UnforgetAsync(first, Cancellation);
        await AssertSoundAsync(root, first, files);
    }

    [Fact]
    public async Task A_backup_stores_again_what_was_condemned_while_it_ran()
    {
        var (root, _, files) = await OneForgottenAsync();
        await using var writer = await TestRepository.OpenAsync(new SharedOnlyStore(root));
        var condemned = 0;
        var id = await SampleBackup.WriteAsync(writer, files, beforePublish: async () =>
        {
            // The store has no exclusive fences, and the backup is running: the packs are condemned and stay.
            await using var other = await TestRepository.OpenAsync(new SharedOnlyStore(root));
            condemned = (await RepositoryCollection.ExecuteAsync(other, Everything with { Wait = false }, null, Cancellation)).CondemnedPacks;
        });
        Assert.True(condemned > 0);
        // What was condemned goes now, and the snapshot does not need it.
        await using (var other = await TestRepository.OpenAsync(new SharedOnlyStore(root)))
            Assert.True((await RepositoryCollection.ExecuteAsync(other, Everything, null, Cancellation)).DeletedPacks > 0);
        await AssertSoundAsync(root, id, files);
    }

    [Fact]
    public async Task A_ledger_that_was_read_before_lifts_nothing_that_another_session_found_condemned_since()
    {
        var (root, _, _) = await OneForgottenAsync();
        await using var shared = await TestRepository.OpenAsync(new SharedOnlyStore(root));
        await using var session = await shared.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
        using var cipher = shared.CreateCipher(CipherSuiteSelection.Preferred, null);
        var records = new SealedRecords(shared, cipher);
        Task<Ledger> ReadAsync() => Ledger.ReadAsync(shared.Store, records, null, Cancellation);
        var before = await ReadAsync();
        await using (var other = await TestRepository.OpenAsync(new SharedOnlyStore(root)))
            Assert.True((await RepositoryCollection.ExecuteAsync(other, Everything with { Wait = false }, null, Cancellation)).CondemnedPacks > 0);
        var since = await ReadAsync();
        var packs = since.CondemnedPacks();
        Assert.Empty(before.CondemnedPacks());

        // One session finds out, and then another one gets its turn with what it read long ago.
        await shared.RefreshIndexAsync(since, Cancellation);
        Assert.All(packs, pack => Assert.Equal(PackStanding.Condemned, shared.Index.StandingOf(pack)));
        await shared.RefreshIndexAsync(before, Cancellation);
        Assert.All(packs, pack => Assert.Equal(PackStanding.Condemned, shared.Index.StandingOf(pack)));
        await shared.RefreshIndexAsync(Cancellation);
        Assert.All(packs, pack => Assert.Equal(PackStanding.Condemned, shared.Index.StandingOf(pack)));

        // What is read after the records are gone counts again.
        foreach (var record in Names(root, "gc")) File.Delete(record);
        await shared.RefreshIndexAsync(await ReadAsync(), Cancellation);
        Assert.All(packs, pack => Assert.Equal(PackStanding.Named, shared.Index.StandingOf(pack)));
    }

    [Fact]
    public async Task A_backup_whose_data_was_deleted_while_it_was_held_up_publishes_nothing()
    {
        var (root, _, files) = await OneForgottenAsync();
        await using var writer = await TestRepository.OpenAsync(new DirectoryStore(root));
        var failure = await Assert.ThrowsAsync<SnapshotAbandonedException>(() => SampleBackup.WriteAsync(writer, files, beforePublish: async () =>
        {
            await using var other = await TestRepository.OpenAsync(new DirectoryStore(root));
            Assert.True((await RepositoryCollection.ExecuteAsync(other, Everything, null, Cancellation)).DeletedPacks > 0);
        }));
        Assert.Contains("run it again", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Names(root, "snap"));
        // The same long-lived repository knows by now what is gone.
        var id = await SampleBackup.WriteAsync(writer, files);
        await AssertSoundAsync(root, id, files);
    }

    [Fact]
    public async Task A_reader_that_was_opened_before_finds_what_was_moved()
    {
        var (root, first, second, files) = await TwoSnapshotsAsync();
        await using var reader = await TestRepository.OpenAsync(new DirectoryStore(root));
        await reader.LoadIndexAsync(Cancellation);
        await using (var repository = await TestRepository.OpenAsync(new DirectoryStore(root)))
        {
            await new SnapshotCatalog(repository).ForgetAsync(first, null, Cancellation);
            var report = await RepositoryCollection.ExecuteAsync(repository, Everything, null, Cancellation);
            Assert.True(report is { DeletedPacks: > 0, CopiedBytes: > 0 });
        }

        SampleTree.AssertSame(files, await SampleBackup.ReadAsync(reader, second));
    }

    [Fact]
    public async Task Several_collections_and_backups_at_once_leave_a_sound_repository()
    {
        var (root, first, second, files) = await TwoSnapshotsAsync();
        var random = SeededRandom.Create();
        var trees = Enumerable.Range(0, 3).Select(_ => SampleTree.Changed(files, random)).ToList();
        await using (var repository = await TestRepository.OpenAsync(new DirectoryStore(root))) await new SnapshotCatalog(repository).ForgetAsync(first, null, Cancellation);
        var collections = Enumerable.Range(0, 2).Select(_ => Task.Run(
            async () =>
            {
                for (var i = 0; i < 3; i++)
                {
                    await using var repository = await TestRepository.OpenAsync(new DirectoryStore(root));
                    try
                    {
                        await RepositoryCollection.ExecuteAsync(repository, Everything, null, Cancellation);
                    }
                    catch (CollectionRefusedException exception) when (exception.Message.Contains("run it again", StringComparison.Ordinal))
                    {
                        // The other one dropped the forgotten snapshot meanwhile.
                    }
                }
            },
            Cancellation)).ToList();
        var backups = trees.Select((tree, i) => Task.Run(
            async () =>
            {
                await using var repository = await TestRepository.OpenAsync(new DirectoryStore(root));
                return await SampleBackup.WriteAsync(repository, tree, path: $"/{i}");
            },
            Cancellation)).ToList();
        await Task.WhenAll(collections);
        var ids = await Task.WhenAll(backups);
        await AssertSoundAsync(root, second, files);
        for (var i = 0; i < ids.Length; i++) await AssertSoundAsync(root, ids[i], trees[i]);
    }

    [Theory]
    [InlineData(StopMode.Before)]
    [InlineData(StopMode.After)]
    public async Task A_collection_that_dies_at_any_change_leaves_a_sound_repository_and_the_next_one_completes_it(StopMode mode)
    {
        var (baseline, first, second, files) = await TwoSnapshotsAsync();
        await using (var repository = await TestRepository.OpenAsync(new DirectoryStore(baseline))) await new SnapshotCatalog(repository).ForgetAsync(first, null, Cancellation);
        var stops = 0;
        for (var stopAt = 1; ; stopAt++)
        {
            var root = _copies.Take(baseline);
            await using (var store = new StoppingStore(root, stopAt, mode, countsDeletes: true))
            {
                await using var repository = await TestRepository.OpenAsync(store);
                var failure = await Record.ExceptionAsync(() => RepositoryCollection.ExecuteAsync(repository, Everything, null, Cancellation));
                if (!store.HasStopped)
                {
                    Assert.Null(failure);
                    break;
                }
            }

            stops++;
            await AssertSoundAsync(root, second, files);
            await using (var repository = await TestRepository.OpenAsync(new DirectoryStore(root))) await RepositoryCollection.ExecuteAsync(repository, Everything, null, Cancellation);
            await AssertSoundAsync(root, second, files);
            await using (var repository = await TestRepository.OpenAsync(new DirectoryStore(root)))
                Assert.Equal([PackFate.Keep], (await RepositoryCollection.ExecuteAsync(repository, Everything with { DryRun = true }, null, Cancellation)).Plan.Keys.Where(f => f != PackFate.Spare));
            RepositoryCopies.Discard(root);
        }

        Assert.True(stops >= 10, $"only {stops} changes");
    }

    [Fact]
    public async Task A_record_that_the_store_made_up_stops_backups_and_collections_with_a_reason()
    {
        var (root, _, files) = await OneForgottenAsync();
        Directory.CreateDirectory(Path.Combine(root, "gc/0123456789abcdef"));
        await File.WriteAllTextAsync(Path.Combine(root, "gc/0123456789abcdef/condemn-0"), "nonsense", Cancellation);
        await using var repository = await TestRepository.OpenAsync(new DirectoryStore(root));
        foreach (var work in (Func<Task>[])[() => SampleBackup.WriteAsync(repository, files), () => RepositoryCollection.ExecuteAsync(repository, Everything, null, Cancellation)])
        {
            var failure = await Assert.ThrowsAsync<RepositoryException>(work);
            Assert.Contains("gc/0123456789abcdef/condemn-0", failure.Message, StringComparison.Ordinal);
            Assert.Contains("delete this one object", failure.Message, StringComparison.Ordinal);
        }
    }

    public void Dispose() => _copies.Dispose();

    private async Task<(string Root, SnapshotId First, SnapshotId Second, SortedDictionary<string, byte[]> Files)> TwoSnapshotsAsync()
    {
        var random = SeededRandom.Create();
        var root = _copies.Take();
        var files = SampleTree.Create(random, 160 << 10, 20);
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);
        var first = await SampleBackup.WriteAsync(repository, files);
        var changed = SampleTree.Changed(files, random);
        return (root, first, await SampleBackup.WriteAsync(repository, changed), changed);
    }

    private async Task<(string Root, SnapshotId Forgotten, SortedDictionary<string, byte[]> Files)> OneForgottenAsync()
    {
        var root = _copies.Take();
        var files = SampleTree.Create(SeededRandom.Create(), 64 << 10, 5);
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);
        var id = await SampleBackup.WriteAsync(repository, files);
        await new SnapshotCatalog(repository).ForgetAsync(id, null, Cancellation);
        return (root, id, files);
    }

    private static List<string> Names(string root, string below)
    {
        var directory = Path.Combine(root, below);
        return Directory.Exists(directory) ? [.. Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Where(f => !Path.GetFileName(f).StartsWith(".nodeagent-", StringComparison.Ordinal)).Order(StringComparer.Ordinal)] : [];
    }

    private static async Task AssertSoundAsync(string root, SnapshotId id, SortedDictionary<string, byte[]> files)
    {
        await using var repository = await TestRepository.OpenAsync(new DirectoryStore(root));
        var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
        Assert.Equal([], report.Problems.Where(p => p.IsDamage).Select(p => $"{p.ObjectKey}: {p.Message}"));
        SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, id));
    }
}
