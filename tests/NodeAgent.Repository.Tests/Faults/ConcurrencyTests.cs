using System.Globalization;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Faults;

/// <summary>Several at once in one directory.</summary>
public sealed class ConcurrencyTests : IDisposable
{
    private readonly RepositoryCopies _copies = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_several_that_make_a_repository_at_once_one_does_and_the_others_say_that_there_is_one()
    {
        var files = SampleTree.Create(SeededRandom.Create(), 16 << 10, 0);
        for (var round = 0; round < 10; round++)
        {
            // Each with a key of its own: who wins must be who can open it.
            var root = _copies.Take();
            using var start = new Barrier(4);
            var results = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Factory.StartNew(
                async () =>
                {
                    using var secret = SecretOf(i);
                    start.SignalAndWait(Cancellation);
                    try
                    {
                        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), secret, SampleBackup.Parameters, TimeProvider.System, Cancellation);
                        await SampleBackup.WriteAsync(repository, files);
                        return null;
                    }
                    catch (Exception exception)
                    {
                        return exception;
                    }
                },
                Cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()));
            var winner = Assert.Single(Enumerable.Range(0, 4), i => results[i] is null);
            for (var i = 0; i < 4; i++)
            {
                using var secret = SecretOf(i);
                if (i == winner)
                {
                    await using var repository = await OpenAsync(root, secret);
                    await AssertSoundAsync(repository, 1);
                    continue;
                }

                Assert.Contains("already a repository", Assert.IsType<RepositoryExistsException>(results[i]).Message, StringComparison.Ordinal);
                await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(root, secret));
            }
        }

        static RepositorySecret SecretOf(int i) => RepositorySecret.FromKey([.. TestRepository.RawKey[..31], (byte)i]);
    }

    [Fact]
    public async Task Two_processes_that_back_up_at_once_both_make_snapshots_that_can_be_restored()
    {
        var random = SeededRandom.Create();
        for (var round = 0; round < 4; round++)
        {
            // The trees share much, so that both store the same chunks and neither knows of the other's.
            var first = SampleTree.Create(random, 48 << 10, 10);
            var second = SampleTree.Changed(first, random);
            var root = _copies.Take();
            await (await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation)).DisposeAsync();
            await using (var one = await TestRepository.OpenAsync(new DirectoryStore(root)))
            await using (var other = await TestRepository.OpenAsync(new DirectoryStore(root)))
            {
                var ids = await Task.WhenAll(
                    Task.Run(() => SampleBackup.WriteAsync(one, first, path: "/one"), Cancellation),
                    Task.Run(() => SampleBackup.WriteAsync(other, second, path: "/other"), Cancellation));
                // Each reads the other's as well, without being opened anew.
                SampleTree.AssertSame(second, await SampleBackup.ReadAsync(one, ids[1]));
                SampleTree.AssertSame(first, await SampleBackup.ReadAsync(other, ids[0]));
            }

            await using var opened = await TestRepository.OpenAsync(new DirectoryStore(root));
            await AssertSoundAsync(opened, 2);
        }
    }

    [Fact]
    public async Task Several_sessions_of_one_process_make_snapshots_that_can_be_restored()
    {
        var random = SeededRandom.Create();
        var trees = Enumerable.Range(0, 4).Select(_ => SampleTree.Create(random, 32 << 10, 5)).ToList();
        // Two of the four are the same.
        trees[3] = trees[0];
        var root = _copies.Take();
        await using (var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation))
        {
            var ids = await Task.WhenAll(trees.Select((tree, i) => Task.Run(() => SampleBackup.WriteAsync(repository, tree, path: string.Create(CultureInfo.InvariantCulture, $"/{i}")), Cancellation)));
            for (var i = 0; i < trees.Count; i++) SampleTree.AssertSame(trees[i], await SampleBackup.ReadAsync(repository, ids[i]));
        }

        await using var opened = await TestRepository.OpenAsync(new DirectoryStore(root));
        await AssertSoundAsync(opened, 4);
    }

    [Fact]
    public async Task A_check_beside_a_backup_finds_nothing_wrong()
    {
        var random = SeededRandom.Create();
        var files = SampleTree.Create(random, 96 << 10, 20);
        var root = _copies.Take();
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);
        await SampleBackup.WriteAsync(repository, files);
        var checks = 0;
        for (var round = 0; round < 4; round++)
        {
            files = SampleTree.Changed(files, random);
            var backup = Task.Run(() => SampleBackup.WriteAsync(repository, files), Cancellation);
            do
            {
                await using var other = await TestRepository.OpenAsync(new DirectoryStore(root));
                var report = await new RepositoryCheck(other, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
                Assert.Equal([], report.Problems.Where(p => p.IsDamage).Select(p => $"{p.ObjectKey}: {p.Message}"));
                checks++;
            }
            while (!backup.IsCompleted);
            await backup;
        }

        Assert.True(checks >= 4);
    }

    public void Dispose() => _copies.Dispose();

    private static Task<ChunkRepository> OpenAsync(string root, RepositorySecret secret) =>
        ChunkRepository.OpenAsync(new DirectoryStore(root), secret, new RepositoryOpenOptions(), Cancellation);

    private static async Task AssertSoundAsync(ChunkRepository repository, int snapshots)
    {
        var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
        Assert.Equal([], report.Problems.Where(p => p.IsDamage).Select(p => $"{p.ObjectKey}: {p.Message}"));
        Assert.Equal(snapshots, report.Snapshots);
        Assert.Equal(snapshots, (await new SnapshotCatalog(repository).ListAsync(null, Cancellation)).Count);
    }
}
