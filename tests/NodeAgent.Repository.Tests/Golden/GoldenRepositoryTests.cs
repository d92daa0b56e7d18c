using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Golden;

/// <summary>A whole repository of version 1: it opens, is sound, and holds what it held.</summary>
public sealed class GoldenRepositoryTests
{
    private const string First = "766a7f4c6620071df4db0bb69470b8d80e55b41813e8dab585ea7cfcb123ebeb";
    private const string Second = "e9eeab6598797b07b1bb7a829c7e357c1c4256a976cd7ca10dfd7e468f63a2c3";
    private const string Forgotten = "e60ce339bee64116bda2a67878a861bbfdeeae172161c36a6380402856f66d89";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_is_sound_to_the_last_byte_of_its_data()
    {
        await using var repository = await OpenAsync(GoldenFiles.Secret());
        var report = await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation);
        Assert.Equal([], report.Problems.Select(problem => problem.ToString()));
        Assert.Equal((2, 6), (report.Snapshots, report.Packs));
        Assert.Equal(Directory.GetFiles(Path.Combine(GoldenFiles.RepositoryFolder, "data"), "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length), report.ReadBytes);
    }

    [Fact]
    public async Task It_has_its_snapshots_and_the_forgotten_one_is_hidden()
    {
        await using var repository = await OpenAsync(GoldenFiles.Secret());
        Assert.Equal("000102030405060708090a0b0c0d0e0f", repository.Config.Id);
        Assert.Equal(GoldenRepository.Parameters, repository.Config.Parameters);
        var catalog = new SnapshotCatalog(repository);
        var snapshots = await catalog.ListAsync(null, Cancellation);
        Assert.Equal([First, Second], snapshots.Select(snapshot => snapshot.Id.ToString()));
        Assert.Equal([null, First], snapshots.Select(snapshot => snapshot.Manifest.Parent));
        Assert.True(SnapshotId.TryParse(Forgotten, out var forgotten));
        Assert.Equal(Second, (await catalog.GetAsync(forgotten, Cancellation)).Manifest.Parent);
    }

    [Theory]
    [InlineData(First)]
    [InlineData(Second)]
    public async Task Every_file_is_what_its_listing_says(string id)
    {
        await using var repository = await OpenAsync(GoldenFiles.Secret());
        Assert.True(SnapshotId.TryParse(id, out var snapshotId));
        var snapshot = await new SnapshotCatalog(repository).GetAsync(snapshotId, Cancellation);
        var expected = await File.ReadAllLinesAsync(Path.Combine(GoldenFiles.Folder, $"{GoldenFiles.ListingPrefix}{id}.txt"), Cancellation);
        Assert.Equal(322, expected.Length);
        Assert.Equal(expected, await GoldenListing.ReadAsync(repository, snapshot.Manifest.ReadRoot(), Cancellation));
    }

    [Fact]
    public async Task Its_passphrase_opens_it_too()
    {
        Assert.SkipUnless(Argon2.IsAvailable, "libargon2 is not installed");
        await using var repository = await OpenAsync(RepositorySecret.FromPassphrase("golden passphrase"));
        Assert.Equal(2, (await new SnapshotCatalog(repository).ListAsync(null, Cancellation)).Count);
    }

    private static async Task<ChunkRepository> OpenAsync(RepositorySecret secret)
    {
        using (secret)
            return await ChunkRepository.OpenAsync(new DirectoryStore(GoldenFiles.RepositoryFolder), secret, new RepositoryOpenOptions(), Cancellation);
    }
}
