using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Parity;
using NodeAgent.Repository.Repair;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Parity;

public sealed class ParityRepositoryTests : IDisposable
{
    private readonly RepositoryCopies _copies = new();
    private readonly Random _random = SeededRandom.Create();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _copies.Dispose();

    [Fact]
    public async Task Everything_that_is_written_gets_parity_and_loses_it_when_it_is_deleted()
    {
        var (root, _, _) = await CreateAsync(10);
        foreach (var key in Protected(root)) Assert.True(File.Exists(Path.Combine(root, "parity", key)), key);
        var victim = Protected(root)[0];
        await using (var repository = await OpenAsync(root)) await repository.Store.DeleteAsync(victim, Cancellation);

        Assert.False(File.Exists(Path.Combine(root, victim)));
        Assert.False(File.Exists(Path.Combine(root, "parity", victim)));
    }

    [Theory]
    [InlineData("bytes")]
    [InlineData("a sector")]
    [InlineData("cut")]
    public async Task A_damaged_pack_is_read_all_the_same_is_told_by_a_check_and_mended_to_the_byte(string damage)
    {
        var (root, id, files) = await CreateAsync(50);
        var packs = Directory.GetFiles(Path.Combine(root, "data"), "*", SearchOption.AllDirectories).Where(file => new FileInfo(file).Length > 20_000).Order(StringComparer.Ordinal).ToList();
        var originals = packs.ToDictionary(file => file, File.ReadAllBytes);
        foreach (var pack in packs) Hurt(pack, damage);

        var told = new List<PackId>();
        await using (var repository = await OpenAsync(root, told))
        {
            SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, id));
            Assert.NotEmpty(told);
            Assert.Equal(told.Distinct().Count(), told.Count);
        }

        var check = await CheckAsync(root);
        Assert.Equal(packs.Count, check.Problems.Count(problem => problem.IsDamage));
        Assert.All(check.Problems.Where(problem => problem.IsDamage), problem => Assert.Contains("its parity has what they were: nothing is lost", problem.Message, StringComparison.Ordinal));
        Assert.Equal([RepairStep.Packs], check.Repairs);

        await using (var repository = await OpenAsync(root))
        {
            var dry = await new PackRepair(repository, new PackRepairOptions { ReadData = true, DryRun = true }, null).ExecuteAsync(Cancellation);
            Assert.Equal((packs.Count, 0), (dry.Mended.Count, dry.Packs.Count));
            Assert.NotEqual(originals[packs[0]], await File.ReadAllBytesAsync(packs[0], Cancellation));
            var report = await new PackRepair(repository, new PackRepairOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
            Assert.Equal((packs.Count, 0), (report.Mended.Count, report.Packs.Count));
        }

        foreach (var (file, content) in originals) Assert.Equal(content, await File.ReadAllBytesAsync(file, Cancellation));
        Assert.False(Directory.Exists(Path.Combine(root, "parity-mended")) && Directory.GetFiles(Path.Combine(root, "parity-mended"), "*", SearchOption.AllDirectories).Length > 0);
        Assert.True((await CheckAsync(root)).IsSound);
    }

    [Fact]
    public async Task What_is_beyond_parity_is_repaired_as_without_it()
    {
        var (root, _, _) = await CreateAsync(5);
        var pack = Directory.GetFiles(Path.Combine(root, "data"), "*", SearchOption.AllDirectories).MaxBy(file => new FileInfo(file).Length)!;
        var content = await File.ReadAllBytesAsync(pack, Cancellation);
        for (var at = 100; at < content.Length; at += 1000) content[at] ^= 1;
        await File.WriteAllBytesAsync(pack, content, Cancellation);

        var check = await CheckAsync(root);
        Assert.Contains(check.Problems, problem => problem.Message.StartsWith("its parity cannot mend it: ", StringComparison.Ordinal));
        await using var repository = await OpenAsync(root);
        var report = await new PackRepair(repository, new PackRepairOptions { ReadData = true }, null).ExecuteAsync(Cancellation);

        Assert.Empty(report.Mended);
        Assert.True(Assert.Single(report.Packs).Lost > 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_mending_that_was_stopped_is_completed_by_the_next_one(bool isDeleted)
    {
        var (root, id, files) = await CreateAsync(10);
        var pack = Directory.GetFiles(Path.Combine(root, "data"), "*", SearchOption.AllDirectories).MaxBy(file => new FileInfo(file).Length)!;
        var original = await File.ReadAllBytesAsync(pack, Cancellation);
        // As it is after the first step of a mending, and after the second.
        var waiting = Path.Combine(root, "parity-mended", Path.GetRelativePath(root, pack));
        Directory.CreateDirectory(Path.GetDirectoryName(waiting)!);
        File.Copy(pack, waiting);
        File.Delete(Path.Combine(root, "parity", Path.GetRelativePath(root, pack)));
        if (isDeleted) File.Delete(pack);
        else Hurt(pack, "bytes");

        await using var repository = await OpenAsync(root);
        SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, id));
        var verdict = await new ParityRepair(repository).TryMendAsync(Path.GetRelativePath(root, pack), Cancellation);

        Assert.Equal(ParityState.Mended, verdict.State);
        Assert.Equal(original, await File.ReadAllBytesAsync(pack, Cancellation));
        Assert.False(File.Exists(waiting));
    }

    [Fact]
    public async Task Segments_and_snapshots_are_mended_as_packs_are()
    {
        var (root, id, files) = await CreateAsync(10);
        foreach (var key in Protected(root).Where(key => !key.StartsWith("data/", StringComparison.Ordinal)))
        {
            var original = await File.ReadAllBytesAsync(Path.Combine(root, key), Cancellation);
            Hurt(Path.Combine(root, key), "bytes");
            await using var repository = await OpenAsync(root);
            Assert.Equal(ParityState.Mended, (await new ParityRepair(repository).TryMendAsync(key, Cancellation)).State);
            Assert.Equal(original, await File.ReadAllBytesAsync(Path.Combine(root, key), Cancellation));
        }

        await using var again = await OpenAsync(root);
        SampleTree.AssertSame(files, await SampleBackup.ReadAsync(again, id));
    }

    [Fact]
    public async Task It_can_be_turned_on_later_brought_up_to_date_and_off_again()
    {
        var (root, _, _) = await CreateAsync(0);
        Assert.False(Directory.Exists(Path.Combine(root, "parity")));
        var bad = Protected(root)[0];
        var original = await File.ReadAllBytesAsync(Path.Combine(root, bad), Cancellation);
        Hurt(Path.Combine(root, bad), "bytes");

        var first = await UpdateAsync(root, 10);
        // Parity of damage would keep the damage.
        Assert.Equal((10, Protected(root).Count, Protected(root).Count - 1), (first.Percent, first.Objects, first.Protected));
        Assert.Equal([bad], first.Damaged);

        await File.WriteAllBytesAsync(Path.Combine(root, bad), original, Cancellation);
        File.Copy(Path.Combine(root, "parity", Protected(root)[1]), Path.Combine(root, "parity", "data", new string('0', 64)));
        var second = await UpdateAsync(root, 10);
        Assert.Equal((1, 1, second.Objects), (second.Made, second.Removed, second.Protected));

        var third = await UpdateAsync(root, 0);
        Assert.Equal((0, second.Objects), (third.Percent, third.Removed));
        Assert.Empty(Directory.GetFiles(Path.Combine(root, "parity"), "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_policy_that_nobody_with_the_key_wrote_counts_for_nothing_and_is_told()
    {
        var (root, _, files) = await CreateAsync(10);
        var policy = Assert.Single(Directory.GetFiles(Path.Combine(root, "parity-policy")));
        var content = await File.ReadAllBytesAsync(policy, Cancellation);
        content[^40] ^= 1;
        await File.WriteAllBytesAsync(policy, content, Cancellation);

        await using (var repository = await OpenAsync(root))
        {
            await SampleBackup.WriteAsync(repository, files);
            var refused = await Assert.ThrowsAsync<RepositoryException>(() => new ParityMaintenance(repository).UpdateAsync(null, Cancellation));
            Assert.Contains("its MAC is wrong", refused.Message, StringComparison.Ordinal);
            Assert.Contains("repo parity on", refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal(10, (await UpdateAsync(root, 10)).Percent);
    }

    [Fact]
    public async Task A_store_that_keeps_copies_itself_is_refused()
    {
        var (root, _, _) = await CreateAsync(0);
        await using var repository = await TestRepository.OpenAsync(new SharedOnlyStore(root));

        var refused = await Assert.ThrowsAsync<RepositoryException>(() => new ParityMaintenance(repository).SetAsync(10, Cancellation));

        Assert.Contains("it is for repositories in directories", refused.Message, StringComparison.Ordinal);
    }

    private static Task<ChunkRepository> OpenAsync(string root, List<PackId>? told = null) => ChunkRepository.OpenAsync(
        new DirectoryStore(root), TestRepository.Secret(), new RepositoryOpenOptions { OnReadByParity = pack => told?.Add(pack) }, Cancellation);

    private static async Task<CheckReport> CheckAsync(string root)
    {
        await using var repository = await OpenAsync(root);
        return await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
    }

    private static async Task<ParityReport> UpdateAsync(string root, int percent)
    {
        await using var repository = await OpenAsync(root);
        var maintenance = new ParityMaintenance(repository);
        await maintenance.SetAsync(percent, Cancellation);
        return await maintenance.UpdateAsync(null, Cancellation);
    }

    private static List<string> Protected(string root) =>
    [
        .. new[] { "data", "index", "snap" }.SelectMany(name => Directory.GetFiles(Path.Combine(root, name), "*", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(root, file)).Order(StringComparer.Ordinal),
    ];

    private void Hurt(string file, string damage)
    {
        var content = File.ReadAllBytes(file);
        switch (damage)
        {
            case "a sector":
                var sector = _random.Next(content.Length / 4096) * 4096;
                content.AsSpan(sector, 4096).Clear();
                break;
            case "cut":
                // The footer and some of the chunks.
                content = content[..(content.Length - _random.Next(6000, 8000))];
                break;
            default:
                content[_random.Next(content.Length)] ^= 1;
                break;
        }

        File.WriteAllBytes(file, content);
    }

    private async Task<(string Root, SnapshotId Id, SortedDictionary<string, byte[]> Files)> CreateAsync(int percent)
    {
        var root = _copies.Take();
        var files = SampleTree.Create(_random, 96 << 10, 12);
        await using (var made = await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation))
        {
            if (percent > 0) await new ParityMaintenance(made).SetAsync(percent, Cancellation);
        }

        await using var repository = await OpenAsync(root);
        return (root, await SampleBackup.WriteAsync(repository, files), files);
    }
}
