using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests.Restore;

/// <summary>Targets that are not simply empty: planted links, racing changes, too little space.</summary>
public sealed class TargetTests
{
    private const string Temporary = ".nodeagent-restore-";
    private const string Mark = ".nodeagent-restore-progress";

    [Theory]
    [InlineData(OverwritePolicy.Always)]
    [InlineData(OverwritePolicy.Never)]
    [InlineData(OverwritePolicy.Fail)]
    public async Task Links_in_place_of_directories_at_any_depth_lead_nowhere_whatever_the_policy(OverwritePolicy policy)
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir -p a/b/inner d; printf x > a/b/victim; printf y > a/b/inner/new; printf z > d/victim; chmod 777 a/b a/b/inner d");
        var backup = await test.RunAsync();
        var outside = new Outside(test);
        Directory.CreateDirectory(test.InTarget("a"));
        File.CreateSymbolicLink(test.InTarget("a", "b"), outside.Directory);
        File.CreateSymbolicLink(test.InTarget("d"), "../outside");

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = policy });

        outside.ExpectUntouched();
        if (policy == OverwritePolicy.Always)
        {
            Assert.Empty(result.Issues);
            test.ExpectSameTree();
        }
        else
        {
            Assert.Equal(["a/b", "d"], result.Issues.Select(i => System.Text.Encoding.UTF8.GetString(i.Path)).Order(StringComparer.Ordinal));
            Assert.Equal(outside.Directory, new FileInfo(test.InTarget("a", "b")).LinkTarget);
        }
    }

    [Theory]
    [InlineData(OverwritePolicy.Never)]
    [InlineData(OverwritePolicy.Always)]
    public async Task A_directory_that_is_swapped_for_a_link_again_and_again_never_leads_outside(OverwritePolicy policy)
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir -p d/inner d/empty; for i in 1 2 3; do printf x > d/file$i; ln -s x d/link$i; printf y > d/inner/file$i; done; printf z > d/victim; ln d/file1 d/linked; chmod 777 d/inner");
        var backup = await test.RunAsync();
        var outside = new Outside(test);
        await test.RestoreAsync(backup.Manifest);
        var (there, other) = (test.InTarget("d"), test.InTarget("other"));
        File.CreateSymbolicLink(other, outside.Directory);
        using var target = Files.OpenRoot(test.Target);
        var swaps = 0;
        await using (new Disturbance(_ =>
        {
            if (Exchange.Try(target, "d", "other")) swaps++;
            // The restore took the link away and made a directory: plant it anew.
            if (new FileInfo(other).LinkTarget is not null || new FileInfo(there).LinkTarget is not null) return;
            try
            {
                if (Directory.Exists(other)) Directory.Delete(other, recursive: true);
                File.CreateSymbolicLink(other, outside.Directory);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The restore is still writing there.
            }
        }))
        {
            for (var round = 0; round < 150; round++) await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = policy });
        }

        Assert.True(swaps > 150, $"only {swaps} swaps");
        outside.ExpectUntouched();
    }

    [Fact]
    public async Task A_temporary_file_that_is_swapped_for_a_link_gives_nothing_outside_a_new_mode_or_owner()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("for i in 1 2 3 4 5 6 7 8 9; do mkfifo pipe$i; ln -s x link$i; printf x > file$i; done; chmod 777 pipe* file*; touch -h -d 2001-01-01 *");
        var backup = await test.RunAsync();
        var outside = new Outside(test);
        await using (new Disturbance(_ =>
        {
            foreach (var path in Directory.EnumerateFileSystemEntries(test.Target, Temporary + "*"))
            {
                try
                {
                    File.Delete(path);
                    File.CreateSymbolicLink(path, outside.Victim);
                }
                catch (IOException)
                {
                    // It has its final name by now.
                }
            }
        }))
        {
            for (var round = 0; round < 60; round++) await test.RestoreAsync(backup.Manifest);
        }

        outside.ExpectUntouched();
    }

    [Fact]
    public async Task A_directory_in_place_of_a_file_is_replaced_when_it_is_empty_and_reported_when_not()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf a > empty; printf b > full; mkdir was-file; printf c > was-file/inner");
        var backup = await test.RunAsync();
        Directory.CreateDirectory(test.InTarget("empty"));
        Directory.CreateDirectory(test.InTarget("full"));
        File.WriteAllText(test.InTarget("full", "precious"), "kept");
        File.WriteAllText(test.InTarget("was-file"), "a file");

        var result = await test.RestoreAsync(backup.Manifest);

        var issue = Assert.Single(result.Issues);
        Assert.Equal("full"u8, issue.Path);
        Assert.Contains("not empty", issue.Reason, StringComparison.Ordinal);
        Assert.Equal("a", File.ReadAllText(test.InTarget("empty")));
        Assert.Equal("kept", File.ReadAllText(test.InTarget("full", "precious")));
        Assert.Equal("c", File.ReadAllText(test.InTarget("was-file", "inner")));
        Assert.Empty(Directory.EnumerateFileSystemEntries(test.Target, Temporary + "*"));
    }

    [Theory]
    [InlineData(OverwritePolicy.Never, 0)]
    [InlineData(OverwritePolicy.Fail, 4)]
    public async Task What_is_there_stays_whatever_it_is_and_the_rest_is_restored(OverwritePolicy policy, int issues)
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf new > file; ln -s new link; mkfifo pipe; printf large > dangling; printf more > more; mkdir d; printf x > d/x");
        var backup = await test.RunAsync();
        Directory.CreateDirectory(test.InTarget("d"));
        File.WriteAllText(test.InTarget("file"), "old");
        File.CreateSymbolicLink(test.InTarget("link"), "old");
        File.CreateSymbolicLink(test.InTarget("dangling"), "nowhere");
        File.WriteAllText(test.InTarget("pipe"), "old pipe");

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = policy });

        Assert.Equal((issues, 4), (result.IssueCount, result.Skipped));
        Assert.Equal(("old", "old", "old pipe"), (File.ReadAllText(test.InTarget("file")), new FileInfo(test.InTarget("link")).LinkTarget, File.ReadAllText(test.InTarget("pipe"))));
        Assert.Equal("nowhere", new FileInfo(test.InTarget("dangling")).LinkTarget);
        Assert.Equal(("more", "x"), (File.ReadAllText(test.InTarget("more")), File.ReadAllText(test.InTarget("d", "x"))));
        Assert.Empty(Directory.EnumerateFileSystemEntries(test.Target, Temporary + "*"));
    }

    [Fact]
    public async Task A_restore_that_cannot_fit_is_refused_before_anything_is_written()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllBytes(test.InSource("large"), SeededRandom.Create().Bytes(5 << 20));
        File.WriteAllText(test.InSource("small"), "x");
        var backup = await test.RunAsync();
        using var target = MountedTmpfs.AtOrSkip(test.Target, "size=2m");

        var failure = await Assert.ThrowsAsync<IOException>(() => test.RestoreAsync(backup.Manifest));

        Assert.Contains($"{test.Target}: the restore needs 5.0 MiB and 2.0 MiB are free", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(test.Target));
        // A part of it fits.
        Assert.Empty((await test.RestoreAsync(backup.Manifest, request => request with { Includes = ["small"] })).Issues);
    }

    [Fact]
    public async Task A_target_in_memory_takes_no_more_than_the_process_may_spend_on_it()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("truncate -s 100M sparse; ln sparse again");
        File.WriteAllBytes(test.InSource("large"), SeededRandom.Create().Bytes(5 << 20));
        var backup = await test.RunAsync();
        using (MountedTmpfs.AtOrSkip(test.Target, "size=16m"))
        {
            // Also where other files are in it, by which its free space is not asked for.
            File.WriteAllText(test.InTarget("other"), "x");

            var failure = await Assert.ThrowsAsync<IOException>(() => test.RestoreAsync(backup.Manifest, request => request with { VolatileLimit = 4 << 20 }));

            Assert.Contains($"{test.Target}: the restore needs 5.0 MiB, the volume is in memory", failure.Message, StringComparison.Ordinal);
            Assert.Contains("4.0 MiB for it; nothing was written", failure.Message, StringComparison.Ordinal);
            Assert.Equal([test.InTarget("other")], Directory.EnumerateFileSystemEntries(test.Target));
            Assert.Empty((await test.RestoreAsync(backup.Manifest, request => request with { VolatileLimit = 6 << 20 })).Issues);
        }

        // A disk is another matter.
        Assert.Empty((await test.RestoreAsync(backup.Manifest, request => request with { VolatileLimit = 1, TargetPath = test.Target + "-2" })).Issues);
    }

    [Fact]
    public async Task Holes_and_further_names_are_not_counted_as_space_that_is_needed()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("truncate -s 100M sparse; head -c 1000000 /dev/urandom > file; ln file again; ln file third");
        var backup = await test.RunAsync();
        using var target = MountedTmpfs.AtOrSkip(test.Target, "size=2m");

        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        test.ExpectSameTree();
    }

    [Fact]
    public async Task A_disk_that_is_full_ends_the_restore_with_one_error_that_names_the_file()
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        Directory.CreateDirectory(test.InSource("b"));
        File.WriteAllBytes(test.InSource("b", "too large"), random.Bytes(5 << 20));
        for (var i = 0; i < 50; i++) File.WriteAllBytes(test.InSource($"c {i}"), random.Bytes(100_000));
        var backup = await test.RunAsync();
        using var target = MountedTmpfs.AtOrSkip(test.Target, "size=2m");

        var failure = await Assert.ThrowsAsync<IOException>(() => test.RestoreAsync(backup.Manifest, request => request with { IgnoreFreeSpace = true, Workers = 1 }));

        // Small files that are written beside the large one can be what no longer fits.
        Assert.Matches(" at (b/too large|c [0-9]+): ", failure.Message);
        Assert.Contains("ENOSPC", failure.Message, StringComparison.Ordinal);
        Assert.Contains(test.Target, failure.Message, StringComparison.Ordinal);
        // The mark stays, so that the next run continues.
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(test.Target, Temporary + "*", SearchOption.AllDirectories), path => path != test.InTarget(Mark));
        Assert.All(Directory.GetFiles(test.Target).Where(path => path != test.InTarget(Mark)), file => Assert.Equal(File.ReadAllBytes(test.InSource(Path.GetFileName(file))), File.ReadAllBytes(file)));
        Assert.False(File.Exists(test.InTarget("b", "too large")));
    }

    [Fact]
    public async Task A_target_that_may_not_be_written_ends_the_restore_with_one_error()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf x > file");
        var backup = await test.RunAsync();
        using var target = MountedTmpfs.AtOrSkip(test.Target, "size=2m");
        TestBackup.Run("mount", "-o", "remount,ro", test.Target);

        var failure = await Assert.ThrowsAsync<IOException>(() => test.RestoreAsync(backup.Manifest));

        Assert.Contains("file", failure.Message, StringComparison.Ordinal);
        Assert.Contains("EROFS", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_restore_says_so_and_leaves_only_complete_files()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        var random = SeededRandom.Create();
        for (var i = 0; i < 20; i++) File.WriteAllBytes(test.InSource($"file {i:d2}"), random.Bytes(1 << 20));
        var backup = await test.RunAsync();
        using var cancellation = new CancellationTokenSource();
        var reads = 0;
        test.Store.BeforeRead = key =>
        {
            if (key.StartsWith("data/", StringComparison.Ordinal) && Interlocked.Increment(ref reads) == 5) cancellation.Cancel();
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => test.RestoreAsync(backup.Manifest, cancellation: cancellation.Token).WaitAsync(TimeSpan.FromSeconds(30), TestBackup.Cancellation));

        var files = Directory.GetFiles(test.Target).Where(path => path != test.InTarget(Mark)).ToList();
        Assert.InRange(files.Count, 0, 10);
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(test.InSource(Path.GetFileName(file))), File.ReadAllBytes(file)));
    }

    [Fact]
    public async Task A_pack_that_is_lost_costs_the_files_in_it_and_no_others()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        var random = SeededRandom.Create();
        for (var i = 0; i < 10; i++) File.WriteAllBytes(test.InSource($"file {i}"), random.Bytes(2 << 20));
        File.WriteAllText(test.InSource("inline"), "x");
        string? lost = null;
        test.Store.BeforePut = key =>
        {
            if (key.StartsWith("data/", StringComparison.Ordinal)) lost ??= key;
            return Task.CompletedTask;
        };
        var backup = await test.RunAsync();
        File.Delete(Path.Combine(test.Root, "repository", lost!));

        var result = await test.RestoreAsync(backup.Manifest);

        Assert.InRange(result.IssueCount, 1, 3);
        Assert.All(result.Issues, issue => Assert.Contains(lost!, issue.Reason, StringComparison.Ordinal));
        Assert.Equal(11 - result.IssueCount, result.Files);
        var missing = result.Issues.Select(issue => System.Text.Encoding.UTF8.GetString(issue.Path)).ToHashSet();
        foreach (var file in Directory.GetFiles(test.Source).Where(file => !missing.Contains(Path.GetFileName(file))))
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(test.InTarget(Path.GetFileName(file))));
    }

    [Fact]
    public async Task A_target_that_is_a_file_is_an_error_that_names_it()
    {
        await using var test = await TestBackup.CreateAsync();
        var backup = await test.RunAsync();
        File.WriteAllText(test.Target, "in the way");

        var failure = await Assert.ThrowsAnyAsync<IOException>(() => test.RestoreAsync(backup.Manifest));

        Assert.Contains(test.Target, failure.Message, StringComparison.Ordinal);
        Assert.IsNotType<FileSystemException>(failure);
        Assert.Equal("in the way", File.ReadAllText(test.Target));
    }
}
