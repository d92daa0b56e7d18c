using NodeAgent.Repository.Tests;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Stores.Tests.Buckets;

/// <summary>What every bucket does.</summary>
public abstract class BucketConformance : IAsyncLifetime
{
    private IBucket? _bucket;

    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    private IBucket Bucket => _bucket!;

    public async ValueTask InitializeAsync() => _bucket = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_bucket is not null) await _bucket.DisposeAsync();
        Clean();
    }

    /// <summary>A bucket with nothing in it.</summary>
    protected abstract ValueTask<IBucket> CreateAsync();

    protected virtual void Clean()
    {
    }

    [Fact]
    public async Task A_file_is_replaced_whole()
    {
        await Bucket.PutAsync("backups/a/x.json", "the first"u8.ToArray(), Stop);
        await Bucket.PutAsync("backups/a/x.json", "two"u8.ToArray(), Stop);
        Assert.Equal("two", await ReadTextAsync("backups/a/x.json"));
        await Bucket.PutAsync("backups/a/x.json", Array.Empty<byte>(), Stop);
        Assert.Equal("", await ReadTextAsync("backups/a/x.json"));
        Assert.True(await Bucket.ExistsAsync("backups/a/x.json", Stop));
    }

    [Fact]
    public async Task Of_many_that_create_the_same_file_at_once_one_does()
    {
        var contents = Enumerable.Range(0, 8).Select(i => $"{{\"uid\":\"{i}\"}}").ToArray();
        var made = await Task.WhenAll(contents.Select(c => Task.Run(() => Bucket.TryCreateAsync("backups/a/claim.json", System.Text.Encoding.UTF8.GetBytes(c), Stop))));
        var winner = Assert.Single(contents.Where((_, i) => made[i]));
        Assert.Equal(winner, await ReadTextAsync("backups/a/claim.json"));
        Assert.False(await Bucket.TryCreateAsync("backups/a/claim.json", "late"u8.ToArray(), Stop));
        Assert.Equal(winner, await ReadTextAsync("backups/a/claim.json"));
        await Bucket.DeleteAsync("backups/a/claim.json", Stop);
        Assert.True(await Bucket.TryCreateAsync("backups/a/claim.json", "again"u8.ToArray(), Stop));
        Assert.Equal("again", await ReadTextAsync("backups/a/claim.json"));
    }

    [Fact]
    public async Task A_file_larger_than_a_part_comes_back_as_it_was_and_can_be_read_from_anywhere()
    {
        var random = SeededRandom.Create();
        var content = new byte[(33 << 20) + random.Next(1 << 20)];
        random.NextBytes(content);
        using var source = new MemoryStream(content, writable: false) { Position = 5 };
        await Bucket.PutAsync("backups/a/a.tar.gz", source, Stop);
        await using var read = (await Bucket.OpenAsync("backups/a/a.tar.gz", long.MaxValue, Stop))!;
        Assert.Equal(content.Length - 5, read.Length);
        var copy = new byte[read.Length];
        await read.ReadExactlyAsync(copy, Stop);
        Assert.True(copy.AsSpan().SequenceEqual(content.AsSpan(5)));
        read.Position = read.Length - 1;
        Assert.Equal(content[^1], read.ReadByte());
        Assert.Equal(-1, read.ReadByte());
    }

    [Fact]
    public async Task A_file_that_is_longer_than_it_can_be_is_not_read()
    {
        await Bucket.PutAsync("x", new byte[101], Stop);
        await using (var file = await Bucket.OpenAsync("x", 101, Stop)) Assert.Equal(101, file!.Length);
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => Bucket.OpenAsync("x", 100, Stop));
        Assert.Contains("x in ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_beginning_of_a_file_is_read_without_the_rest()
    {
        await Bucket.PutAsync("x", "0123456789"u8.ToArray(), Stop);
        await Bucket.PutAsync("empty", Array.Empty<byte>(), Stop);
        Assert.Equal("0123"u8.ToArray(), await Bucket.ReadStartAsync("x", 4, Stop));
        Assert.Equal("0123456789"u8.ToArray(), await Bucket.ReadStartAsync("x", 11, Stop));
        Assert.Empty((await Bucket.ReadStartAsync("empty", 4, Stop))!);
        Assert.Null(await Bucket.ReadStartAsync("none", 4, Stop));
    }

    [Fact]
    public async Task What_is_not_there_is_null_empty_or_already_deleted()
    {
        Assert.True(await Bucket.HoldsNothingAsync(Stop));
        Assert.Null(await Bucket.OpenAsync("backups/none", long.MaxValue, Stop));
        Assert.False(await Bucket.ExistsAsync("backups/none", Stop));
        Assert.Empty(await Bucket.ListFoldersAsync("backups", Stop));
        Assert.Empty(await Bucket.ListFoldersAsync("", Stop));
        await Bucket.DeleteAsync("backups/none", Stop);
        await Bucket.DeleteFolderAsync("backups", Stop);
        await Assert.ThrowsAsync<ArgumentException>(() => Bucket.DeleteFolderAsync("", Stop));
    }

    [Fact]
    public async Task Folders_are_listed_by_name_without_their_content_and_without_files()
    {
        foreach (var key in new[] { "backups/b-2/x", "backups/b-2/deep/y", "backups/b 1+%/x", "backups/a/x", "backups/file", "restores/r/x", "backups-of-another/x" })
            await Bucket.PutAsync(key, new byte[1], Stop);
        Assert.Equal(["backups", "backups-of-another", "restores"], await Bucket.ListFoldersAsync("", Stop));
        Assert.Equal(["a", "b 1+%", "b-2"], await Bucket.ListFoldersAsync("backups", Stop));
        Assert.False(await Bucket.HoldsNothingAsync(Stop));
    }

    [Fact]
    public async Task A_folder_is_deleted_with_all_that_is_in_it_and_nothing_else()
    {
        foreach (var key in new[] { "backups/b/x", "backups/b/deep/y", "backups/b/name with blank+plus", "backups/bb/x", "backups/b.json" }) await Bucket.PutAsync(key, new byte[1], Stop);
        await Bucket.DeleteFolderAsync("backups/b", Stop);
        Assert.Equal(["bb"], await Bucket.ListFoldersAsync("backups", Stop));
        Assert.False(await Bucket.ExistsAsync("backups/b/name with blank+plus", Stop));
        Assert.True(await Bucket.ExistsAsync("backups/b.json", Stop));
        await Bucket.DeleteAsync("backups/b.json", Stop);
        Assert.Null(await Bucket.OpenAsync("backups/b.json", long.MaxValue, Stop));
    }

    [Fact]
    public async Task A_place_that_takes_files_is_left_as_it_was_by_the_proof()
    {
        await Bucket.RequireAsync(Stop);
        await Bucket.ProveWritableAsync(Stop);
        Assert.True(await Bucket.HoldsNothingAsync(Stop));
    }

    [Fact]
    public async Task A_write_that_is_stopped_leaves_the_old_file()
    {
        await Bucket.PutAsync("x", "old"u8.ToArray(), Stop);
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Bucket.PutAsync("x", "new"u8.ToArray(), stopped.Token));
        Assert.Equal("old", await ReadTextAsync("x"));
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("backups/../../x")]
    [InlineData("/etc/passwd")]
    public async Task A_key_that_leaves_the_place_is_refused(string key)
    {
        await Assert.ThrowsAsync<ArgumentException>(() => Bucket.ExistsAsync(key, Stop));
        await Assert.ThrowsAsync<ArgumentException>(() => Bucket.PutAsync(key, new byte[1], Stop));
        await Assert.ThrowsAsync<ArgumentException>(() => Bucket.DeleteFolderAsync(key, Stop));
    }

    private async Task<string?> ReadTextAsync(string key)
    {
        await using var file = await Bucket.OpenAsync(key, long.MaxValue, Stop);
        if (file is null) return null;
        using var reader = new StreamReader(file);
        return await reader.ReadToEndAsync(Stop);
    }
}
