using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Copying;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Faults;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Copying;

/// <summary>Snapshots are copied to a repository of other keys; there they are what they were.</summary>
public sealed class SnapshotCopyTests : IDisposable
{
    private static readonly byte[] OtherKey = [.. Enumerable.Range(100, 32).Select(i => (byte)i)];

    private readonly RepositoryCopies _copies = new();
    private readonly Random _random = SeededRandom.Create();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _copies.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_copy_is_the_same_tree_under_other_keys_and_a_second_run_has_nothing_to_do(bool rechunk)
    {
        var files = SampleTree.Create(_random, 400 << 10, 12);
        var changed = SampleTree.Changed(files, _random);
        var (from, first, second) = await CreateSourceAsync(files, changed);
        var to = await CreateTargetAsync();

        var report = await CopyAsync(from, to, o => o with { Rechunk = rechunk });

        Assert.Equal([first, second], report.Snapshots.Select(s => s.Original.Id));
        Assert.All(report.Snapshots, s => Assert.True(s is { IsNew: true, Copy: not null, Failure: null }));
        await using (var target = await OpenTargetAsync(to))
        {
            SampleTree.AssertSame(files, await SampleBackup.ReadAsync(target, report.Snapshots[0].Copy!.Value));
            SampleTree.AssertSame(changed, await SampleBackup.ReadAsync(target, report.Snapshots[1].Copy!.Value));
            Assert.True((await new RepositoryCheck(target, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation)).IsSound);
            var manifest = (await new SnapshotCatalog(target).GetAsync(report.Snapshots[1].Copy!.Value, Cancellation)).Manifest;
            await using var source = await OpenSourceAsync(from);
            Assert.Equal(new SnapshotOrigin(source.Config.Id, second.ToString()), manifest.CopyOf);
            Assert.Equal((await new SnapshotCatalog(source).GetAsync(second, Cancellation)).Manifest.Time, manifest.Time);
        }

        // Nothing of the one can be found in the other: neither ids nor bytes.
        Assert.Empty(Directory.GetFiles(Path.Combine(to, "data"), "*", SearchOption.AllDirectories).Select(Path.GetFileName).Intersect(
            Directory.GetFiles(Path.Combine(from, "data"), "*", SearchOption.AllDirectories).Select(Path.GetFileName)));
        var before = Objects(to);
        var again = await CopyAsync(from, to, o => o with { Rechunk = rechunk });
        Assert.Equal(report.Snapshots.Select(s => s.Copy), again.Snapshots.Select(s => s.Copy));
        Assert.All(again.Snapshots, s => Assert.False(s.IsNew));
        Assert.Equal((0L, 0L), (again.ReadBytes, again.Stored.StoredBytes));
        Assert.Equal(before, Objects(to));
    }

    [Fact]
    public async Task The_next_copy_reads_only_what_is_new_since_the_last_one()
    {
        var files = SampleTree.Create(_random, 1 << 20, 12);
        var (from, _, _) = await CreateSourceAsync(files, null);
        var to = await CreateTargetAsync();
        var full = await CopyAsync(from, to, o => o);
        var changed = new SortedDictionary<string, byte[]>(files, StringComparer.Ordinal) { ["large"] = [.. files["large"], .. new byte[] { 1, 2, 3 }], ["z"] = new byte[5000] };
        SnapshotId second;
        await using (var source = await OpenSourceAsync(from)) second = await SampleBackup.WriteAsync(source, changed);

        var report = await CopyAsync(from, to, o => o);

        Assert.True(report.Snapshots.Single(s => s.Original.Id == second).IsNew);
        Assert.InRange(report.ReadBytes, 1, full.ReadBytes / 20);
        await using var target = await OpenTargetAsync(to);
        SampleTree.AssertSame(changed, await SampleBackup.ReadAsync(target, report.Snapshots.Single(s => s.IsNew).Copy!.Value));
    }

    [Fact]
    public async Task What_the_target_has_lost_of_an_earlier_copy_is_read_and_stored_again()
    {
        var files = SampleTree.Create(_random, 400 << 10, 12);
        var (from, _, _) = await CreateSourceAsync(files, null);
        var to = await CreateTargetAsync();
        var full = await CopyAsync(from, to, o => o);
        foreach (var pack in Directory.GetFiles(Path.Combine(to, "data"), "*", SearchOption.AllDirectories)) File.Delete(pack);
        await using (var source = await OpenSourceAsync(from)) await SampleBackup.WriteAsync(source, files);

        await CopyAsync(from, to, o => o);

        await using var target = await OpenTargetAsync(to);
        foreach (var snapshot in await new SnapshotCatalog(target).ListAsync(null, Cancellation)) SampleTree.AssertSame(files, await SampleBackup.ReadAsync(target, snapshot.Id));
        Assert.Equal(full.Snapshots[0].Original.Manifest.Source, (await new SnapshotCatalog(target).ListAsync(null, Cancellation))[1].Manifest.Source);
    }

    [Fact]
    public async Task A_copy_that_is_stopped_at_any_write_leaves_a_valid_target_and_the_next_one_completes_it()
    {
        var files = SampleTree.Create(_random, 200 << 10, 8);
        var (from, _, _) = await CreateSourceAsync(files, SampleTree.Changed(files, _random));
        var empty = await CreateTargetAsync();
        for (var stopAt = 1; ; stopAt += 3)
        {
            var to = _copies.Take(empty);
            var store = new StoppingStore(to, stopAt, (StopMode)(stopAt % 3));
            await using (var source = await OpenSourceAsync(from))
            await using (var target = await ChunkRepository.OpenAsync(store, RepositorySecret.FromKey(OtherKey), new RepositoryOpenOptions(), Cancellation))
            {
                var snapshots = await new SnapshotCatalog(source).ListAsync(null, Cancellation);
                await Record.ExceptionAsync(() => new SnapshotCopy(source, target, new SnapshotCopyOptions { Snapshots = snapshots }, null).ExecuteAsync(Cancellation));
            }

            await using (var target = await OpenTargetAsync(to)) Assert.True((await new RepositoryCheck(target, new CheckOptions(), null).ExecuteAsync(Cancellation)).IsSound);
            var report = await CopyAsync(from, to, o => o);
            await using (var target = await OpenTargetAsync(to)) SampleTree.AssertSame(files, await SampleBackup.ReadAsync(target, report.Snapshots[0].Copy!.Value));
            RepositoryCopies.Discard(to);
            if (!store.HasStopped)
            {
                Assert.InRange(stopAt, 7, 60);
                return;
            }
        }
    }

    [Fact]
    public async Task A_damaged_snapshot_is_named_and_does_not_keep_the_others_from_being_copied()
    {
        var files = SampleTree.Create(_random, 200 << 10, 8);
        var (from, first, _) = await CreateSourceAsync(files, null);
        foreach (var pack in Directory.GetFiles(Path.Combine(from, "data"), "*", SearchOption.AllDirectories)) await File.WriteAllBytesAsync(pack, (await File.ReadAllBytesAsync(pack, Cancellation))[..70], Cancellation);
        SnapshotId sound;
        await using (var source = await OpenSourceAsync(from)) sound = await SampleBackup.WriteAsync(source, SampleTree.Create(_random, 100 << 10, 4), path: "/other");
        var to = await CreateTargetAsync();

        var report = await CopyAsync(from, to, o => o);

        Assert.NotNull(report.Snapshots.Single(s => s.Original.Id == first).Failure);
        Assert.True(report.Snapshots.Single(s => s.Original.Id == sound) is { IsNew: true, Failure: null });
        await using var target = await OpenTargetAsync(to);
        Assert.True((await new RepositoryCheck(target, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation)).IsSound);
    }

    [Fact]
    public async Task What_is_copied_back_is_there_already_and_a_copy_of_a_copy_is_the_same_as_a_copy()
    {
        var (from, first, _) = await CreateSourceAsync(SampleTree.Create(_random, 100 << 10, 4), null);
        var (to, third) = (await CreateTargetAsync(), await CreateTargetAsync());
        await CopyAsync(from, to, o => o);

        await using var a = await OpenSourceAsync(from);
        await using var b = await OpenTargetAsync(to);
        var back = await new SnapshotCopy(b, a, new SnapshotCopyOptions { Snapshots = await new SnapshotCatalog(b).ListAsync(null, Cancellation) }, null).ExecuteAsync(Cancellation);
        Assert.Equal((first, false), (back.Snapshots[0].Copy, back.Snapshots[0].IsNew));
        await using var c = await OpenTargetAsync(third);
        Assert.True((await new SnapshotCopy(b, c, new SnapshotCopyOptions { Snapshots = await new SnapshotCatalog(b).ListAsync(null, Cancellation) }, null).ExecuteAsync(Cancellation)).Snapshots[0].IsNew);
        Assert.False((await new SnapshotCopy(a, c, new SnapshotCopyOptions { Snapshots = await new SnapshotCatalog(a).ListAsync(null, Cancellation) }, null).ExecuteAsync(Cancellation)).Snapshots[0].IsNew);
        await Assert.ThrowsAsync<RepositoryException>(() => new SnapshotCopy(a, a, new SnapshotCopyOptions { Snapshots = [] }, null).ExecuteAsync(Cancellation));
    }

    private static SortedSet<string> Objects(string root) => [.. Directory.GetFiles(root, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(root, f)).Where(f => !f.StartsWith("sess", StringComparison.Ordinal) && !f.StartsWith('.'))];

    private static Task<ChunkRepository> OpenSourceAsync(string root) => TestRepository.OpenAsync(new DirectoryStore(root));

    private static Task<ChunkRepository> OpenTargetAsync(string root) => ChunkRepository.OpenAsync(new DirectoryStore(root), RepositorySecret.FromKey(OtherKey), new RepositoryOpenOptions(), Cancellation);

    private static async Task<SnapshotCopyReport> CopyAsync(string from, string to, Func<SnapshotCopyOptions, SnapshotCopyOptions> with)
    {
        await using var source = await OpenSourceAsync(from);
        await using var target = await OpenTargetAsync(to);
        var snapshots = await new SnapshotCatalog(source).ListAsync(null, Cancellation);
        return await new SnapshotCopy(source, target, with(new SnapshotCopyOptions { Snapshots = snapshots }), null).ExecuteAsync(Cancellation);
    }

    private async Task<(string Root, SnapshotId First, SnapshotId Second)> CreateSourceAsync(SortedDictionary<string, byte[]> first, SortedDictionary<string, byte[]>? second)
    {
        var root = _copies.Take();
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), Small, TimeProvider.System, Cancellation);
        var id = await SampleBackup.WriteAsync(repository, first);
        return (root, id, second is null ? default : await SampleBackup.WriteAsync(repository, second));
    }

    private async Task<string> CreateTargetAsync()
    {
        var root = _copies.Take();
        await (await ChunkRepository.InitializeAsync(new DirectoryStore(root), RepositorySecret.FromKey(OtherKey), Small, TimeProvider.System, Cancellation)).DisposeAsync();
        return root;
    }

    private static RepositoryParameters Small { get; } = SampleBackup.Parameters with { Chunker = new ChunkerParameters(2 << 10, 4 << 10, 1 << 20) };
}
