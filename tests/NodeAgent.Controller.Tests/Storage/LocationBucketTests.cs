using NodeAgent.Controller.Storage;
using NodeAgent.Repository.Stores;

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

    [Fact]
    public async Task The_directory_of_a_new_name_is_flushed_once_the_name_is_there()
    {
        var root = _directory.FullName;
        var flushed = new List<string>();
        var bucket = new LocationBucket(root, directory =>
        {
            var names = Directory.EnumerateFileSystemEntries(directory).Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal);
            flushed.Add($"{Path.GetRelativePath(root, directory)}: {string.Join(' ', names)}");
        });
        await bucket.PutAsync("backups/a/x", "one"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.Equal([".: backups", "backups: a", "backups/a: x"], flushed);
        flushed.Clear();
        await bucket.PutAsync("backups/a/y", "two"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.Equal(["backups/a: x y"], flushed);
    }

    [Fact]
    public async Task A_directory_that_cannot_be_flushed_fails_the_write()
    {
        DurableDirectory.Flush(_directory.FullName);
        var error = Assert.Throws<IOException>(() => DurableDirectory.Flush(Path.Combine(_directory.FullName, "none")));
        Assert.Contains("none", error.Message, StringComparison.Ordinal);
        var bucket = new LocationBucket(_directory.FullName, _ => throw error);
        Assert.Same(error, await Assert.ThrowsAsync<IOException>(() => bucket.PutAsync("x", "one"u8.ToArray(), TestContext.Current.CancellationToken)));
    }
}
