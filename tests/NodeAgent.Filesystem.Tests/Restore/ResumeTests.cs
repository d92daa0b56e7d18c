using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests.Restore;

public sealed class ResumeTests
{
    private const string Mark = ".nodeagent-restore-progress";

    [Fact]
    public async Task The_same_restore_run_again_writes_only_what_was_not_complete()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        await FillAsync(test);
        var backup = await test.RunAsync();
        await InterruptAsync(test, backup);
        var complete = Inodes(test);
        Assert.True(File.Exists(test.InTarget(Mark)));
        Assert.NotEmpty(complete);

        var result = await test.RestoreAsync(backup.Manifest);

        Assert.Empty(result.Issues);
        test.ExpectSameTree();
        Assert.Equal(complete.Count, result.Unchanged);
        var now = Inodes(test);
        Assert.All(complete, file => Assert.Equal(file.Value, now[file.Key]));
    }

    [Fact]
    public async Task A_flush_that_fails_on_the_way_ends_the_run_and_the_next_one_takes_nothing_for_complete()
    {
        await using var test = await TestBackup.CreateAsync();
        // Some 30 MB in blocks: a flush begins at 4 MiB where memory is short.
        test.Shell("mkdir d; i=0; while [ $i -lt 6000 ]; do echo $i > d/$i; i=$((i+1)); done");
        var backup = await test.RunAsync();
        var flushes = 0;

        var told = await Assert.ThrowsAsync<IOException>(() => test.RestoreAsync(backup.Manifest, request => request with { Memory = 1, Synchronize = Fail }));

        Assert.StartsWith(test.Target + ": what was restored is not safe on the disk: ", told.Message, StringComparison.Ordinal);
        Assert.Equal(1, flushes);
        Assert.NotEmpty(Inodes(test));
        Assert.False(File.Exists(test.InTarget(Mark)));
        flushes = 0;
        var again = await test.RestoreAsync(backup.Manifest, request => request with { Memory = 1, Synchronize = _ => Interlocked.Increment(ref flushes) });
        Assert.Equal((0, 0), (again.IssueCount, again.Unchanged));
        Assert.InRange(flushes, 3, 100);
        test.ExpectSameTree();

        void Fail(DirectoryHandle target)
        {
            Interlocked.Increment(ref flushes);
            throw new FileSystemException("syncfs", Errno.InputOutput);
        }
    }

    [Fact]
    public async Task What_was_changed_after_the_interruption_or_was_there_before_is_written_again()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        await FillAsync(test);
        var backup = await test.RunAsync();
        // There before the restore began, and to all appearances the file of the snapshot.
        Directory.CreateDirectory(test.Target);
        File.WriteAllText(test.InTarget("early"), "OTHER");
        TestBackup.Run("touch", "-r", test.InSource("early"), test.InTarget("early"));
        await Task.Delay(50, TestBackup.Cancellation); // more than a tick of the kernel's clock
        await InterruptAsync(test, backup);
        var complete = Inodes(test).Keys.Where(name => name != "early").Order(StringComparer.Ordinal).ToList();
        Assert.NotEmpty(complete);
        File.AppendAllText(test.InTarget(complete[0]), "changed");

        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        test.ExpectSameTree();
    }

    [Fact]
    public async Task Another_snapshot_or_another_part_of_it_takes_nothing_for_complete()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        await FillAsync(test);
        var first = await test.RunAsync();
        test.Shell("touch now; for f in d/file*; do touch -r $f ../time; printf %s \"$(tr a-z b-za < $f)\" > $f; touch -r ../time $f; done");
        var second = await test.RunAsync();
        await InterruptAsync(test, first);

        var result = await test.RestoreAsync(second.Manifest);

        Assert.Equal((0, 0), (result.IssueCount, result.Unchanged));
        test.ExpectSameTree();
        Assert.Equal(0, (await test.RestoreAsync(second.Manifest)).Unchanged);
    }

    [Fact]
    public async Task A_snapshot_that_has_such_a_mark_as_a_file_is_restored_with_it()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell($"printf x > {Mark}; printf y > file");
        var backup = await test.RunAsync();

        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        test.ExpectSameTree();
    }

    [Fact]
    public async Task A_link_or_a_file_of_somebody_in_the_marks_place_is_not_written_through()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf y > file");
        var backup = await test.RunAsync();
        var outside = Path.Combine(test.Root, "outside");
        File.WriteAllText(outside, "somebody's");
        Directory.CreateDirectory(test.Target);
        File.CreateSymbolicLink(test.InTarget(Mark), outside);

        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        Assert.Equal("somebody's", File.ReadAllText(outside));
        test.ExpectSameTree();
    }

    private static async Task FillAsync(TestBackup test)
    {
        var random = SeededRandom.Create();
        test.Shell("mkdir -p d/sub; printf FIRST > early; printf l > linked; ln linked d/linked-too");
        for (var i = 0; i < 40; i++) await File.WriteAllTextAsync(test.InSource("d", $"file{i:D2}"), Convert.ToHexStringLower(random.Bytes(60_000)), TestBackup.Cancellation);
        // More than is read ahead: the last reads begin when files of the first ones are complete.
        for (var i = 0; i < 280; i++) await File.WriteAllBytesAsync(test.InSource("d", "sub", $"more{i:D2}"), random.Bytes(100_000), TestBackup.Cancellation);
    }

    /// <summary>
    /// Ends a restore in the middle: after the first few packs reads are held up, one at a time, until some files are complete, and then
    /// everything ends, with what is open left as it is.
    /// </summary>
    private static async Task InterruptAsync(TestBackup test, BackupResult backup)
    {
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(TestBackup.Cancellation);
        var packs = new HashSet<string>();
        var waiting = false;
        test.Store.BeforeRead = key =>
        {
            lock (packs)
            {
                // One read waits, the others go on.
                if (!key.StartsWith("data/", StringComparison.Ordinal) || (packs.Add(key) && packs.Count < 4) || packs.Count < 4 || waiting) return;
                waiting = true;
            }

            // Not for long: every worker may need what this read brings.
            if (SpinWait.SpinUntil(() => Inodes(test).Count(file => file.Key != "early") >= 5, TimeSpan.FromSeconds(0.5))) cancellation.Cancel();
            else lock (packs) waiting = false;
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => test.RestoreAsync(backup.Manifest, request => request with { Workers = 2 }, cancellation.Token));
        test.Store.BeforeRead = _ => { };
    }

    private static Dictionary<string, string> Inodes(TestBackup test) =>
        TestBackup.Run("find", test.Target, "-type", "f", "-printf", "%P %i\n").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .Where(line => !line[0].Contains(".nodeagent-restore-", StringComparison.Ordinal)).ToDictionary(line => line[0], line => line[1]);
}
