using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

/// <summary>What is looked at ahead of the walk is the same as what the walk sees, whoever is faster.</summary>
public sealed class LookAheadTests
{
    private static readonly LaterClock Later = new(TimeSpan.FromSeconds(10));

    [Fact]
    public async Task A_snapshot_does_not_depend_on_how_many_look()
    {
        await using var test = await TestBackup.CreateAsync(inMemory: true);
        var made = Grow(SeededRandom.Create(), test.Source, 1200);

        var results = new List<BackupResult>();
        foreach (var workers in new[] { 1, 2, 9, 9 }) results.Add(await test.RunAsync(request => request with { Parent = "none", Workers = workers, Excludes = ["left out *"] }));

        Assert.All(results, result => Assert.Equal(SnapshotOutcome.Completed, result.Manifest.Outcome));
        Assert.All(results, result => Assert.Equal(made, result.Manifest.Stats.Files));
        // The root's entry names everything below it by its content.
        Assert.All(results, result => Assert.Equal(results[0].Manifest.Root, result.Manifest.Root));
        await test.RestoreAsync(results[^1].Manifest);
        TestBackup.Run("find", test.Source, "-name", "left out *", "-delete");
        // Directories that lost a name are newer now; the names in them are what this is about.
        Assert.Equal(Describe(test.Source), Describe(test.Target));
    }

    [Fact]
    public async Task What_changed_is_found_by_whoever_looks_and_the_rest_is_taken_from_the_parent()
    {
        await using var test = await TestBackup.CreateAsync(inMemory: true);
        var random = SeededRandom.Create();
        Grow(random, test.Source, 1000, withHardLinks: false);
        var first = await test.RunAsync(request => request with { Time = Later, Workers = 4 });
        var files = Directory.GetFiles(test.Source, "f*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToArray();
        var changed = files.Where(_ => random.Next(10) == 0).Append(files[0]).Distinct().ToArray();
        foreach (var file in changed) File.WriteAllBytes(file, random.Bytes(random.Next(1, 30_000)));
        var gone = files.Except(changed).Where(_ => random.Next(20) == 0).ToArray();
        foreach (var file in gone) File.Delete(file);
        File.WriteAllText(test.InSource("f new"), "new");

        var second = await test.RunAsync(request => request with { Time = Later, Workers = 4 });
        var alone = await test.RunAsync(request => request with { Time = Later, Workers = 1, Parent = "none" });

        Assert.Equal((changed.Length, 1), (second.Manifest.Stats.ChangedFiles, second.Manifest.Stats.NewFiles));
        Assert.Equal(second.Manifest.Stats.Files - changed.Length - 1, second.Manifest.Stats.UnchangedFiles);
        Assert.Equal(first.Manifest.Stats.Files - gone.Length + 1, second.Manifest.Stats.Files);
        Assert.Equal(alone.Manifest.Stats.Files, second.Manifest.Stats.Files);
        await test.RestoreAsync(second.Manifest);
        test.ExpectSameTree();
    }

    /// <summary>Each level has a batch that was begun and is left for the directory in the middle of it: what they hold must not add up.</summary>
    [Fact]
    public async Task Directories_in_one_another_with_files_before_and_after_them_are_seen_whole()
    {
        await using var test = await TestBackup.CreateAsync(inMemory: true);
        var random = SeededRandom.Create();
        var directory = test.Source;
        for (var level = 0; level < 250; level++)
        {
            File.WriteAllBytes(Path.Combine(directory, "a"), random.Bytes(10));
            for (var file = 0; file < 40; file++) File.WriteAllBytes(Path.Combine(directory, $"z{file}"), random.Bytes(file < 3 ? 12_000 : 1));
            Directory.CreateDirectory(Path.Combine(directory, "z beside"));
            directory = Directory.CreateDirectory(Path.Combine(directory, "m")).FullName;
        }

        var result = await test.RunAsync();

        Assert.Equal(SnapshotOutcome.Completed, result.Manifest.Outcome);
        Assert.Equal((250 * 41, 1 + (2 * 250)), (result.Manifest.Stats.Files, result.Manifest.Stats.Directories));
        await test.RestoreAsync(result.Manifest);
        test.ExpectSameTree();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public async Task Nothing_stays_open_when_a_run_ends_early(int packs)
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks, inMemory: true);
        Grow(SeededRandom.Create(), test.Source, 2500);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestBackup.Cancellation);
        var left = packs;
        test.Store.BeforePut = async key =>
        {
            if (key.StartsWith("data/", StringComparison.Ordinal) && Interlocked.Decrement(ref left) == 0) await stop.CancelAsync();
        };

        if (packs == 0) await test.RunAsync();
        else await Assert.ThrowsAnyAsync<OperationCanceledException>(() => test.RunAsync(request => request with { Workers = 6 }, stop.Token));

        Assert.DoesNotContain(OpenFiles(), path => path.StartsWith(test.Source, StringComparison.Ordinal));
    }

    /// <summary>Some file systems give 0 as the size of files that have content: nothing is wrong with that, but they are never taken for unchanged.</summary>
    [Fact]
    public async Task A_file_whose_size_says_nothing_is_read_all_the_same()
    {
        await using var test = await TestBackup.CreateAsync();

        var result = await test.RunAsync(request => request with { SourcePath = "/proc/sys/kernel/random", Workers = 4 });

        var entry = await test.FindAsync(result.Manifest, "boot_id");
        Assert.Equal(File.ReadAllBytes("/proc/sys/kernel/random/boot_id"), Assert.IsType<InlineContent>(entry.Content).Bytes.ToArray());
        Assert.True(entry.ChangedWhileRead);
        Assert.DoesNotContain(result.Manifest.Issues, issue => System.Text.Encoding.UTF8.GetString(issue.Path) == "boot_id");
    }

    /// <summary>Few large files fill no message to the assembler, which tells of what is done.</summary>
    [Fact]
    public async Task Progress_moves_while_a_few_large_files_are_read()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks, inMemory: true);
        var random = SeededRandom.Create();
        for (var file = 0; file < 30; file++) File.WriteAllBytes(test.InSource($"large {file:d2}"), random.Bytes(1 << 20));
        var moved = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var packs = 0;
        var late = false;
        test.Store.BeforePut = async key =>
        {
            if (!key.StartsWith("data/", StringComparison.Ordinal)) return;
            // Slow enough that what is told at most ten times a second is told before the last.
            await Task.Delay(TimeSpan.FromMilliseconds(30), TestBackup.Cancellation);
            if (late || Interlocked.Increment(ref packs) < 14) return;
            late |= await Task.WhenAny(moved.Task, Task.Delay(TimeSpan.FromSeconds(30), TestBackup.Cancellation)) != moved.Task;
        };
        var request = new BackupRequest { SourcePath = test.Source, Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = test.Source }, Hostname = "test", Workers = 1 };

        await BackupRun.ExecuteAsync(test.Repository, request, new Watch(progress => { if (progress.FilesDone > 0) moved.TrySetResult(); }), TestBackup.Cancellation);

        Assert.False(late, "no file was told to be done although more than ten were");
    }

    /// <summary>
    /// A small file opens a bundle, which many large ones leave open while the walk waits for workers again and again: what is handed over before each wait must not fill the
    /// queue that the bundle has to end before.
    /// </summary>
    [Fact]
    public async Task A_bundle_that_stays_open_among_large_files_holds_up_nobody()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks, inMemory: true);
        var random = SeededRandom.Create();
        File.WriteAllBytes(test.InSource("a"), random.Bytes(5000));
        for (var file = 0; file < 400; file++) File.WriteAllBytes(test.InSource($"large {file:d3}"), random.Bytes(20_000));
        test.Store.BeforePut = key => Task.Delay(TimeSpan.FromMilliseconds(20), TestBackup.Cancellation);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestBackup.Cancellation);
        patience.CancelAfter(TimeSpan.FromSeconds(60));

        var result = await test.RunAsync(request => request with { Workers = 1 }, patience.Token);

        Assert.IsType<BundleSlice>((await test.FindAsync(result.Manifest, "a")).Content);
        Assert.Equal(401, result.Manifest.Stats.Files);
    }

    private sealed class Watch(Action<RunProgress> look) : IProgress<RunProgress>
    {
        public void Report(RunProgress value) => look(value);
    }

    private static IEnumerable<string> OpenFiles() =>
        Directory.GetFiles("/proc/self/fd").Select(descriptor => new FileInfo(descriptor).LinkTarget ?? "");

    private static string Describe(string root) =>
        TestBackup.Run("sh", "-c", "cd \"$1\" && LC_ALL=C find . ! -type d -printf '%P|%y|%m|%s|%l\\n' | sort && find . -type f -print0 | sort -z | xargs -0 -r sha256sum", "sh", root);

    /// <summary>Makes a tree of some files in directories of all widths and depths, with links, names that a rule leaves out, and empty directories. Returns the files that are kept.</summary>
    private static int Grow(Random random, string root, int files, bool withHardLinks = true)
    {
        var directories = new List<string> { root };
        var plain = new List<string>();
        var kept = 0;
        for (var i = 0; i < files; i++)
        {
            var place = directories[random.Next(directories.Count)];
            switch (random.Next(12))
            {
                case 0 or 1:
                    directories.Add(Directory.CreateDirectory(Path.Combine(place, $"d{i}")).FullName);
                    break;
                case 2:
                    File.CreateSymbolicLink(Path.Combine(place, $"l{i}"), $"../target of {i}");
                    break;
                case 3:
                    File.WriteAllBytes(Path.Combine(place, $"left out {i}"), random.Bytes(100));
                    break;
                case 4 when withHardLinks && plain.Count > 0:
                    TestBackup.Run("ln", plain[random.Next(plain.Count)], Path.Combine(place, $"h{i}"));
                    kept++;
                    break;
                default:
                    var length = random.Next(5) switch { 0 => 0, 1 => random.Next(1, 200), 2 => random.Next(200, 16 << 10), 3 => random.Next(1, 16 << 10), _ => random.Next(16 << 10, 40 << 10) };
                    plain.Add(Path.Combine(place, $"f{i}"));
                    File.WriteAllBytes(plain[^1], random.Bytes(length));
                    kept++;
                    break;
            }
        }

        return kept;
    }
}
