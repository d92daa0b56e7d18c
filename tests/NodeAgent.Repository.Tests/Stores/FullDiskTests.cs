using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Stores;

/// <summary>A directory store on a real file system that is really full, or really read-only.</summary>
public sealed class FullDiskTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_put_that_does_not_fit_leaves_nothing_and_says_that_the_disk_is_full()
    {
        using var disk = TinyFileSystem.CreateOrSkip(256);
        var store = new DirectoryStore(Path.Combine(disk.Path, "repository"));
        await store.PutAsync("data/fits", new byte[100 << 10], Cancellation);
        var exception = await Assert.ThrowsAsync<StoreException>(async () => await store.PutAsync("data/too-large", new byte[300 << 10], Cancellation));
        Assert.Equal(StoreFailure.DiskFull, exception.Failure);
        Assert.Contains("data/too-large", exception.Message, StringComparison.Ordinal);
        Assert.Contains("no space is left", exception.Message, StringComparison.Ordinal);
        Assert.Equal(["fits"], Directory.GetFiles(Path.Combine(disk.Path, "repository/data")).Select(Path.GetFileName));
        Assert.Equal(100 << 10, (await store.ReadAllAsync("data/fits", 1 << 20, Cancellation)).Length);
        // What was taken for it has been given back.
        Assert.Equal(PutOutcome.Created, await store.PutAsync("data/too-large", new byte[100 << 10], Cancellation));
    }

    [Fact]
    public async Task On_a_disk_without_any_space_a_new_directory_fails_in_the_same_way()
    {
        using var disk = TinyFileSystem.CreateOrSkip(64);
        disk.Fill();
        var store = new DirectoryStore(disk.Path);
        var exception = await Assert.ThrowsAsync<StoreException>(async () => await store.PutAsync("some/new/directory/object", new byte[5000], Cancellation));
        Assert.Equal(StoreFailure.DiskFull, exception.Failure);
    }

    [Fact]
    public async Task A_backup_on_a_full_disk_fails_by_name_and_works_once_there_is_space()
    {
        using var disk = TinyFileSystem.CreateOrSkip(1400);
        var random = SeededRandom.Create();
        var first = SampleTree.Create(random, 128 << 10, 20);
        var second = SampleTree.Changed(first, random);
        var root = Path.Combine(disk.Path, "repository");
        await using (var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation))
        {
            var id = await SampleBackup.WriteAsync(repository, first);
            // Ever less space: the disk is full at ever another write.
            for (var free = 0; free <= 60 << 10; free += 20 << 10)
            {
                var ballast = disk.Fill(free);
                var exception = await Assert.ThrowsAsync<StoreException>(() => SampleBackup.WriteAsync(repository, second));
                Assert.Equal(StoreFailure.DiskFull, exception.Failure);
                await using var other = await TestRepository.OpenAsync(new DirectoryStore(root));
                SampleTree.AssertSame(first, await SampleBackup.ReadAsync(other, id));
                File.Delete(ballast);
            }

            var later = await SampleBackup.WriteAsync(repository, second);
            SampleTree.AssertSame(second, await SampleBackup.ReadAsync(repository, later));
        }

        await using var opened = await TestRepository.OpenAsync(new DirectoryStore(root));
        var report = await new RepositoryCheck(opened, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
        Assert.Empty(report.Problems.Where(p => p.IsDamage).Select(p => p.Message));
        Assert.Equal(2, report.Snapshots);
    }

    [Fact]
    public async Task Making_a_repository_on_a_full_disk_fails_by_name_and_can_be_repeated()
    {
        using var disk = TinyFileSystem.CreateOrSkip(64);
        var root = Path.Combine(disk.Path, "repository");
        var ballast = disk.Fill();
        var exception = await Assert.ThrowsAsync<StoreException>(() => InitializeAsync());
        Assert.Equal(StoreFailure.DiskFull, exception.Failure);
        await Assert.ThrowsAsync<Objects.RepositoryNotFoundException>(() => TestRepository.OpenAsync(new DirectoryStore(root)));
        File.Delete(ballast);
        await (await InitializeAsync()).DisposeAsync();
        await (await TestRepository.OpenAsync(new DirectoryStore(root))).DisposeAsync();

        Task<ChunkRepository> InitializeAsync() =>
            ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);
    }

    [Fact]
    public async Task A_read_only_file_system_can_be_read_and_says_why_it_cannot_be_written()
    {
        using var disk = TinyFileSystem.CreateOrSkip(1024);
        var files = SampleTree.Create(SeededRandom.Create(), 64 << 10, 0);
        await using (var made = await ChunkRepository.InitializeAsync(new DirectoryStore(disk.Path), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation))
            await SampleBackup.WriteAsync(made, files);
        disk.MakeReadOnly();
        await using var repository = await TestRepository.OpenAsync(new DirectoryStore(disk.Path));
        var snapshot = Assert.Single(await new SnapshotCatalog(repository).ListAsync(null, Cancellation));
        SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, snapshot.Id));
        var exception = await Assert.ThrowsAsync<StoreException>(() => SampleBackup.WriteAsync(repository, files));
        Assert.Equal(StoreFailure.PermissionDenied, exception.Failure);
        Assert.Contains("read-only", exception.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreException>(async () => await repository.Store.DeleteAsync("config", Cancellation));
    }
}
