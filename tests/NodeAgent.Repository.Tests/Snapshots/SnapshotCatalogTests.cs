using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Snapshots;

public sealed class SnapshotCatalogTests : IDisposable
{
    private readonly TestRepository _test = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_forgotten_snapshot_is_hidden_and_others_are_not()
    {
        await using var repository = await _test.InitializeAsync();
        var (first, second) = (await PublishAsync(repository, "/first"), await PublishAsync(repository, "/second"));
        var catalog = new SnapshotCatalog(repository);
        await catalog.ForgetAsync(first, "test", Cancellation);
        Assert.Equal([second], (await catalog.ListAsync(null, Cancellation)).Select(s => s.Id));
        Assert.Equal("/first", (await catalog.GetAsync(first, Cancellation)).Manifest.Source.Path);
    }

    [Fact]
    public async Task A_mark_that_was_copied_to_another_snapshot_does_not_hide_it()
    {
        await using var repository = await _test.InitializeAsync();
        var (first, second) = (await PublishAsync(repository, "/first"), await PublishAsync(repository, "/second"));
        var catalog = new SnapshotCatalog(repository);
        await catalog.ForgetAsync(first, "test", Cancellation);
        var mark = Assert.Single(Directory.GetFiles(Path.Combine(_test.Root, "forget", first.ToString())));
        var copy = Path.Combine(_test.Root, "forget", second.ToString(), Path.GetFileName(mark));
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        File.Copy(mark, copy);

        var damaged = new List<RepositoryException>();
        Assert.Equal([second], (await catalog.ListAsync(damaged.Add, Cancellation)).Select(s => s.Id));
        Assert.Contains("another snapshot's", Assert.Single(damaged).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<RepositoryFormatException>(() => catalog.ListAsync(null, Cancellation));
    }

    [Fact]
    public async Task A_damaged_mark_is_reported_and_stops_neither_lists_nor_the_search_for_a_parent()
    {
        await using var repository = await _test.InitializeAsync();
        var id = await PublishAsync(repository, "/first");
        var catalog = new SnapshotCatalog(repository);
        await catalog.ForgetAsync(id, "test", Cancellation);
        var mark = Assert.Single(Directory.GetFiles(Path.Combine(_test.Root, "forget", id.ToString())));
        var content = await File.ReadAllBytesAsync(mark, Cancellation);
        content[^1] ^= 1;
        await File.WriteAllBytesAsync(mark, content, Cancellation);

        var damaged = new List<RepositoryException>();
        Assert.Equal([id], (await catalog.ListAsync(damaged.Add, Cancellation)).Select(s => s.Id));
        Assert.Equal($"forget/{id}/{Path.GetFileName(mark)}", Assert.IsType<RepositoryFormatException>(Assert.Single(damaged)).ObjectKey);
        Assert.Equal(id, (await catalog.LatestForAsync(Source("/first"), "host", Cancellation))?.Id);
    }

    [Fact]
    public async Task A_copy_of_a_snapshot_object_under_another_time_is_the_same_snapshot()
    {
        await using var repository = await _test.InitializeAsync();
        var id = await PublishAsync(repository, "/first");
        var key = Assert.Single(Directory.GetFiles(Path.Combine(_test.Root, "snap")));
        File.Copy(key, Path.Combine(_test.Root, "snap", $"20200101T000000Z-{id}"));

        var catalog = new SnapshotCatalog(repository);
        Assert.Equal([id], (await catalog.ListAsync(null, Cancellation)).Select(s => s.Id));
        Assert.Equal(id, (await catalog.ResolveAsync(id.ToString()[..8], null, Cancellation)).Id);
    }

    public void Dispose() => _test.Dispose();

    private static SnapshotSource Source(string path) => new() { Kind = SnapshotSource.Directory, Path = path };

    private static async Task<SnapshotId> PublishAsync(ChunkRepository repository, string path)
    {
        await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
        var root = new TreeEntry { Type = TreeEntryType.Directory, Name = default, Mode = 0x1ED, Directory = EmptyDirectory.Instance };
        var manifest = new SnapshotManifest { Time = DateTimeOffset.UnixEpoch, Hostname = "host", Source = Source(path), Root = RootEntry.Encode(root) };
        return await session.PublishAsync(manifest.ToJson(), Cancellation);
    }
}
