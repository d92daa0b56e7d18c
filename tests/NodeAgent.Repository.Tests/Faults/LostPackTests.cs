using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Faults;

/// <summary>What a backup makes of packs, index segments and a config that have gone since the one before it.</summary>
public sealed class LostPackTests : IDisposable
{
    private readonly TestRepository _test = new();
    private readonly SortedDictionary<string, byte[]> _files = SampleTree.Create(SeededRandom.Create(), 200 << 10, 20);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string[] Packs => Directory.GetFiles(Path.Combine(_test.Root, "data"), "*", SearchOption.AllDirectories);

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData("all deleted")]
    [InlineData("one deleted")]
    [InlineData("all truncated")]
    public async Task The_next_backup_stores_again_what_lost_packs_held(string loss)
    {
        SnapshotId first;
        await using (var repository = await _test.InitializeAsync(SampleBackup.Parameters)) first = await SampleBackup.WriteAsync(repository, _files);
        var packs = Packs;
        foreach (var pack in loss == "one deleted" ? packs[..1] : packs)
        {
            if (loss == "all truncated") await File.WriteAllBytesAsync(pack, (await File.ReadAllBytesAsync(pack, Cancellation))[..100], Cancellation);
            else File.Delete(pack);
        }

        SnapshotId second;
        await using (var repository = await _test.OpenAsync()) second = await SampleBackup.WriteAsync(repository, _files);

        await using var again = await _test.OpenAsync();
        SampleTree.AssertSame(_files, await SampleBackup.ReadAsync(again, second));
        // The same content: what the first lost is back for it, too.
        SampleTree.AssertSame(_files, await SampleBackup.ReadAsync(again, first));
    }

    [Fact]
    public async Task Without_its_index_a_repository_is_read_from_the_packs_and_a_backup_relies_on_none_of_them()
    {
        SnapshotId first;
        await using (var repository = await _test.InitializeAsync(SampleBackup.Parameters)) first = await SampleBackup.WriteAsync(repository, _files);
        Directory.Delete(Path.Combine(_test.Root, "index"), recursive: true);
        var before = Packs;

        SnapshotId second;
        await using (var repository = await _test.OpenAsync())
        {
            SampleTree.AssertSame(_files, await SampleBackup.ReadAsync(repository, first));
            second = await SampleBackup.WriteAsync(repository, _files);
        }

        // The second is whole even when somebody tidies away what no segment named.
        foreach (var pack in before) File.Delete(pack);
        await using var again = await _test.OpenAsync();
        SampleTree.AssertSame(_files, await SampleBackup.ReadAsync(again, second));
    }

    [Fact]
    public async Task A_repository_that_lost_its_config_is_not_made_anew()
    {
        SnapshotId first;
        await using (var repository = await _test.InitializeAsync(SampleBackup.Parameters)) first = await SampleBackup.WriteAsync(repository, _files);
        var config = Path.Combine(_test.Root, "config");
        var content = await File.ReadAllBytesAsync(config, Cancellation);
        File.Delete(config);

        foreach (var gone in new[] { "snap", "index", "" })
        {
            Assert.Contains("whose config object is missing", (await Assert.ThrowsAsync<RepositoryIncompleteException>(() => _test.InitializeAsync())).Message, StringComparison.Ordinal);
            Assert.False(File.Exists(config));
            if (gone.Length > 0) Directory.Move(Path.Combine(_test.Root, gone), Path.Combine(_test.Root, "keys", gone));
        }

        foreach (var back in new[] { "snap", "index" }) Directory.Move(Path.Combine(_test.Root, "keys", back), Path.Combine(_test.Root, back));
        await File.WriteAllBytesAsync(config, content, Cancellation);
        await using var again = await _test.OpenAsync();
        SampleTree.AssertSame(_files, await SampleBackup.ReadAsync(again, first));
        Assert.True((await new RepositoryCheck(again, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation)).IsSound);
    }
}
