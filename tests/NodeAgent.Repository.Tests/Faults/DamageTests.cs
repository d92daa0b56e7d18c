using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Tests.Faults;

/// <summary>
/// Every kind of object is damaged in every way. What is then read is what was written, or an error that names the object;
/// and a check finds the damage and says exactly which files it costs.
/// </summary>
public sealed class DamageTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly RepositoryCopies _copies = new();
    private readonly Random _random = SeededRandom.Create();
    private readonly Dictionary<SnapshotId, SortedDictionary<string, byte[]>> _snapshots = [];
    private readonly string _root;
    private SnapshotId _forgotten;

    public DamageTests() => _root = _copies.Take();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_damaged_config_is_named_when_the_repository_is_opened()
    {
        await PrepareAsync();
        var other = await OtherRepositoryAsync();
        await TryAllAsync("config", [File.ReadAllBytes(Path.Combine(other, "config"))], async (damage, key) =>
        {
            var exception = await Assert.ThrowsAnyAsync<RepositoryException>(() => OpenAsync());
            if (damage.Content is null) Assert.Contains("whose config object is missing", Assert.IsType<RepositoryIncompleteException>(exception).Message, StringComparison.Ordinal);
            // A config that is another repository's is sound as such: then it is the key that does not belong.
            else Assert.Matches("^config at byte |reading config in |key does not open.*belongs to repository", exception.Message);
        });
    }

    [Fact]
    public async Task A_damaged_key_object_is_named_when_the_repository_is_opened()
    {
        await PrepareAsync();
        var other = await OtherRepositoryAsync();
        await TryAllAsync(One("keys/"), [File.ReadAllBytes(Directory.GetFiles(Path.Combine(other, "keys"))[0])], async (damage, key) =>
        {
            var exception = await Assert.ThrowsAnyAsync<RepositoryException>(() => OpenAsync());
            if (damage.Content is null) Assert.Contains("no key objects", exception.Message, StringComparison.Ordinal);
            else Assert.Contains(key, exception.Message, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_second_key_opens_the_repository_whose_first_is_damaged_and_a_check_names_that()
    {
        await PrepareAsync();
        var key = One("keys/");
        var spare = await File.ReadAllBytesAsync(PathOf(key), Cancellation);
        await File.WriteAllBytesAsync(PathOf("keys/spare"), spare, Cancellation);
        await TryAllAsync(key, [], async (damage, _) =>
        {
            await using var repository = await OpenAsync();
            var report = await CheckAsync(repository);
            Assert.Contains("keys/spare", report.Problems.Select(p => p.ObjectKey));
            Assert.Equal(damage.Content is not null, report.Problems.Any(p => p.ObjectKey == key && p.IsDamage));
        });
    }

    [Fact]
    public async Task A_damaged_pack_of_data_costs_the_files_that_are_named_and_no_others()
    {
        await PrepareAsync();
        var packs = await PacksAsync(ChunkKind.Data);
        var lost = 0;
        await TryAllAsync(packs[0].Key, [File.ReadAllBytes(PathOf(packs[1].Key))], async (damage, key) => lost += await AssertReadableOrNamedAsync(damage, key));
        Assert.True(lost > 10, $"{lost} files lost in all: the damage did not reach any");
    }

    [Fact]
    public async Task A_damaged_pack_of_directory_pages_costs_the_directories_that_are_named_and_no_others()
    {
        await PrepareAsync();
        var packs = await PacksAsync(ChunkKind.Tree);
        var lost = 0;
        await TryAllAsync(packs[0].Key, [File.ReadAllBytes(PathOf(packs[1].Key))], async (damage, key) => lost += await AssertReadableOrNamedAsync(damage, key));
        Assert.True(lost > 10, $"{lost} files lost in all: the damage did not reach any");
    }

    [Theory]
    [InlineData(ChunkKind.Data)]
    [InlineData(ChunkKind.Tree)]
    public async Task Without_reading_data_a_check_still_finds_packs_that_are_gone_or_of_another_length(ChunkKind kind)
    {
        await PrepareAsync();
        var key = (await PacksAsync(kind))[0].Key;
        var original = await File.ReadAllBytesAsync(PathOf(key), Cancellation);
        foreach (var (damage, costs) in ((Damage, bool)[])
            [
                (new Damage("deleted", null), true), (new Damage("emptied", []), true), (new Damage("cut within the first chunk", original[..100]), true),
                (new Damage("cut in the middle", original[..(original.Length / 2)]), true), (new Damage("cut within the footer", original[..^20]), false),
                (new Damage("longer", [.. original, 1, 2, 3]), false),
            ])
        {
            if (damage.Content is null) File.Delete(PathOf(key));
            else await File.WriteAllBytesAsync(PathOf(key), damage.Content, Cancellation);
            var lost = await AssertReadableOrNamedAsync(damage, key, readData: false);
            Assert.True(costs == lost > 0, $"{damage.Name}: {lost} files lost");
        }
    }

    [Fact]
    public async Task A_damaged_index_segment_is_named_and_costs_nothing_since_the_packs_say_the_same()
    {
        await PrepareAsync();
        var keys = All("index/");
        var lost = 0;
        await TryAllAsync(keys[0], [File.ReadAllBytes(PathOf(keys[1]))], async (damage, key) => lost += await AssertReadableOrNamedAsync(damage, key));
        Assert.Equal(0, lost);
    }

    [Fact]
    public async Task A_damaged_snapshot_is_named_and_does_not_hide_the_others()
    {
        await PrepareAsync();
        var keys = All("snap/").Where(k => !k.EndsWith(_forgotten.ToString(), StringComparison.Ordinal)).ToList();
        var id = _snapshots.Keys.Single(s => keys[0].EndsWith(s.ToString(), StringComparison.Ordinal));
        await TryAllAsync(keys[0], [File.ReadAllBytes(PathOf(keys[1]))], async (damage, key) =>
        {
            await using var repository = await OpenAsync();
            var damaged = new List<RepositoryException>();
            var left = await new SnapshotCatalog(repository).ListAsync(damaged.Add, Cancellation);
            Assert.Equal(_snapshots.Keys.Where(s => s != id).ToHashSet(), left.Select(s => s.Id).ToHashSet());
            foreach (var snapshot in left) SampleTree.AssertSame(_snapshots[snapshot.Id], await SampleBackup.ReadAsync(repository, snapshot.Id));
            var exception = await Assert.ThrowsAnyAsync<RepositoryException>(() => new SnapshotCatalog(repository).GetAsync(id, Cancellation));
            var report = await CheckAsync(repository);
            if (damage.Content is null)
            {
                // Nothing but the object itself says that there was a snapshot.
                Assert.IsType<SnapshotNotFoundException>(exception);
                Assert.Empty(damaged);
                Assert.True(report.IsSound);
                return;
            }

            Assert.Contains(key, exception.Message, StringComparison.Ordinal);
            Assert.Contains(key, Assert.Single(damaged).Message, StringComparison.Ordinal);
            var problem = Assert.Single(report.Problems, p => p.IsDamage);
            Assert.Contains(key, $"{problem.ObjectKey} {problem.Message}", StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_damaged_forget_mark_is_named_and_its_snapshot_shows_again()
    {
        await PrepareAsync();
        await TryAllAsync(One("forget/"), [], async (damage, key) =>
        {
            await using var repository = await OpenAsync();
            var damaged = new List<RepositoryException>();
            var shown = await new SnapshotCatalog(repository).ListAsync(damaged.Add, Cancellation);
            Assert.Contains(_forgotten, shown.Select(s => s.Id));
            SampleTree.AssertSame(_snapshots.Values.First(), await SampleBackup.ReadAsync(repository, _snapshots.Keys.First()));
            var problems = (await CheckAsync(repository)).Problems.Where(p => $"{p.ObjectKey} {p.Message}".Contains(key, StringComparison.Ordinal)).ToList();
            Assert.Equal(damage.Content is null ? 0 : 1, damaged.Count);
            Assert.Equal(damage.Content is null ? 0 : 1, problems.Count);
        });
    }

    [Fact]
    public async Task A_damaged_session_record_is_mentioned_and_costs_nothing()
    {
        await PrepareAsync();
        var keys = All("sess/");
        await TryAllAsync(keys[0], [], async (damage, key) =>
        {
            await using var repository = await OpenAsync();
            foreach (var (id, files) in _snapshots) SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, id));
            var report = await CheckAsync(repository);
            Assert.True(report.IsSound);
            Assert.Equal(damage.Content is not null, report.Problems.Any(p => p.ObjectKey == key));
        });
    }

    [Fact]
    public async Task Files_that_do_not_belong_there_disturb_nothing_and_are_mentioned()
    {
        await PrepareAsync();
        var strays = (string[])["index/delta/.DS_Store", "index/delta/notes.txt", "data/readme", "keys/notes", "index/other/x", "snap/notes", "forget/notes", "lost+found", "data/x (copy)"];
        foreach (var stray in strays)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(PathOf(stray))!);
            await File.WriteAllTextAsync(PathOf(stray), "not an object", Cancellation);
        }

        var pack = All("data/").First(k => PackId.TryParse(k, out _));
        // The same pack in other letters.
        var capitals = "data/" + pack["data/".Length..].ToUpperInvariant();
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(capitals))!);
        File.Copy(PathOf(pack), PathOf(capitals));
        await using var repository = await OpenAsync();
        foreach (var (id, files) in _snapshots) SampleTree.AssertSame(files, await SampleBackup.ReadAsync(repository, id));
        var report = await CheckAsync(repository);
        Assert.Equal(["keys/notes"], report.Problems.Where(p => p.IsDamage).Select(p => p.ObjectKey));
        foreach (var stray in (string[])["index/delta/.DS_Store", "index/delta/notes.txt", "data/readme", capitals]) Assert.Contains(stray, report.Problems.Select(p => p.ObjectKey));
        SampleTree.AssertSame(_snapshots.Values.First(), await SampleBackup.ReadAsync(repository, await SampleBackup.WriteAsync(repository, _snapshots.Values.First())));
    }

    public void Dispose() => _copies.Dispose();

    /// <summary>Two snapshots that share much, and one that is forgotten.</summary>
    private async Task PrepareAsync()
    {
        var first = SampleTree.Create(_random, 60 << 10, 8);
        var second = SampleTree.Changed(first, _random);
        await using var repository = await ChunkRepository.InitializeAsync(new DirectoryStore(_root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation);
        _snapshots.Add(await SampleBackup.WriteAsync(repository, first), first);
        _snapshots.Add(await SampleBackup.WriteAsync(repository, second), second);
        _forgotten = await SampleBackup.WriteAsync(repository, first, path: "/forgotten");
        await new SnapshotCatalog(repository).ForgetAsync(_forgotten, "test", Cancellation);
    }

    private async Task<string> OtherRepositoryAsync()
    {
        var root = _copies.Take();
        await (await ChunkRepository.InitializeAsync(new DirectoryStore(root), TestRepository.Secret(), SampleBackup.Parameters, TimeProvider.System, Cancellation)).DisposeAsync();
        return root;
    }

    private async Task TryAllAsync(string key, IEnumerable<byte[]> others, Func<Damage, string, Task> test)
    {
        var path = PathOf(key);
        var original = await File.ReadAllBytesAsync(path, Cancellation);
        var tried = 0;
        foreach (var damage in Damage.Of(original, others, _random))
        {
            if (damage.Content is null) File.Delete(path);
            else await File.WriteAllBytesAsync(path, damage.Content, Cancellation);
            try
            {
                await test(damage, key).WaitAsync(Patience, Cancellation);
            }
            catch (Exception)
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"{key}: {damage.Name}");
                throw;
            }

            tried++;
        }

        Assert.True(tried > 30, $"only {tried} cases");
        await File.WriteAllBytesAsync(path, original, Cancellation);
        if (!File.Exists(PathOf("keys/spare"))) Assert.Empty((await CheckAsync(await OpenAsync())).Problems);
    }

    /// <summary>Reads everything; what fails must name the object, and a check must name what fails. Returns how many files fail.</summary>
    private async Task<int> AssertReadableOrNamedAsync(Damage damage, string key, bool readData = true)
    {
        var lost = 0;
        await using var repository = await OpenAsync();
        var report = await CheckAsync(repository, readData);
        Assert.False(report.IsSound);
        Assert.Contains(report.Problems, p => p.IsDamage && (p.ObjectKey == key || p.Message.Contains(key, StringComparison.Ordinal) || damage.Content is null));
        await using var another = await OpenAsync();
        foreach (var (id, files) in _snapshots)
        {
            var read = new HashSet<string>();
            var failed = new HashSet<string>();
            await SampleBackup.ReadAsync(another, id, Read, Failed);
            var affected = report.Problems.Where(p => p.ObjectKey == $"snapshot {id}").SelectMany(p => p.Files).ToHashSet();
            // Each path that was not read is named, or its directory is; and nothing is named that was read. Of a directory, the
            // reading here stops at the first entry that is lost, a check goes on.
            var unread = files.Keys.Where(path => !read.Contains(path)).ToList();
            Assert.DoesNotContain(unread, path => !affected.Contains(path) && !affected.Any(a => IsBelow(path, a)));
            Assert.DoesNotContain(affected, a => a.EndsWith('/') ? !failed.Any(f => IsBelow(a, f.Length == 0 ? "/" : f)) : read.Contains(a));
            lost += unread.Count;

            static bool IsBelow(string path, string directory) =>
                directory == "/" || (directory.EndsWith('/') && path.StartsWith(directory, StringComparison.Ordinal));

            void Read(string path, byte[] content)
            {
                Assert.True(files[path].AsSpan().SequenceEqual(content), $"{path} has other content than was written");
                read.Add(path);
            }

            void Failed(string path, Exception exception)
            {
                failed.Add(path);
                // When an index segment is gone, all that can be named is the chunk.
                if (damage.Content is null && key.StartsWith("index/", StringComparison.Ordinal)) Assert.IsType<ChunkNotFoundException>(exception);
                else Assert.Contains(key, exception.Message, StringComparison.Ordinal);
            }
        }

        return lost;
    }

    private Task<ChunkRepository> OpenAsync() => TestRepository.OpenAsync(new DirectoryStore(_root));

    private static Task<CheckReport> CheckAsync(ChunkRepository repository, bool readData = true) =>
        new RepositoryCheck(repository, new CheckOptions { ReadData = readData }, null).ExecuteAsync(Cancellation);

    private string PathOf(string key) => Path.Combine(_root, key);

    private List<string> All(string prefix) =>
        [.. new DirectoryStore(_root).ListAsync(prefix, Cancellation).ToBlockingEnumerable(Cancellation).Select(e => e.Key).Order(StringComparer.Ordinal)];

    private string One(string prefix) => Assert.Single(All(prefix));

    /// <summary>The packs that hold chunks of a kind, those that hold the most first.</summary>
    private async Task<List<PackId>> PacksAsync(ChunkKind kind)
    {
        await using var repository = await OpenAsync();
        var packs = new List<PackContents>();
        foreach (var segment in All("index/")) packs.AddRange((await repository.ReadSegmentAsync(segment, Cancellation)).Packs);
        return [.. packs.Where(p => p.Chunks.Any(c => c.Kind == kind)).OrderByDescending(p => p.Chunks.Count).Select(p => p.Pack)];
    }
}
