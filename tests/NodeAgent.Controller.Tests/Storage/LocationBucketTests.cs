using NodeAgent.Controller.Storage;

namespace NodeAgent.Controller.Tests.Storage;

public sealed class LocationBucketTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("bucket-test-");

    private LocationBucket Bucket => new(_directory.FullName);

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task A_file_is_replaced_whole_and_nothing_else_is_left()
    {
        await Bucket.PutAsync("backups/a/x", "one"u8.ToArray(), TestContext.Current.CancellationToken);
        await Bucket.PutAsync("backups/a/x", "two"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.Equal("two", await File.ReadAllTextAsync(Bucket.FileOf("backups/a/x"), TestContext.Current.CancellationToken));
        Assert.Equal(["x"], Bucket.List("backups/a"));
        Assert.Single(Directory.EnumerateFileSystemEntries(Bucket.FileOf("backups/a")));
    }

    [Fact]
    public async Task A_write_that_fails_leaves_the_old_file()
    {
        await Bucket.PutAsync("x", "old"u8.ToArray(), TestContext.Current.CancellationToken);
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Bucket.PutAsync("x", "new"u8.ToArray(), stopped.Token));
        Assert.Equal("old", await File.ReadAllTextAsync(Bucket.FileOf("x"), TestContext.Current.CancellationToken));
        Assert.Equal(["x"], Bucket.List(""));
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("backups/../../x")]
    [InlineData("/etc/passwd")]
    public void A_key_that_leaves_the_root_is_refused(string key) => Assert.Throws<ArgumentException>(() => Bucket.Exists(key));

    [Fact]
    public void What_is_not_there_is_null_empty_or_already_deleted()
    {
        Assert.Null(Bucket.Open("backups/none"));
        Assert.Empty(Bucket.List("backups"));
        Bucket.Delete("backups/none");
        Bucket.DeleteFolder("backups");
        Assert.Throws<ArgumentException>(() => Bucket.DeleteFolder(""));
    }
}
