using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Keys;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Faults;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Keys;

public sealed class RepositoryKeysTests : IDisposable
{
    private const int Bulk = 24 << 10;
    private readonly RepositoryCopies _copies = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_added_key_opens_and_a_removed_one_does_not()
    {
        var root = await CreateAsync();
        await using var repository = await OpenAsync(root, 'a');
        var keys = new RepositoryKeys(repository);
        using var other = Secret('b');
        var added = await keys.AddAsync(other, "büro", Cancellation);

        // Their times are in seconds, so these two are in no order.
        var listed = (await keys.ListAsync(Cancellation)).OrderByDescending(k => k.IsInUse).ToList();
        Assert.Equal([("initial", true, true), ("büro", false, true)], listed.Select(k => (k.Label, k.IsInUse, k.IsCurrent)));
        Assert.All(listed, k => Assert.Equal((RepositorySecretKind.RawKey, (string?)null, 1), (k.Kind, k.Problem, k.Generations)));
        Assert.All(listed, k => Assert.InRange(k.Created!.Value, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow));
        await using (var second = await OpenAsync(root, 'b'))
        {
            Assert.Equal(added, Assert.Single(await new RepositoryKeys(second).ListAsync(Cancellation), k => k.IsInUse).Id);
        }

        var again = await Assert.ThrowsAsync<KeyRefusedException>(() => keys.AddAsync(other, "again", Cancellation));
        Assert.Contains(added, again.Message, StringComparison.Ordinal);
        await keys.RemoveAsync([added], evenInUse: false, Cancellation);
        await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(root, 'b'));
        await (await OpenAsync(root, 'a')).DisposeAsync();
    }

    [Fact]
    public async Task The_last_key_and_the_one_in_use_stay()
    {
        var root = await CreateAsync();
        await using var repository = await OpenAsync(root, 'a');
        var keys = new RepositoryKeys(repository);
        var own = Assert.Single(await keys.ListAsync(Cancellation)).Id;
        Assert.Contains("nobody could read it any more", (await Assert.ThrowsAsync<KeyRefusedException>(() => keys.RemoveAsync([own], true, Cancellation))).Message, StringComparison.Ordinal);
        using var other = Secret('b');
        var added = await keys.AddAsync(other, "b", Cancellation);
        Assert.Contains("is the one", (await Assert.ThrowsAsync<KeyRefusedException>(() => keys.RemoveAsync([own], false, Cancellation))).Message, StringComparison.Ordinal);
        Assert.Contains("nobody", (await Assert.ThrowsAsync<KeyRefusedException>(() => keys.RemoveAsync([own, added], true, Cancellation))).Message, StringComparison.Ordinal);
        Assert.Contains("there is no key", (await Assert.ThrowsAsync<KeyRefusedException>(() => keys.RemoveAsync(["0123456789abcdef"], true, Cancellation))).Message, StringComparison.Ordinal);
        Assert.Equal(2, (await keys.ListAsync(Cancellation)).Count);
        await keys.RemoveAsync([own], true, Cancellation);
        await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(root, 'a'));
        await (await OpenAsync(root, 'b')).DisposeAsync();
    }

    [Fact]
    public async Task A_key_object_that_cannot_be_read_is_listed_with_the_reason_does_not_count_and_can_be_removed()
    {
        var root = await CreateAsync();
        await using var repository = await OpenAsync(root, 'a');
        var keys = new RepositoryKeys(repository);
        await File.WriteAllBytesAsync(Path.Combine(root, "keys", "0123456789abcdef"), [1, 2, 3], Cancellation);
        var damaged = Assert.Single(await keys.ListAsync(Cancellation), k => k.Problem is not null);
        Assert.Equal(("0123456789abcdef", false, null), (damaged.Id, damaged.IsCurrent, damaged.Kind));
        var own = Assert.Single(await keys.ListAsync(Cancellation), k => k.IsInUse).Id;
        await Assert.ThrowsAsync<KeyRefusedException>(() => keys.RemoveAsync([own], true, Cancellation));
        await keys.RemoveAsync([damaged.Id], false, Cancellation);
        Assert.Equal(own, Assert.Single(await keys.ListAsync(Cancellation)).Id);
    }

    [Fact]
    public async Task A_passphrase_is_changed_and_the_old_one_opens_nothing_any_more()
    {
        Assert.SkipUnless(Argon2.IsAvailable, "libargon2 is not installed (libargon2-1)");
        var root = _copies.Take();
        using var first = RepositorySecret.FromPassphrase("first");
        using var second = RepositorySecret.FromPassphrase("second");
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), first, SampleBackup.Parameters, TimeProvider.System, Cancellation);
        var keys = new RepositoryKeys(repository);
        await Assert.ThrowsAsync<KeyRefusedException>(() => keys.ChangeAsync(first, Cancellation));
        var id = await keys.ChangeAsync(second, Cancellation);
        var only = Assert.Single(await keys.ListAsync(Cancellation));
        Assert.Equal((id, "initial", true, RepositorySecretKind.Passphrase), (only.Id, only.Label, only.IsInUse, only.Kind));
        await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(new DirectoryStore(root), first));
        await (await OpenAsync(new DirectoryStore(root), second)).DisposeAsync();
        // The same process can change it once more.
        await keys.ChangeAsync(first, Cancellation);
        await (await OpenAsync(new DirectoryStore(root), first)).DisposeAsync();
    }

    [Fact]
    public async Task After_a_rotation_old_and_new_are_readable_and_equal_content_is_still_stored_once()
    {
        var random = SeededRandom.Create();
        var files = SampleTree.Create(random, Bulk, 10);
        var root = await CreateAsync('b', 'c');
        SnapshotId before;
        await using (var repository = await OpenAsync(root, 'a')) before = await SampleBackup.WriteAsync(repository, files);
        await using (var repository = await OpenAsync(root, 'a'))
        {
            var keys = new RepositoryKeys(repository);
            using var b = Secret('b');
            using var unknown = Secret('x');
            var refused = await Assert.ThrowsAsync<KeyRefusedException>(() => keys.RotateAsync([b], false, Cancellation));
            Assert.Equal(["c"], refused.LeftOut.Select(k => k.Label));
            Assert.Contains("(c)", refused.Message, StringComparison.Ordinal);
            Assert.Contains("opens no key", (await Assert.ThrowsAsync<KeyRefusedException>(() => keys.RotateAsync([b, unknown], true, Cancellation))).Message, StringComparison.Ordinal);
            Assert.All(await keys.ListAsync(Cancellation), k => Assert.Equal(1, k.Generations));

            Assert.Equal(["c"], (await keys.RotateAsync([b], true, Cancellation)).Select(k => k.Label));
            Assert.Equal(["b", "initial"], (await keys.ListAsync(Cancellation)).Select(k => k.Label).Order(StringComparer.Ordinal));
            Assert.All(await keys.ListAsync(Cancellation), k => Assert.Equal((2, true), (k.Generations, k.IsCurrent)));
        }

        await Assert.ThrowsAsync<WrongKeyException>(() => OpenAsync(root, 'c'));
        var stored = StoredBytes(root);
        SnapshotId after;
        await using (var repository = await OpenAsync(root, 'a')) after = await SampleBackup.WriteAsync(repository, files, path: "/again");
        Assert.Equal(stored, StoredBytes(root));
        var changed = SampleTree.Changed(files, random);
        SnapshotId newest;
        await using (var repository = await OpenAsync(root, 'b')) newest = await SampleBackup.WriteAsync(repository, changed);
        foreach (var who in "ab")
        {
            await using var repository = await OpenAsync(root, who);
            foreach (var (id, expected) in ((SnapshotId, SortedDictionary<string, byte[]>)[])[(before, files), (after, files), (newest, changed)])
                SampleTree.AssertSame(expected, await SampleBackup.ReadAsync(repository, id));
            Assert.Empty((await new RepositoryCheck(repository, new CheckOptions { ReadData = true }, null).ExecuteAsync(Cancellation)).Problems);
        }

        // What is new is sealed under the new root key.
        var generations = Directory.GetFiles(Path.Combine(root, "snap")).Select(file => File.ReadAllBytes(file)[24]).Order();
        Assert.Equal((byte[])[0, 1, 1], generations);
    }

    [Fact]
    public async Task A_process_that_was_there_before_a_rotation_goes_on_reads_what_came_after_and_writes_what_all_can_read()
    {
        var random = SeededRandom.Create();
        var (files, others) = (SampleTree.Create(random, Bulk, 5), SampleTree.Create(random, Bulk, 5));
        var root = await CreateAsync();
        await using var old = await OpenAsync(root, 'a');
        await old.LoadIndexAsync(Cancellation);
        await using var running = await old.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
        SnapshotId rotated;
        await using (var repository = await OpenAsync(root, 'a'))
        {
            await new RepositoryKeys(repository).RotateAsync([], false, Cancellation);
            rotated = await SampleBackup.WriteAsync(repository, files);
        }

        var chunk = await running.StoreAsync(ChunkKind.Data, new byte[] { 1, 2, 3 }, Cancellation);
        await running.FlushAsync(Cancellation);
        SampleTree.AssertSame(files, await SampleBackup.ReadAsync(old, rotated));
        var own = await SampleBackup.WriteAsync(old, others);
        await using (var repository = await OpenAsync(root, 'a'))
        {
            SampleTree.AssertSame(others, await SampleBackup.ReadAsync(repository, own));
            await repository.LoadIndexAsync(Cancellation);
            using var reader = repository.CreateReader();
            Assert.Equal(3, await reader.ReadAsync(chunk.Id, ChunkKind.Data, new byte[3], Cancellation));
        }
    }

    [Fact]
    public async Task A_key_that_was_left_out_of_a_rotation_reads_what_was_before_says_why_not_more_and_can_be_added_again()
    {
        var files = SampleTree.Create(SeededRandom.Create(), Bulk, 5);
        var root = await CreateAsync('b');
        SnapshotId before, after;
        await using var left = await OpenAsync(root, 'b');
        await using (var repository = await OpenAsync(root, 'a'))
        {
            before = await SampleBackup.WriteAsync(repository, files);
            await new RepositoryKeys(repository).RotateAsync([], true, Cancellation);
            after = await SampleBackup.WriteAsync(repository, files, path: "/after");
        }

        Assert.Equal("/sample", (await new SnapshotCatalog(left).GetAsync(before, Cancellation)).Manifest.Source.Path);
        var refused = await Assert.ThrowsAsync<RepositoryFormatException>(() => new SnapshotCatalog(left).GetAsync(after, Cancellation));
        Assert.Contains("generation 1", refused.Message, StringComparison.Ordinal);
        Assert.Contains("repo key add", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<KeyRefusedException>(async () => await new RepositoryKeys(left).AddAsync(Secret('d'), "d", Cancellation));
        using var b = Secret('b');
        await using (var repository = await OpenAsync(root, 'a')) await new RepositoryKeys(repository).AddAsync(b, "b", Cancellation);
        await using (var repository = await OpenAsync(root, 'b')) SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, after));
    }

    [Fact]
    public async Task Of_two_rotations_at_once_on_a_store_that_keeps_no_one_out_one_is_taken_back()
    {
        var root = await CreateAsync();
        var store = new SharedOnlyStore(root);
        await using var slow = await OpenAsync(store, 'a');
        await using var quick = await OpenAsync(root, 'a');
        store.BeforePut = async () => await new RepositoryKeys(quick).RotateAsync([], false, Cancellation);
        var refused = await Assert.ThrowsAsync<KeyRefusedException>(() => new RepositoryKeys(slow).RotateAsync([], false, Cancellation));
        Assert.Contains("another rotation", refused.Message, StringComparison.Ordinal);
        var only = Assert.Single(await new RepositoryKeys(quick).ListAsync(Cancellation));
        Assert.Equal((2, true), (only.Generations, only.IsInUse));
        // What the quick one writes, the slow one reads.
        var files = SampleTree.Create(SeededRandom.Create(), Bulk, 0);
        SampleTree.AssertSame(files, await SampleBackup.ReadAsync(slow, await SampleBackup.WriteAsync(quick, files)));
    }

    [Fact]
    public async Task Of_two_removals_at_once_that_would_leave_no_key_one_is_taken_back()
    {
        var root = await CreateAsync('b');
        var store = new SharedOnlyStore(root);
        await using var slow = await OpenAsync(store, 'a');
        await using var quick = await OpenAsync(root, 'b');
        var (a, b) = (slow.KeyId, quick.KeyId);
        store.BeforeDelete = async () => await new RepositoryKeys(quick).RemoveAsync([a], evenInUse: false, Cancellation);
        var refused = await Assert.ThrowsAsync<KeyRefusedException>(() => new RepositoryKeys(slow).RemoveAsync([b], evenInUse: false, Cancellation));
        Assert.Contains("at the same moment", refused.Message, StringComparison.Ordinal);
        Assert.Equal(b, Assert.Single(await new RepositoryKeys(quick).ListAsync(Cancellation)).Id);
        await (await OpenAsync(root, 'b')).DisposeAsync();
    }

    [Fact]
    public async Task A_backup_that_runs_while_the_keys_are_rotated_understands_what_a_prune_writes_after_that()
    {
        var root = await CreateAsync();
        await using var running = await OpenAsync(root, 'a');
        await using var session = await running.BeginSessionAsync(new WriteSessionOptions(), Cancellation);
        await session.StoreAsync(ChunkKind.Data, new byte[1000], Cancellation);
        await using (var other = await OpenAsync(root, 'a')) await new RepositoryKeys(other).RotateAsync([], false, Cancellation);
        await using (var rotated = await OpenAsync(root, 'a'))
        {
            using var cipher = rotated.CreateCipher(CipherSuiteSelection.Preferred, null);
            var records = new SealedRecords(rotated, cipher);
            var record = new CollectionRecord(CollectionRecordKind.Condemn, 0, [new PackId(1, session.ComputeId(ChunkKind.Data, new byte[1]))], []);
            await rotated.Store.PutAsync(record.KeyFor(records.Session), records.Seal(record), Cancellation);
        }

        var root0 = RootEntry.Encode(new TreeEntry { Type = TreeEntryType.Directory, Name = default, Mode = 0x1ed, Directory = EmptyDirectory.Instance });
        var manifest = new SnapshotManifest { Time = DateTimeOffset.UtcNow, Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = "/x" }, Root = root0 };
        var id = await session.PublishAsync(manifest.ToJson(), Cancellation);
        Assert.Equal("/x", (await new SnapshotCatalog(running).GetAsync(id, Cancellation)).Manifest.Source.Path);
    }

    [Theory]
    [InlineData("add")]
    [InlineData("remove")]
    [InlineData("change")]
    [InlineData("rotate")]
    public async Task A_change_that_dies_at_any_write_locks_nobody_out_and_can_be_repeated(string what)
    {
        // The content does not matter here, and every write takes its time.
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal) { ["small"] = [1, 2, 3], ["larger"] = [.. Enumerable.Range(0, 2000).Select(i => (byte)(i * i / 7))] };
        var original = await CreateAsync('b', 'c');
        SnapshotId first;
        await using (var repository = await OpenAsync(original, 'a')) first = await SampleBackup.WriteAsync(repository, files);
        var stops = 0;
        for (var stopAt = 1; ; stopAt++)
        {
            var stopped = false;
            foreach (var mode in (StopMode[])[StopMode.Before, StopMode.After])
            {
                var root = _copies.Take(original);
                await using (var store = new StoppingStore(root, stopAt, mode, countsDeletes: true))
                {
                    await using var repository = await OpenAsync(store, 'a');
                    var failure = await Record.ExceptionAsync(() => ChangeAsync(repository, what));
                    Assert.True(store.HasStopped ? failure is StoppedException : failure is null, failure?.ToString());
                    stopped = store.HasStopped;
                    if (stopped) stops++;
                }

                await AssertUsableAsync(root, what, stopped, first, files);
                RepositoryCopies.Discard(root);
            }

            if (!stopped) break;
        }

        Assert.Equal(2 * (what switch { "rotate" => 5, "change" => 2, _ => 1 }), stops);
    }

    public void Dispose() => _copies.Dispose();

    private static async Task ChangeAsync(ChunkRepository repository, string what)
    {
        var keys = new RepositoryKeys(repository);
        using var b = Secret('b');
        using var d = Secret('d');
        switch (what)
        {
            case "add":
                await keys.AddAsync(d, "d", Cancellation);
                break;
            case "remove":
                await keys.RemoveAsync([.. (await keys.ListAsync(Cancellation)).Where(k => k.Label == "b").Select(k => k.Id)], false, Cancellation);
                break;
            case "change":
                await keys.ChangeAsync(d, Cancellation);
                break;
            default:
                // b goes on, c is dropped.
                await keys.RotateAsync([b], true, Cancellation);
                break;
        }
    }

    private static async Task AssertUsableAsync(string root, string what, bool wasStopped, SnapshotId first, SortedDictionary<string, byte[]> files)
    {
        var own = 'a';
        if (what == "change" && !await OpensAsync(root, 'a')) own = 'd';
        // Who could open it before, and is not taken away, still can; and what one writes now, it reads when it comes again.
        SnapshotId second;
        await using (var repository = await OpenAsync(root, own)) second = await SampleBackup.WriteAsync(repository, files, path: "/second");
        await using (var repository = await OpenAsync(root, own))
        {
            SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, first));
            SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, second));
        }

        foreach (var other in what == "remove" ? "c" : what == "rotate" ? "b" : "bc")
        {
            await using var repository = await OpenAsync(root, other);
            Assert.Equal("/sample", (await new SnapshotCatalog(repository).GetAsync(first, Cancellation)).Manifest.Source.Path);
        }

        if (wasStopped && own == 'a')
        {
            await using var repository = await OpenAsync(root, 'a');
            // What was done before it stopped is not done again.
            var isDone = what switch { "add" => await OpensAsync(root, 'd'), "remove" => !await OpensAsync(root, 'b'), _ => false };
            if (!isDone) await RepeatAsync(repository);
        }

        Assert.Equal(what switch { "add" => "abcd", "remove" => "ac", "change" => "bcd", _ => "ab" }, await WhoOpensAsync(root));
        await using (var repository = await OpenAsync(root, what == "change" ? 'd' : 'a'))
        {
            // Nothing outdated is left behind.
            Assert.All(await new RepositoryKeys(repository).ListAsync(Cancellation), k => Assert.True(k.IsCurrent));
            SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, second));
        }

        Task RepeatAsync(ChunkRepository repository) => ChangeAsync(repository, what);
    }

    private static async Task<string> WhoOpensAsync(string root)
    {
        var who = "";
        foreach (var letter in "abcd")
        {
            if (await OpensAsync(root, letter)) who += letter;
        }

        return who;
    }

    private static async Task<bool> OpensAsync(string root, char who)
    {
        try
        {
            await (await OpenAsync(root, who)).DisposeAsync();
            return true;
        }
        catch (WrongKeyException)
        {
            return false;
        }
    }

    private static long StoredBytes(string root) => Directory.EnumerateFiles(Path.Combine(root, "data"), "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);

    private static RepositorySecret Secret(char who) => RepositorySecret.FromKey([.. Enumerable.Repeat((byte)who, RepositorySecret.KeyLength)]);

    private static Task<ChunkRepository> OpenAsync(string root, char who) => OpenAsync(new DirectoryStore(root), who);

    private static async Task<ChunkRepository> OpenAsync(IObjectStore store, char who)
    {
        using var secret = Secret(who);
        return await OpenAsync(store, secret);
    }

    private static Task<ChunkRepository> OpenAsync(IObjectStore store, RepositorySecret secret) => ChunkRepository.OpenAsync(store, secret, new RepositoryOpenOptions(), Cancellation);

    /// <summary>A repository that a opens, and these.</summary>
    private async Task<string> CreateAsync(params char[] others)
    {
        var root = _copies.Take();
        using var own = Secret('a');
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(root), own, SampleBackup.Parameters, TimeProvider.System, Cancellation);
        foreach (var other in others)
        {
            using var secret = Secret(other);
            await new RepositoryKeys(repository).AddAsync(secret, other.ToString(), Cancellation);
        }

        return root;
    }
}
