using System.Globalization;
using System.Text;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Stores;

public sealed class DirectoryStoreTests : IDisposable
{
    private readonly string _parent = Directory.CreateTempSubdirectory("nodeagent-store-").FullName;
    private readonly string _root;
    private readonly DirectoryStore _store;

    public DirectoryStoreTests()
    {
        _root = Path.Combine(_parent, "repository");
        _store = new DirectoryStore(_root);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(300_000)]
    [InlineData(1 << 20)]
    [InlineData((4 << 20) + 1)]
    [InlineData(9_000_001)]
    public async Task What_is_put_is_read_back_and_listed(int length)
    {
        var body = new byte[length];
        SeededRandom.Create().NextBytes(body);
        Assert.Equal(PutOutcome.Created, await _store.PutAsync("data/abc/def", body, Cancellation));
        Assert.Equal(body, await _store.ReadAllAsync("data/abc/def", length, Cancellation));
        Assert.Equal(length, (await _store.StatAsync("data/abc/def", Cancellation))!.Value.Length);
        Assert.Equal([("data/abc/def", (long)length)], (await ListAsync("data/")).Select(e => (e.Key, e.Length)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_root, "data/abc/def")));
    }

    [Fact]
    public async Task A_name_that_is_taken_keeps_its_object()
    {
        await _store.PutAsync("a/b", "first"u8.ToArray(), Cancellation);
        Assert.Equal(PutOutcome.AlreadyExists, await _store.PutAsync("a/b", "second, and longer"u8.ToArray(), Cancellation));
        Assert.Equal("first", Encoding.UTF8.GetString(await _store.ReadAllAsync("a/b", 100, Cancellation)));
        Assert.Single(Directory.GetFiles(Path.Combine(_root, "a")));
    }

    [Fact]
    public async Task Of_many_puts_of_one_name_one_wins_and_the_object_is_its_own()
    {
        for (var round = 0; round < 20; round++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"new-{round}/object");
            using var start = new Barrier(8);
            var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Factory.StartNew(
                () =>
                {
                    // Each in a store of its own, as processes have them.
                    var store = new DirectoryStore(_root);
                    start.SignalAndWait(Cancellation);
                    return store.PutAsync(key, BodyOf(i), Cancellation).AsTask();
                },
                Cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()));
            var winner = Assert.Single(Enumerable.Range(0, 8), i => outcomes[i] == PutOutcome.Created);
            Assert.Equal(BodyOf(winner), await _store.ReadAllAsync(key, 1 << 20, Cancellation));
            Assert.Single(Directory.GetFiles(Path.Combine(_root, Path.GetDirectoryName(key)!)));
        }

        static byte[] BodyOf(int writer) => [.. Enumerable.Repeat((byte)writer, 50_000 + writer)];
    }

    [Fact]
    public async Task Puts_of_many_names_at_once_all_arrive()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 200), Cancellation, async (i, token) =>
            Assert.Equal(PutOutcome.Created, await _store.PutAsync(string.Create(CultureInfo.InvariantCulture, $"p{i % 7}/q{i % 3}/{i}"), new byte[i], token)));
        Assert.Equal(Enumerable.Range(0, 200).Select(i => (long)i), (await ListAsync("")).Select(e => e.Length).Order());
    }

    [Theory]
    [InlineData(0, 11)]
    [InlineData(5, 6)]
    [InlineData(10, 1)]
    [InlineData(11, 1)]
    [InlineData(1L << 40, 1)]
    [InlineData(long.MaxValue - 4, 4)]
    public async Task A_range_beyond_the_end_is_refused_by_name(long offset, int length)
    {
        await _store.PutAsync("a/object", "ten bytes!"u8.ToArray(), Cancellation);
        var exception = await Assert.ThrowsAsync<StoreException>(() => _store.ReadAsync("a/object", offset, new byte[length], Cancellation).AsTask());
        Assert.StartsWith($"reading a/object in {_root}: ", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "ten bytes!")]
    [InlineData(4, "bytes")]
    [InlineData(9, "!")]
    [InlineData(10, "")]
    public async Task A_range_within_the_object_is_read_exactly(int offset, string expected)
    {
        await _store.PutAsync("a/object", "ten bytes!"u8.ToArray(), Cancellation);
        var destination = new byte[expected.Length];
        await _store.ReadAsync("a/object", offset, destination, Cancellation);
        Assert.Equal(expected, Encoding.UTF8.GetString(destination));
    }

    [Fact]
    public async Task An_object_longer_than_allowed_is_refused_before_it_is_read()
    {
        await _store.PutAsync("a/object", new byte[101], Cancellation);
        using (var file = new FileStream(Path.Combine(_root, "a/object"), FileMode.Open)) file.SetLength(1L << 40);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var exception = await Assert.ThrowsAsync<StoreException>(() => _store.ReadAllAsync("a/object", 100, Cancellation).AsTask());
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
        Assert.Contains("a/object", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_there_is_told_apart_from_other_failures()
    {
        foreach (var exists in (bool[])[false, true])
        {
            if (exists) Directory.CreateDirectory(Path.Combine(_root, "a"));
            Assert.Equal(StoreFailure.NotFound, (await Assert.ThrowsAsync<StoreException>(() => _store.ReadAllAsync("a/b", 1, Cancellation).AsTask())).Failure);
            Assert.Equal(StoreFailure.NotFound, (await Assert.ThrowsAsync<StoreException>(() => _store.ReadAsync("a/b", 0, new byte[1], Cancellation).AsTask())).Failure);
            Assert.Null(await _store.StatAsync("a/b", Cancellation));
            Assert.False(await _store.DeleteAsync("a/b", Cancellation));
            Assert.Empty(await ListAsync("a/"));
            Assert.Empty(await ListAsync(""));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("/etc/passwd")]
    [InlineData("../outside")]
    [InlineData("a/../../outside")]
    [InlineData("a/..")]
    [InlineData("a/./b")]
    [InlineData("a//b")]
    [InlineData("a/")]
    [InlineData("a\\b")]
    [InlineData("a b")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    [InlineData("\u00e4")]
    public async Task A_name_that_could_lead_elsewhere_is_refused_by_every_method(string key)
    {
        await File.WriteAllTextAsync(Path.Combine(_parent, "outside"), "untouched", Cancellation);
        await Assert.ThrowsAsync<ArgumentException>(async () => await _store.PutAsync(key, new byte[1], Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await _store.ReadAsync(key, 0, new byte[1], Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await _store.ReadAllAsync(key, 100, Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await _store.StatAsync(key, Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await _store.DeleteAsync(key, Cancellation));
        if (key.Trim('/').Length > 0 && key != "a/") await Assert.ThrowsAsync<ArgumentException>(() => ListAsync(key));
        Assert.Equal("untouched", await File.ReadAllTextAsync(Path.Combine(_parent, "outside"), Cancellation));
        Assert.False(Directory.Exists(_root));
    }

    [Fact]
    public async Task Temporary_files_are_not_listed_and_old_ones_are_removed()
    {
        await _store.PutAsync("index/delta/x", new byte[3], Cancellation);
        var left = Path.Combine(_root, "index/delta/.nodeagent-tmp-0123");
        await File.WriteAllBytesAsync(left, new byte[2], Cancellation);
        Assert.Equal(["index/delta/x"], (await ListAsync("index/")).Select(e => e.Key));
        Assert.Equal(0, _store.RemoveStaleTemporaryFiles(TimeProvider.System));
        Assert.True(File.Exists(left));
        File.SetLastWriteTimeUtc(left, DateTime.UtcNow.AddHours(-25));
        File.SetLastWriteTimeUtc(Path.Combine(_root, "index/delta/x"), DateTime.UtcNow.AddHours(-25));
        Assert.Equal(1, _store.RemoveStaleTemporaryFiles(TimeProvider.System));
        Assert.False(File.Exists(left));
        Assert.Equal(["index/delta/x"], (await ListAsync("")).Select(e => e.Key));
    }

    [Theory]
    [InlineData("x (conflicted copy)")]
    [InlineData("\u00fcber")]
    [InlineData("a,b")]
    public async Task A_file_that_is_no_object_is_not_listed(string name)
    {
        await _store.PutAsync("index/delta/x", new byte[3], Cancellation);
        await File.WriteAllTextAsync(Path.Combine(_root, "index/delta", name), "stray", Cancellation);
        Assert.Equal(["index/delta/x"], (await ListAsync("index/delta/")).Select(e => e.Key));
    }

    [Fact]
    public async Task A_directory_that_goes_away_is_named_and_not_made_again()
    {
        await _store.PutAsync("config", new byte[3], Cancellation);
        Directory.Delete(_root, recursive: true);
        var put = await Assert.ThrowsAsync<StoreException>(async () => await _store.PutAsync("data/x", new byte[3], Cancellation));
        Assert.Equal(StoreFailure.NotFound, put.Failure);
        Assert.Contains("unmounted", put.Message, StringComparison.Ordinal);
        Assert.Contains(_root, put.Message, StringComparison.Ordinal);
        Assert.Equal(StoreFailure.NotFound, (await Assert.ThrowsAsync<StoreException>(() => ListAsync("data/"))).Failure);
        Assert.Equal(StoreFailure.NotFound, (await Assert.ThrowsAsync<StoreException>(async () => await _store.ReadAllAsync("config", 3, Cancellation))).Failure);
        Assert.False(Directory.Exists(_root));
    }

    [Fact]
    public async Task A_directory_below_that_goes_away_is_made_again()
    {
        await _store.PutAsync("config", new byte[3], Cancellation);
        await _store.PutAsync("data/s/x", new byte[3], Cancellation);
        Directory.Delete(Path.Combine(_root, "data"), recursive: true);
        Assert.Equal(PutOutcome.Created, await _store.PutAsync("data/s/x", new byte[4], Cancellation));
        Assert.Equal(4, Assert.Single(await ListAsync("data/")).Length);
    }

    [Fact]
    public async Task A_file_where_a_directory_belongs_is_an_error_of_the_store()
    {
        await _store.PutAsync("data", new byte[3], Cancellation);
        var exception = await Assert.ThrowsAsync<StoreException>(async () => await _store.PutAsync("data/x", new byte[3], Cancellation));
        Assert.Contains("data/x", exception.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreException>(async () => await _store.ReadAllAsync("data/x", 3, Cancellation));
        Assert.Null(await _store.StatAsync("data/x", Cancellation));
    }

    [Fact]
    public async Task Without_permission_the_message_says_so()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "root is permitted everything");
        await _store.PutAsync("data/x", new byte[3], Cancellation);
        var directory = Path.Combine(_root, "data");
        File.SetUnixFileMode(directory, UnixFileMode.None);
        try
        {
            Assert.Equal(StoreFailure.PermissionDenied, (await Assert.ThrowsAsync<StoreException>(async () => await _store.PutAsync("data/y", new byte[3], Cancellation))).Failure);
            Assert.Equal(StoreFailure.PermissionDenied, (await Assert.ThrowsAsync<StoreException>(async () => await _store.ReadAllAsync("data/x", 3, Cancellation))).Failure);
            Assert.Equal(StoreFailure.PermissionDenied, (await Assert.ThrowsAsync<StoreException>(() => ListAsync("data/"))).Failure);
        }
        finally
        {
            File.SetUnixFileMode(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    public void Dispose() => Directory.Delete(_parent, recursive: true);

    private async Task<List<StoreEntry>> ListAsync(string prefix)
    {
        var entries = new List<StoreEntry>();
        await foreach (var entry in _store.ListAsync(prefix, Cancellation)) entries.Add(entry);
        return entries;
    }
}
