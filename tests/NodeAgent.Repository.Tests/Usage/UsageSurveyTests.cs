using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Snapshots.Retention;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Usage;

namespace NodeAgent.Repository.Tests.Usage;

public sealed class UsageSurveyTests : IDisposable
{
    private readonly TestRepository _test = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_group_uses_alone_is_what_would_become_unused_without_it()
    {
        var random = SeededRandom.Create();
        await using var repository = await _test.InitializeAsync(SampleBackup.Parameters);
        // Two with much in common, one that is the same as the first, one with nothing in common; each source twice.
        var first = SampleTree.Create(random, 48 << 10, 6);
        var trees = new Dictionary<string, SortedDictionary<string, byte[]>> { ["/a"] = first, ["/b"] = SampleTree.Changed(first, random), ["/c"] = first, ["/d"] = SampleTree.Create(random, 16 << 10, 3) };
        foreach (var (path, files) in trees)
        {
            await SampleBackup.WriteAsync(repository, files, path: path);
            await SampleBackup.WriteAsync(repository, SampleTree.Changed(files, random), path: path);
        }

        var snapshots = await new SnapshotCatalog(repository).ListAsync(null, Cancellation);
        var all = await SurveyAsync(repository, snapshots, GroupKey.Path);

        Assert.Equal(["/a", "/b", "/c", "/d"], all.Groups.Select(g => Assert.Single(g.Group.Name).Value));
        Assert.Equal((0, 0), (all.UnusedChunks, all.UnusedBytes));
        Assert.Empty(all.Problems);
        Assert.Equal(repository.GetStatistics().StoredBytes, all.StoredBytes);
        Assert.Equal(repository.GetStatistics().Chunks, all.Chunks);
        foreach (var group in all.Groups)
        {
            // Asked of the others alone, and of this one alone, by other ways.
            var others = await SurveyAsync(repository, [.. snapshots.Except(group.Group.Snapshots)], GroupKey.None);
            Assert.Equal(others.UnusedBytes, group.UniqueBytes);
            var own = await SurveyAsync(repository, group.Group.Snapshots, GroupKey.None);
            Assert.Equal((own.Chunks, own.ContentBytes, own.StoredBytes), (group.Chunks, group.ContentBytes, group.StoredBytes));
            Assert.Equal(own.StoredBytes, Assert.Single(own.Groups).UniqueBytes);
            Assert.Equal(group.StoredBytes, group.UniqueBytes + group.SharedBytes);
        }

        Assert.True(all.Groups[3].UniqueBytes > 0 && all.Groups[0].SharedBytes > 0);
        // Each snapshot for itself: what they use together is more than what there is.
        var alone = await Task.WhenAll(snapshots.Select(s => SurveyAsync(repository, [s], GroupKey.None)));
        Assert.True(alone.Sum(r => r.StoredBytes) > all.StoredBytes);
    }

    [Fact]
    public async Task The_content_counts_each_part_of_the_files_once_and_directories_not_at_all()
    {
        await using var repository = await _test.InitializeAsync(SampleBackup.Parameters);
        var block = new byte[4 << 10];
        SeededRandom.Create().NextBytes(block);
        // Files of one chunk each, twice the same, and one of 3 KiB that goes into a chunk of its own.
        await SampleBackup.WriteAsync(repository, new(StringComparer.Ordinal) { ["one"] = block, ["two"] = block, ["three"] = block[..3000] });
        var usage = await SurveyAsync(repository, await new SnapshotCatalog(repository).ListAsync(null, Cancellation), GroupKey.None);
        Assert.Equal((4 << 10) + 3000, usage.ContentBytes);
    }

    [Fact]
    public async Task Chunks_of_no_snapshot_are_told_apart_and_damaged_directories_are_named()
    {
        await using var repository = await _test.InitializeAsync(SampleBackup.Parameters);
        var files = SampleTree.Create(SeededRandom.Create(), 16 << 10, 3);
        await SampleBackup.WriteAsync(repository, files);
        long stray;
        await using (var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation))
        {
            stray = (await session.StoreAsync(ChunkKind.Data, new byte[] { 1, 2, 3, 4, 5 }, Cancellation)).StoredLength;
            await session.FlushAsync(Cancellation);
        }

        var snapshots = await new SnapshotCatalog(repository).ListAsync(null, Cancellation);
        var usage = await SurveyAsync(repository, snapshots, GroupKey.Source);
        Assert.Equal((1, stray), (usage.UnusedChunks, usage.UnusedBytes));
        Assert.Empty(usage.Problems);

        Assert.IsType<PagedDirectory>(snapshots[0].Manifest.ReadRoot().Directory);
        Directory.Delete(Path.Combine(_test.Root, "data"), recursive: true);
        await using var damaged = await _test.OpenAsync();
        Assert.NotEmpty((await SurveyAsync(damaged, snapshots, GroupKey.Source)).Problems);
    }

    public void Dispose() => _test.Dispose();

    private static Task<UsageReport> SurveyAsync(ChunkRepository repository, IReadOnlyList<Snapshot> snapshots, GroupKey by) =>
        new UsageSurvey(repository, null).ExecuteAsync(SnapshotGroup.Divide(snapshots, by), Cancellation);
}
