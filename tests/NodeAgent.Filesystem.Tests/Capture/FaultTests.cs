using System.Collections.Concurrent;
using System.Text;
using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class FaultTests
{
    [Fact]
    public async Task Files_and_directories_that_vanish_after_they_were_listed_are_reported_and_the_rest_is_complete()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        WriteLarge(test, 30);
        // More than are looked at ahead of the walk.
        test.Shell("seq -f 'm%g' 3000 | xargs touch");
        Directory.CreateDirectory(test.InSource("z directory", "inner"));
        File.WriteAllText(test.InSource("z file"), "gone soon");
        File.WriteAllText(test.InSource("z last"), "stays");
        // The root is listed by then, and with one worker the walk is a few files ahead at most.
        test.OnFirstPack(() =>
        {
            File.Delete(test.InSource("z file"));
            Directory.Delete(test.InSource("z directory"), recursive: true);
        });

        var result = await test.RunAsync(request => request with { Workers = 1 });

        Assert.Equal(SnapshotOutcome.PartiallyFailed, result.Manifest.Outcome);
        Assert.Equal(["z directory", "z file"], result.Manifest.Issues.Select(i => Encoding.UTF8.GetString(i.Path)));
        Assert.All(result.Manifest.Issues, issue => Assert.Contains("vanished", issue.Error, StringComparison.Ordinal));
        Assert.Null(await test.TryFindAsync(result.Manifest, "z file"));
        Assert.Null(await test.TryFindAsync(result.Manifest, "z directory"));
        Assert.Equal(3031, result.Manifest.Stats.Files);
        await test.CheckAsync();
        await test.RestoreAsync(result.Manifest);
        // The root's own time is that of before the deletion.
        File.SetLastWriteTimeUtc(test.Target, File.GetLastWriteTimeUtc(test.Source));
        test.Shell("touch .; touch -r . ../target");
        test.ExpectSameTree();
    }

    [Fact]
    public async Task A_directory_that_vanishes_while_it_is_walked_costs_only_what_was_in_it()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        Directory.CreateDirectory(test.InSource("going"));
        WriteLarge(test, 30, "going");
        File.WriteAllText(test.InSource("z last"), "stays");
        test.OnFirstPack(() => Directory.Delete(test.InSource("going"), recursive: true));

        var result = await test.RunAsync(request => request with { Workers = 1 });

        Assert.Equal(SnapshotOutcome.PartiallyFailed, result.Manifest.Outcome);
        Assert.All(result.Manifest.Issues, issue => Assert.StartsWith("going/", Encoding.UTF8.GetString(issue.Path), StringComparison.Ordinal));
        Assert.Equal(30, result.Manifest.IssueCount + result.Manifest.Stats.Files - 1);
        Assert.NotNull(await test.TryFindAsync(result.Manifest, "z last"));
        await test.CheckAsync();
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_is_kept_without_content_and_reported()
    {
        await using var test = await TestBackup.CreateAsync();

        // Its first page is never mapped: reading it is an I/O error, for root too.
        var result = await test.RunAsync(request => request with { SourcePath = "/proc/self/mem" });

        Assert.Equal(SnapshotOutcome.PartiallyFailed, result.Manifest.Outcome);
        var issue = Assert.Single(result.Manifest.Issues);
        Assert.Equal(("mem", "read"), (Encoding.UTF8.GetString(issue.Path), issue.Operation));
        Assert.Contains("EIO", issue.Error, StringComparison.Ordinal);
        Assert.True((await test.FindAsync(result.Manifest, "mem")).UnreadableContent);
        var restored = await test.RestoreAsync(result.Manifest);
        Assert.Contains(restored.Issues, i => i.Reason.Contains("could not be read when it was backed up", StringComparison.Ordinal));
        Assert.False(File.Exists(test.InTarget("mem")));
    }

    [Fact]
    public async Task A_file_that_changes_once_while_it_is_read_is_read_again_and_is_whole()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        var random = SeededRandom.Create();
        var path = test.InSource("large");
        File.WriteAllBytes(path, random.Bytes(24 << 20));
        test.OnFirstPack(() =>
        {
            using var file = new FileStream(path, FileMode.Append);
            file.Write("and a little more"u8);
        });

        var result = await test.RunAsync();

        Assert.Equal(SnapshotOutcome.Completed, result.Manifest.Outcome);
        var entry = await test.FindAsync(result.Manifest, "large");
        Assert.False(entry.ChangedWhileRead);
        Assert.Equal((24 << 20) + 17, entry.Size);
        await test.RestoreAsync(result.Manifest);
        // The time too is that of the content: a restore with the time of before would say that the file is older than it is.
        test.ExpectSameTree();
    }

    [Fact]
    public async Task A_file_that_keeps_growing_is_marked_and_reported_and_the_rest_is_complete()
    {
        await using var test = await TestBackup.CreateAsync();
        var path = test.InSource("growing");
        File.WriteAllBytes(path, new byte[64 << 20]);
        File.WriteAllText(test.InSource("calm"), "as it was");
        BackupResult result;
        await using (var stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0))
        {
            // Bounded, whatever becomes of the run.
            await using var disturbance = new Disturbance(round =>
            {
                if (round < 50_000_000) stream.WriteByte(1);
            });
            result = await test.RunAsync();
        }

        Assert.Equal(SnapshotOutcome.PartiallyFailed, result.Manifest.Outcome);
        Assert.Equal("growing", Encoding.UTF8.GetString(Assert.Single(result.Manifest.Issues).Path));
        var entry = await test.FindAsync(result.Manifest, "growing");
        Assert.True(entry.ChangedWhileRead);
        Assert.False((await test.FindAsync(result.Manifest, "calm")).ChangedWhileRead);
        await test.CheckAsync();
        Assert.Empty((await test.RestoreAsync(result.Manifest)).Issues);
        Assert.Equal(entry.Size, new FileInfo(test.InTarget("growing")).Length);

        var next = await test.RunAsync(request => request with { Time = new LaterClock(TimeSpan.FromSeconds(10)) });
        Assert.Equal(SnapshotOutcome.Completed, next.Manifest.Outcome);
    }

    [Fact]
    public async Task A_file_that_is_cut_and_filled_again_while_it_is_read_never_breaks_the_run()
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        var path = test.InSource("unsteady");
        File.WriteAllBytes(path, random.Bytes(16 << 20));
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var piece = random.Bytes(1 << 20);
        BackupResult result;
        await using (new Disturbance(_ =>
        {
            RandomAccess.SetLength(handle, random.Next(16 << 20));
            RandomAccess.Write(handle, piece, random.Next(16 << 20));
        }))
        {
            result = await test.RunAsync();
        }

        // Marked and reported, or neither: when the second reading happened to find it at rest.
        var entry = await test.FindAsync(result.Manifest, "unsteady");
        Assert.Equal(entry.ChangedWhileRead ? ["unsteady"] : [], result.Manifest.Issues.Select(issue => Encoding.UTF8.GetString(issue.Path)));
        await test.CheckAsync();
        Assert.Empty((await test.RestoreAsync(result.Manifest)).Issues);
        Assert.Equal(entry.Size, new FileInfo(test.InTarget("unsteady")).Length);
    }

    [Fact]
    public async Task A_small_file_that_becomes_a_large_one_while_it_is_read_never_breaks_the_run()
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        var bytes = random.Bytes(200_000);
        File.WriteAllBytes(test.InSource("breathing"), bytes[..100]);
        using var handle = File.OpenHandle(test.InSource("breathing"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        await using (new Disturbance(round =>
        {
            RandomAccess.Write(handle, bytes.AsSpan(0, (round % 3 * 60_000) + 100), 0);
            RandomAccess.SetLength(handle, 100 + (round % 5 * 7_000));
        }))
        {
            for (var round = 0; round < 40; round++)
            {
                var result = await test.RunAsync();
                Assert.Equal(1, result.Manifest.Stats.Files);
                var entry = await test.FindAsync(result.Manifest, "breathing");
                Assert.Equal(entry.Size, entry.Content!.Length);
                Assert.Equal(entry.ChangedWhileRead, result.Manifest.Outcome == SnapshotOutcome.PartiallyFailed);
            }
        }

        await test.CheckAsync();
    }

    [Fact]
    public async Task Names_that_are_a_file_now_and_a_directory_then_never_break_the_run()
    {
        await using var test = await TestBackup.CreateAsync();
        const int names = 100;
        for (var i = 0; i < names; i++) Directory.CreateDirectory(test.InSource($"name {i:d3}"));
        File.WriteAllText(test.InSource("z last"), "calm");
        await using (new Disturbance(round =>
        {
            var path = test.InSource($"name {round % names:d3}");
            if (Directory.Exists(path) && new FileInfo(path).LinkTarget is null)
            {
                Directory.Delete(path, recursive: true);
                if (round / names % 2 == 0) File.WriteAllText(path, "file");
                else File.CreateSymbolicLink(path, "elsewhere");
            }
            else
            {
                File.Delete(path);
                Directory.CreateDirectory(path);
                File.WriteAllText(Path.Combine(path, "inner"), "inner");
            }
        }))
        {
            for (var round = 0; round < 30; round++)
            {
                var result = await test.RunAsync();
                Assert.Equal("calm", Encoding.UTF8.GetString(Assert.IsType<InlineContent>((await test.FindAsync(result.Manifest, "z last")).Content).Bytes.Span));
                Assert.All(result.Manifest.Issues, issue => Assert.StartsWith("name ", Encoding.UTF8.GetString(issue.Path), StringComparison.Ordinal));
            }
        }

        await test.CheckAsync();
    }

    [Fact]
    public async Task A_parent_that_is_damaged_only_costs_reading_everything_again()
    {
        await using var test = await TestBackup.CreateAsync();
        // More than fits an inline directory, and small files enough that a bundle is open when the damage is met.
        for (var i = 0; i < 1500; i++) File.WriteAllText(test.InSource($"file {i:d4}"), new string((char)('a' + (i % 26)), 600));
        var clock = new LaterClock(TimeSpan.FromSeconds(10));
        await test.RunAsync(request => request with { Time = clock });
        test.Store.BeforeRead = key =>
        {
            if (key.StartsWith("data/", StringComparison.Ordinal)) throw new RepositoryFormatException(key, 0, "damaged by the test");
        };

        var second = await test.RunAsync(request => request with { Time = clock }).WaitAsync(TimeSpan.FromSeconds(30), TestBackup.Cancellation);

        Assert.Equal(SnapshotOutcome.Completed, second.Manifest.Outcome);
        Assert.Equal((1500, 0), (second.Manifest.Stats.Files, second.Manifest.Stats.UnchangedFiles));
    }

    /// <summary>Every batch of names needs the upper page.</summary>
    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, ParentPages.MostTries)]
    public async Task A_page_of_the_parent_that_is_damaged_is_not_read_for_every_batch_of_names(bool isDamage, int most)
    {
        await using var test = await TestBackup.CreateAsync();
        const int files = 40 * NameBatch.Length;
        for (var i = 0; i < files; i++) File.WriteAllText(test.InSource($"file {i:d4}"), "");
        var clock = new LaterClock(TimeSpan.FromSeconds(10));
        await test.RunAsync(request => request with { Time = clock });
        var asked = new ConcurrentDictionary<(string, long, int), int>();
        test.Store.BeforeReadRange = (key, offset, length) =>
        {
            if (!key.StartsWith("data/", StringComparison.Ordinal)) return;
            asked.AddOrUpdate((key, offset, length), 1, (_, before) => before + 1);
            throw isDamage ? new RepositoryFormatException(key, offset, "damaged by the test") : new StoreException(StoreFailure.Transient, "reading", key, "made up by the test");
        };

        var second = await test.RunAsync(request => request with { Time = clock, Workers = 1 });

        Assert.Equal((SnapshotOutcome.Completed, files, 0), (second.Manifest.Outcome, second.Manifest.Stats.Files, second.Manifest.Stats.UnchangedFiles));
        // The helper and the walk may both be on their way to it.
        Assert.InRange(asked.Values.Max(), 1, most + 1);
    }

    [Fact]
    public async Task A_parent_that_cannot_be_read_for_a_moment_costs_reading_a_few_names_again()
    {
        await using var test = await TestBackup.CreateAsync();
        for (var i = 0; i < 1500; i++) File.WriteAllText(test.InSource($"file {i:d4}"), new string((char)('a' + (i % 26)), 600));
        var clock = new LaterClock(TimeSpan.FromSeconds(10));
        await test.RunAsync(request => request with { Time = clock });
        // Every part of a pack the first time it is asked for: the directory's upper page, and each of those below.
        var asked = new ConcurrentDictionary<(string, long), bool>();
        test.Store.BeforeReadRange = (key, offset, _) =>
        {
            if (key.StartsWith("data/", StringComparison.Ordinal) && asked.TryAdd((key, offset), true))
                throw new StoreException(StoreFailure.Other, "reading", key, "made up by the test");
        };

        var second = await test.RunAsync(request => request with { Time = clock, Workers = 1 });

        // The helper and the walk may both meet a failure, each with a batch of names.
        Assert.Equal((SnapshotOutcome.Completed, 1500), (second.Manifest.Outcome, second.Manifest.Stats.Files));
        Assert.InRange(1500 - second.Manifest.Stats.UnchangedFiles, 1, asked.Count * 2 * NameBatch.Length);
        Assert.InRange(second.Manifest.Stats.UnchangedFiles, 300, 1500);
    }

    [Fact]
    public async Task A_link_that_is_swapped_for_another_at_any_moment_is_one_or_the_other_and_never_both()
    {
        await using var test = await TestBackup.CreateAsync(inMemory: true);
        test.Shell("ln -s 1001 a; ln -s 1002 b; touch -h -d @1001 a; touch -h -d @1002 b");
        using var source = Files.OpenRoot(test.Source);
        await using (new Disturbance(_ => Exchange.Try(source, "a", "b")))
        {
            for (var round = 0; round < 300; round++)
            {
                var result = await test.RunAsync();
                foreach (var name in (string[])["a", "b"])
                {
                    if (await test.TryFindAsync(result.Manifest, name) is not { } link) continue;
                    Assert.Equal($"{link.Modified.Seconds}", Encoding.UTF8.GetString(link.LinkTarget.Span));
                }
            }
        }
    }

    [Fact]
    public async Task A_store_that_fails_ends_the_run_with_its_reason_and_without_a_snapshot()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        WriteLarge(test, 10);
        for (var i = 0; i < 500; i++) File.WriteAllBytes(test.InSource($"small {i:d4}"), Random.Shared.Bytes(6000));
        var packs = 0;
        test.Store.BeforePut = key => key.StartsWith("data/", StringComparison.Ordinal) && Interlocked.Increment(ref packs) >= 3
            ? throw new StoreException(StoreFailure.DiskFull, "writing", key, "no space left on device (made up by the test)")
            : Task.CompletedTask;

        var failure = await Assert.ThrowsAnyAsync<RepositoryException>(() => test.RunAsync().WaitAsync(TimeSpan.FromSeconds(60), TestBackup.Cancellation));

        Assert.Contains("made up by the test", failure.Message, StringComparison.Ordinal);
        Assert.Empty(await new SnapshotCatalog(test.Repository).ListAsync(null, TestBackup.Cancellation));
        test.Store.BeforePut = _ => Task.CompletedTask;
        Assert.Equal(SnapshotOutcome.Completed, (await test.RunAsync()).Manifest.Outcome);
        await test.CheckAsync();
    }

    [Fact]
    public async Task A_cancelled_run_ends_at_once_and_leaves_a_valid_repository_without_a_snapshot()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        WriteLarge(test, 60);
        for (var i = 0; i < 500; i++) File.WriteAllBytes(test.InSource($"small {i:d4}"), Random.Shared.Bytes(6000));
        using var cancellation = new CancellationTokenSource();
        var packs = 0;
        test.Store.BeforePut = key => key.StartsWith("data/", StringComparison.Ordinal) && Interlocked.Increment(ref packs) == 3 ? cancellation.CancelAsync() : Task.CompletedTask;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => test.RunAsync(cancellation: cancellation.Token).WaitAsync(TimeSpan.FromSeconds(30), TestBackup.Cancellation));

        // What was under way may still be sent, not the sixty files.
        Assert.InRange(packs, 3, 20);
        Assert.Empty(await new SnapshotCatalog(test.Repository).ListAsync(null, TestBackup.Cancellation));
        await test.CheckAsync();
        Assert.Equal(SnapshotOutcome.Completed, (await test.RunAsync()).Manifest.Outcome);
        await test.CheckAsync();
    }

    private static void WriteLarge(TestBackup test, int count, string directory = "")
    {
        var random = SeededRandom.Create();
        for (var i = 0; i < count; i++) File.WriteAllBytes(test.InSource(directory, $"file {i:d2}"), random.Bytes(1 << 20));
    }
}
