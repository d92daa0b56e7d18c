using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

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

    [Theory]
    [InlineData("snap/")]
    [InlineData("forget/")]
    [InlineData("keys/")]
    public async Task A_store_that_cannot_be_reached_is_no_damage_and_hides_no_snapshot(string prefix)
    {
        await using (var made = await _test.InitializeAsync())
        {
            await PublishAsync(made, "/first");
            await new SnapshotCatalog(made).ForgetAsync(await PublishAsync(made, "/second"), "test", Cancellation);
        }

        var store = new ObservedStore(_test.Root);
        await using var repository = await TestRepository.OpenAsync(store);
        store.BeforeReading = key => key.StartsWith(prefix, StringComparison.Ordinal) ? throw new StoreException(StoreFailure.Transient, "reading", key, "the network is away") : Task.CompletedTask;
        if (prefix != "keys/")
        {
            var catalog = new SnapshotCatalog(repository);
            await Assert.ThrowsAsync<StoreException>(() => catalog.ListAsync(_ => { }, Cancellation));
            await Assert.ThrowsAsync<StoreException>(() => catalog.ResolveAsync("latest", null, Cancellation));
        }

        await Assert.ThrowsAsync<StoreException>(() => new RepositoryCheck(repository, new CheckOptions(), null).ExecuteAsync(Cancellation));
    }

    [Theory]
    [InlineData("snap/")]
    [InlineData("forget/")]
    public async Task Lists_of_many_snapshots_read_several_at_once(string prefix)
    {
        var ids = new List<SnapshotId>();
        await using (var made = await _test.InitializeAsync())
        {
            for (var i = 0; i < 20; i++)
            {
                ids.Add(await PublishAsync(made, $"/{i}"));
                if (prefix == "forget/") await new SnapshotCatalog(made).ForgetAsync(ids[i], "test", Cancellation);
            }
        }

        var store = new ObservedStore(_test.Root);
        await using var repository = await TestRepository.OpenAsync(store);
        var (waiting, several) = (0, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        store.BeforeReading = async key =>
        {
            if (!key.StartsWith(prefix, StringComparison.Ordinal)) return;
            if (Interlocked.Increment(ref waiting) >= 8) several.TrySetResult();
            // None is answered before others were asked for.
            await several.Task.WaitAsync(TimeSpan.FromSeconds(20), Cancellation);
        };
        var catalog = new SnapshotCatalog(repository);
        var listed = prefix == "snap/"
            ? (await catalog.ListAsync(null, Cancellation)).Select(s => s.Id)
            : (await catalog.ListForgottenAsync(damage => throw damage, Cancellation)).Select(f => f.Id);

        Assert.Equal(ids.OrderBy(id => id.ToString(), StringComparer.Ordinal), listed.OrderBy(id => id.ToString(), StringComparer.Ordinal));
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
        Assert.Equal(id, (await catalog.LatestForAsync(Source("/first"), "host", null, Cancellation))?.Id);
    }

    [Fact]
    public async Task The_search_for_a_parent_begins_with_the_newest_and_reads_no_snapshot_of_another_source_twice()
    {
        SnapshotId id;
        await using (var made = await _test.InitializeAsync())
        {
            id = await PublishAsync(made, "/first");
            var snapshots = Path.Combine(_test.Root, "snap");
            File.Move(Assert.Single(Directory.GetFiles(snapshots)), Path.Combine(snapshots, $"20990101T000000Z-{id}"));
            for (var i = 0; i < 40; i++) await PublishAsync(made, $"/other-{i}");
        }

        var store = new ObservedStore(_test.Root);
        await using var repository = await TestRepository.OpenAsync(store);
        var (catalog, cache) = (new SnapshotCatalog(repository), new SnapshotSourceCache());
        int Reads() => store.Read.Count(key => key.StartsWith("snap/", StringComparison.Ordinal));

        Assert.Equal(id, (await catalog.LatestForAsync(Source("/first"), "host", cache, Cancellation))?.Id);
        Assert.InRange(Reads(), 1, 16);
        store.Read.Clear();
        Assert.Null(await catalog.LatestForAsync(Source("/never"), "host", cache, Cancellation));
        Assert.InRange(Reads(), 25, 40);
        Assert.Equal(41, cache.Count);
        store.Read.Clear();
        Assert.Null(await catalog.LatestForAsync(Source("/never"), "host", cache, Cancellation));
        Assert.Equal(0, Reads());
        Assert.Equal(id, (await catalog.LatestForAsync(Source("/first"), "host", cache, Cancellation))?.Id);
        Assert.Equal(1, Reads());
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

    [Fact]
    public async Task Of_several_copies_of_a_snapshot_a_damaged_one_does_not_hide_the_others()
    {
        await using var repository = await _test.InitializeAsync();
        var id = await PublishAsync(repository, "/first");
        var original = Assert.Single(Directory.GetFiles(Path.Combine(_test.Root, "snap")));
        var content = await File.ReadAllBytesAsync(original, Cancellation);
        // Whatever the order in which the store lists them, some copy before the sound one is damaged, or after it.
        foreach (var year in (string[])["2000", "2100"])
        {
            var damaged = content.ToArray();
            damaged[^1] ^= 1;
            await File.WriteAllBytesAsync(Path.Combine(_test.Root, "snap", $"{year}0101T000000Z-{id}"), damaged, Cancellation);
        }

        var catalog = new SnapshotCatalog(repository);
        Assert.Equal("/first", (await catalog.GetAsync(id, Cancellation)).Manifest.Source.Path);
        Assert.Equal([id], (await catalog.ListAsync(_ => { }, Cancellation)).Select(s => s.Id));
        File.Delete(original);
        Assert.Contains("damaged", (await Assert.ThrowsAsync<RepositoryFormatException>(() => catalog.GetAsync(id, Cancellation))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_snapshot_knows_when_the_store_received_the_first_of_its_copies()
    {
        await using var repository = await _test.InitializeAsync();
        var id = await PublishAsync(repository, "/first");
        var original = Assert.Single(Directory.GetFiles(Path.Combine(_test.Root, "snap")));
        var copy = Path.Combine(_test.Root, "snap", $"20200101T000000Z-{id}");
        File.Copy(original, copy);
        File.SetLastWriteTimeUtc(copy, new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        Assert.Equal(new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), Assert.Single(await new SnapshotCatalog(repository).ListAsync(null, Cancellation)).Stored);
    }

    [Fact]
    public async Task A_forgotten_snapshot_is_listed_with_time_and_reason_and_comes_back_with_all_its_marks_gone()
    {
        await using var repository = await _test.InitializeAsync();
        var (first, second) = (await PublishAsync(repository, "/first"), await PublishAsync(repository, "/second"));
        var catalog = new SnapshotCatalog(repository);
        await catalog.ForgetAsync(first, "a mistake", Cancellation);
        await catalog.ForgetAsync(first, "the same mistake again", Cancellation);
        var marks = Marks(first);
        Assert.Equal(2, marks.Length);
        File.SetLastWriteTimeUtc(marks[0], DateTime.UtcNow.AddHours(-2));
        File.SetLastWriteTimeUtc(marks[1], DateTime.UtcNow.AddHours(-1));

        var forgotten = Assert.Single(await catalog.ListForgottenAsync(Unexpected, Cancellation));
        Assert.Equal((first, "/first"), (forgotten.Id, forgotten.Snapshot!.Manifest.Source.Path));
        Assert.Equal(new DateTimeOffset(File.GetLastWriteTimeUtc(marks[0])), forgotten.Forgotten);
        Assert.Equal(SnapshotCatalog.ForgetGrace, forgotten.Until - forgotten.Forgotten);
        Assert.Contains("mistake", forgotten.Reason, StringComparison.Ordinal);

        Assert.Equal("/first", (await catalog.UnforgetAsync(first, Cancellation)).Manifest.Source.Path);
        Assert.Equal(new[] { first, second }.ToHashSet(), (await catalog.ListAsync(null, Cancellation)).Select(s => s.Id).ToHashSet());
        Assert.Empty(await catalog.ListForgottenAsync(Unexpected, Cancellation));
        var again = await Assert.ThrowsAsync<SnapshotNotFoundException>(() => catalog.UnforgetAsync(first, Cancellation));
        Assert.Contains("not forgotten", again.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, -24.01, false)]
    [InlineData(false, -23.8, true)]
    // Where others cannot be kept out, the deletion must be over before they may act.
    [InlineData(true, -23.01, false)]
    [InlineData(true, -22.8, true)]
    public async Task A_snapshot_comes_back_only_while_no_one_may_have_acted_on_its_first_mark(bool isSharedOnly, double hours, bool comesBack)
    {
        await (await _test.InitializeAsync()).DisposeAsync();
        await using var repository = isSharedOnly ? await TestRepository.OpenAsync(new SharedOnlyStore(_test.Root)) : await _test.OpenAsync();
        var id = await PublishAsync(repository, "/first");
        var catalog = new SnapshotCatalog(repository);
        await catalog.ForgetAsync(id, null, Cancellation);
        File.SetLastWriteTimeUtc(Assert.Single(Marks(id)), DateTime.UtcNow.AddHours(hours));
        await catalog.ForgetAsync(id, "a younger mark changes nothing", Cancellation);

        if (comesBack)
        {
            await catalog.UnforgetAsync(id, Cancellation);
            Assert.Single(await catalog.ListAsync(null, Cancellation));
        }
        else
        {
            var refused = await Assert.ThrowsAsync<UnforgetRefusedException>(() => catalog.UnforgetAsync(id, Cancellation));
            Assert.Contains("could be brought back until", refused.Message, StringComparison.Ordinal);
            Assert.Equal(2, Marks(id).Length);
        }
    }

    [Fact]
    public async Task A_snapshot_whose_object_is_damaged_or_gone_is_not_brought_back()
    {
        await using var repository = await _test.InitializeAsync();
        var id = await PublishAsync(repository, "/first");
        var catalog = new SnapshotCatalog(repository);
        await catalog.ForgetAsync(id, null, Cancellation);
        var path = Assert.Single(Directory.GetFiles(Path.Combine(_test.Root, "snap")));
        await File.WriteAllBytesAsync(path, new byte[100], Cancellation);
        Assert.Contains("damaged", (await Assert.ThrowsAsync<UnforgetRefusedException>(() => catalog.UnforgetAsync(id, Cancellation))).Message, StringComparison.Ordinal);
        Assert.Null(Assert.Single(await catalog.ListForgottenAsync(_ => { }, Cancellation)).Snapshot);
        File.Delete(path);
        Assert.Contains("not found", (await Assert.ThrowsAsync<UnforgetRefusedException>(() => catalog.UnforgetAsync(id, Cancellation))).Message, StringComparison.Ordinal);
        Assert.Empty(await catalog.ListForgottenAsync(Unexpected, Cancellation));
        Assert.Single(Marks(id));
    }

    public void Dispose() => _test.Dispose();

    private static void Unexpected(RepositoryException exception) => Assert.Fail(exception.Message);

    private string[] Marks(SnapshotId id) => Directory.GetFiles(Path.Combine(_test.Root, "forget", id.ToString()));

    private static SnapshotSource Source(string path) => new() { Kind = SnapshotSource.Directory, Path = path };

    private static async Task<SnapshotId> PublishAsync(ChunkRepository repository, string path)
    {
        await using var session = await repository.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
        var root = new TreeEntry { Type = TreeEntryType.Directory, Name = default, Mode = 0x1ED, Directory = EmptyDirectory.Instance };
        var manifest = new SnapshotManifest { Time = DateTimeOffset.UnixEpoch, Hostname = "host", Source = Source(path), Root = RootEntry.Encode(root) };
        return await session.PublishAsync(manifest.ToJson(), Cancellation);
    }
}
