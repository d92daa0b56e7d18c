using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Verification;

public sealed class IndexRebuildTests : IDisposable
{
    private readonly TestRepository _test = new();
    private readonly SortedDictionary<string, byte[]> _first;
    private readonly SortedDictionary<string, byte[]> _second;

    public IndexRebuildTests()
    {
        var random = SeededRandom.Create();
        _first = SampleTree.Create(random, 200 << 10, 20);
        _second = SampleTree.Changed(_first, random);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string[] Segments => Directory.GetFiles(Path.Combine(_test.Root, "index"), "*", SearchOption.AllDirectories);

    private string[] Packs => Directory.GetFiles(Path.Combine(_test.Root, "data"), "*", SearchOption.AllDirectories);

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task An_index_that_is_gone_comes_back_from_the_packs()
    {
        var (first, second) = await BackUpTwiceAsync();
        foreach (var segment in Segments) File.Delete(segment);
        await using (var repository = await _test.OpenAsync())
        {
            var check = await new RepositoryCheck(repository, new CheckOptions(), null).ExecuteAsync(Cancellation);
            Assert.False(check.IsSound);
            Assert.Equal([RepairStep.Index], check.Repairs);
            Assert.Equal(Packs.Length, check.Problems.Count(p => p.IsDamage && p.Message.EndsWith("no index segment names it", StringComparison.Ordinal)));
        }

        var report = await RebuildAsync();

        Assert.Equal((0, Packs.Length, 0), (report.Segments, report.AddedPacks, report.Unreadable.Count));
        await AssertSoundAsync(first, second);
    }

    [Fact]
    public async Task Segments_are_written_while_packs_are_still_being_read()
    {
        var (first, second) = await BackUpTwiceAsync();
        var packs = Packs.Length;
        foreach (var segment in Segments) File.Delete(segment);
        await using (var repository = await _test.OpenAsync())
        {
            await using var writing = new RebuildWriting(repository, new IndexRebuildOptions(), chunksPerSegment: 20);
            var (added, waiting, written) = (0, 0, 0);
            foreach (var (pack, length) in await repository.ListPacksAsync(Cancellation))
            {
                var contents = await PackReader.ReadContentsAsync(repository, pack, length, Cancellation);
                await writing.AddAsync(contents, Cancellation);
                added += contents.Chunks.Count;
                if ((waiting += contents.Chunks.Count) >= 20) (waiting, written) = (0, written + 1);
                Assert.Equal(written, Directory.Exists(Path.Combine(_test.Root, "index")) ? Segments.Length : 0);
            }

            Assert.True(written > 1, $"{written} segments");
            await writing.CompleteAsync([], new HashSet<PackId>(), Cancellation);
            Assert.Equal((packs, (long)added), (writing.Packs, writing.Chunks));
        }

        await AssertSoundAsync(first, second);
    }

    [Theory]
    [InlineData("flip")]
    [InlineData("truncate")]
    [InlineData("empty")]
    public async Task A_damaged_segment_stops_nothing_and_is_replaced(string damage)
    {
        var (first, second) = await BackUpTwiceAsync();
        var hurt = Segments.Order(StringComparer.Ordinal).First();
        var content = await File.ReadAllBytesAsync(hurt, Cancellation);
        if (damage == "flip") content[content.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(hurt, damage switch { "truncate" => content[..70], "empty" => [], _ => content }, Cancellation);
        await using (var broken = await _test.OpenAsync())
        {
            SampleTree.AssertSame(_first, await SampleBackup.ReadAsync(broken, first));
            await SampleBackup.WriteAsync(broken, _second);
            Assert.EndsWith(Path.GetFileName(hurt), Assert.Single(broken.DamagedSegments).ObjectKey, StringComparison.Ordinal);
        }

        var report = await RebuildAsync();

        Assert.EndsWith(Path.GetFileName(hurt), Assert.Single(report.RemovedSegments), StringComparison.Ordinal);
        Assert.False(File.Exists(hurt));
        await AssertSoundAsync(first, second);
        await using var repository = await _test.OpenAsync();
        SampleTree.AssertSame(_first, await SampleBackup.ReadAsync(repository, await SampleBackup.WriteAsync(repository, _first)));
    }

    [Fact]
    public async Task A_sound_index_is_left_as_it_is()
    {
        await BackUpTwiceAsync();
        var before = Segments.Order(StringComparer.Ordinal).ToArray();

        var report = await RebuildAsync();

        Assert.Equal((before.Length, 0, 0), (report.Segments, report.AddedPacks, report.RemovedSegments.Count));
        Assert.Equal(before, Segments.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_pack_without_a_readable_end_is_named_and_all_others_are_found()
    {
        await BackUpTwiceAsync();
        foreach (var segment in Segments) File.Delete(segment);
        var hurt = Packs.Order(StringComparer.Ordinal).First();
        await using (var file = new FileStream(hurt, FileMode.Open)) file.SetLength(file.Length - 5);

        var report = await RebuildAsync();

        Assert.EndsWith(Path.GetFileName(hurt), Assert.Single(report.Unreadable).ObjectKey, StringComparison.Ordinal);
        Assert.Equal(Packs.Length - 1, report.AddedPacks);
        await using var repository = await _test.OpenAsync();
        var check = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
        Assert.False(check.IsSound);
    }

    private async Task<(SnapshotId First, SnapshotId Second)> BackUpTwiceAsync()
    {
        await using var repository = await _test.InitializeAsync(SampleBackup.Parameters);
        return (await SampleBackup.WriteAsync(repository, _first), await SampleBackup.WriteAsync(repository, _second));
    }

    private async Task<IndexRebuildReport> RebuildAsync()
    {
        await using var repository = await _test.OpenAsync();
        return await IndexRebuild.ExecuteAsync(repository, null, Cancellation);
    }

    private async Task AssertSoundAsync(SnapshotId first, SnapshotId second)
    {
        await using var repository = await _test.OpenAsync();
        var check = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
        Assert.True(check.IsSound, string.Join('\n', check.Problems.Select(p => $"{p.ObjectKey}: {p.Message}")));
        SampleTree.AssertSame(_first, await SampleBackup.ReadAsync(repository, first));
        SampleTree.AssertSame(_second, await SampleBackup.ReadAsync(repository, second));
    }
}
