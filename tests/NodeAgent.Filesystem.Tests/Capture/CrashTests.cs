using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Faults;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Filesystem.Tests.Capture;

/// <summary>A real backup of a real directory that dies at each of its writes; then another process opens, checks, backs up again and restores.</summary>
public sealed class CrashTests : IDisposable
{
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    private readonly string _root = Directory.CreateTempSubdirectory("nodeagent-crash-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Source => Path.Combine(_root, "source");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(StopMode.Before)]
    [InlineData(StopMode.Torn)]
    [InlineData(StopMode.After)]
    public async Task Whatever_write_a_backup_dies_at_the_next_process_backs_up_and_restores(StopMode mode)
    {
        var random = SeededRandom.Create();
        Directory.CreateDirectory(Path.Combine(Source, "small"));
        for (var i = 0; i < 60; i++) File.WriteAllBytes(Path.Combine(Source, "small", $"{i}"), random.Bytes(random.Next(6000)));
        for (var i = 0; i < 5; i++) File.WriteAllBytes(Path.Combine(Source, $"large{i}"), random.Bytes(700_000));
        var deaths = 0;
        for (var stopAt = 1; ; stopAt++)
        {
            Assert.True(stopAt < 100, "the backup never came to its end");
            var place = Path.Combine(_root, $"{stopAt}");
            await (await ChunkRepository.InitializeAsync(new DirectoryStore(place), Secret(), TestBackup.SmallPacks, TimeProvider.System, Cancellation)).DisposeAsync();
            var store = new StoppingStore(place, stopAt, mode);
            await using (var dying = await ChunkRepository.OpenAsync(store, Secret(), new RepositoryOpenOptions(), Cancellation))
            {
                if (await Record.ExceptionAsync(() => BackUpAsync(dying)) is null)
                {
                    if (!store.HasStopped) break;
                    // The last write of a session only says that it is over: whether it takes effect is nobody's concern.
                    Assert.EndsWith("/end", store.StoppedAt, StringComparison.Ordinal);
                }
            }

            Assert.True(store.HasStopped);
            deaths++;
            await using var repository = await ChunkRepository.OpenAsync(new DirectoryStore(place), Secret(), new RepositoryOpenOptions(), Cancellation);
            await AssertSoundAsync(repository);
            var result = await BackUpAsync(repository);
            Assert.True(result.IsComplete);
            await AssertSoundAsync(repository);
            var target = Path.Combine(_root, "target");
            Assert.True((await RestoreRun.ExecuteAsync(repository, result.Manifest, new RestoreRequest { TargetPath = target }, null, Cancellation)).IsComplete);
            TestBackup.Run("diff", "-r", Source, target);
            Directory.Delete(target, recursive: true);
            Directory.Delete(place, recursive: true);
        }

        // Session record, packs of data and of pages, index segment, snapshot, end of the session.
        Assert.InRange(deaths, 7, 99);
    }

    private static RepositorySecret Secret() => RepositorySecret.FromKey(Key);

    private static async Task AssertSoundAsync(ChunkRepository repository)
    {
        var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
        Assert.True(report.IsSound, string.Join('\n', report.Problems.Select(p => $"{p.ObjectKey}: {p.Message}")));
    }

    private Task<BackupResult> BackUpAsync(ChunkRepository repository) => BackupRun.ExecuteAsync(
        repository, new BackupRequest { SourcePath = Source, Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = Source }, Hostname = "test" }, null, Cancellation);
}
