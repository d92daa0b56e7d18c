using NodeAgent.Stores.Buckets;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Stores.Tests.Buckets;

public sealed class DirectoryBucketTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("bucket-test-");

    private DirectoryBucket Bucket => new(_directory.FullName);

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task A_file_is_replaced_whole_and_nothing_else_is_left()
    {
        await Bucket.PutAsync("backups/a/x", "one"u8.ToArray(), TestContext.Current.CancellationToken);
        await Bucket.PutAsync("backups/a/x", "two"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.Equal("two", await File.ReadAllTextAsync(Path.Combine(_directory.FullName, "backups/a/x"), TestContext.Current.CancellationToken));
        Assert.Single(Directory.EnumerateFileSystemEntries(Path.Combine(_directory.FullName, "backups/a")));
    }

    [Fact]
    public async Task A_write_that_fails_leaves_the_old_file()
    {
        await Bucket.PutAsync("x", "old"u8.ToArray(), TestContext.Current.CancellationToken);
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Bucket.PutAsync("x", "new"u8.ToArray(), stopped.Token));
        Assert.Equal("old", await File.ReadAllTextAsync(Path.Combine(_directory.FullName, "x"), TestContext.Current.CancellationToken));
        Assert.Equal(["x"], Directory.EnumerateFileSystemEntries(_directory.FullName).Select(p => Path.GetFileName(p)));
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("backups/../../x")]
    [InlineData("/etc/passwd")]
    public Task A_key_that_leaves_the_root_is_refused(string key) => Assert.ThrowsAsync<ArgumentException>(() => Bucket.ExistsAsync(key, TestContext.Current.CancellationToken));

    [Fact]
    public async Task The_directory_of_a_new_name_is_flushed_once_the_name_is_there()
    {
        var root = _directory.FullName;
        var flushed = new List<string>();
        var bucket = new DirectoryBucket(root, flushDirectory: directory =>
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
        var bucket = new DirectoryBucket(_directory.FullName, flushDirectory: _ => throw error);
        Assert.Same(error, await Assert.ThrowsAsync<IOException>(() => bucket.PutAsync("x", "one"u8.ToArray(), TestContext.Current.CancellationToken)));
    }

    [Theory]
    [InlineData("mount", "mount")]
    [InlineData("mount/bucket/prefix", "mount")]
    [InlineData("mount", null)]
    public async Task What_has_to_be_mounted_is_never_made(string root, string? mount)
    {
        var above = Path.Combine(_directory.FullName, "above");
        Directory.CreateDirectory(Path.Combine(above, "mount"));
        var bucket = new DirectoryBucket(Path.Combine(above, root), mount is null ? null : Path.Combine(above, mount) + "/");
        await bucket.ProveWritableAsync(TestContext.Current.CancellationToken);
        await bucket.PutAsync("backups/a/x", "one"u8.ToArray(), TestContext.Current.CancellationToken);
        Directory.Delete(above, recursive: true);
        // Between one look at the place and the next it may go: neither the proof nor a write may bring it back.
        var missing = mount is null ? above : Path.Combine(above, mount);
        foreach (var attempt in new[] { () => bucket.ProveWritableAsync(TestContext.Current.CancellationToken), () => bucket.PutAsync("backups/a/y", "two"u8.ToArray(), TestContext.Current.CancellationToken) })
        {
            var error = await Assert.ThrowsAsync<LocationException>(attempt);
            Assert.Contains($"directory {missing} does not exist", error.Message, StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(above));
    }
}
