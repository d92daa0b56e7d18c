using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests.Capture;

[Collection(AloneTests.Name)]
public sealed class ParentTreeTests
{
    private static readonly LaterClock Later = new(TimeSpan.FromSeconds(10));

    [Fact]
    public async Task An_unchanged_tree_is_not_opened_to_be_read()
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        for (var i = 0; i < 8; i++) File.WriteAllBytes(test.InSource($"large {i}"), random.Bytes(4 << 20));
        for (var i = 0; i < 200; i++) File.WriteAllBytes(test.InSource($"small {i}"), random.Bytes(10_000));
        var first = await ReadBytesAsync(() => test.RunAsync(request => request with { Time = Later }));

        var second = await ReadBytesAsync(() => test.RunAsync(request => request with { Time = Later }));

        Assert.Equal(208, second.Result.Manifest.Stats.UnchangedFiles);
        // By the kernel's count: the tree once, and then a few pages of the repository.
        Assert.InRange(first.Bytes, (32 << 20) + 2_000_000, long.MaxValue);
        Assert.InRange(second.Bytes, 0, 2 << 20);
    }

    [Theory]
    [InlineData(0.5, false)]
    [InlineData(3.5, true)]
    public async Task A_file_is_trusted_only_when_it_was_older_than_the_racy_window_as_the_last_snapshot_began(double secondsBefore, bool trusted)
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllBytes(test.InSource("file"), new byte[1000]);
        var written = File.GetLastWriteTimeUtc(test.InSource("file"));

        await test.RunAsync(request => request with { Time = new LaterClock(written.AddSeconds(secondsBefore) - DateTime.UtcNow) });
        var second = await test.RunAsync();

        Assert.Equal(trusted ? 1 : 0, second.Manifest.Stats.UnchangedFiles);
    }

    [Fact]
    public async Task A_file_that_was_replaced_by_one_with_the_same_size_and_time_is_read_again()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(test.InSource("file"), "one");
        test.Shell("touch -d 2020-01-01 file");
        await test.RunAsync(request => request with { Time = Later });

        // Twice, so that the inode may be that of the first.
        test.Shell("rm file; printf two > file; touch -d 2020-01-01 file; rm file; printf two > file; touch -d 2020-01-01 file");
        var second = await test.RunAsync(request => request with { Time = Later });

        Assert.Equal((0, 1), (second.Manifest.Stats.UnchangedFiles, second.Manifest.Stats.ChangedFiles));
        await test.RestoreAsync(second.Manifest);
        Assert.Equal("two", File.ReadAllText(test.InTarget("file")));
    }

    [Fact]
    public async Task Content_that_was_written_in_place_under_the_same_time_is_seen_by_its_change_time()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(test.InSource("file"), "one");
        test.Shell("touch -d 2020-01-01 file");
        await test.RunAsync(request => request with { Time = Later });

        test.Shell("printf two > file; touch -d 2020-01-01 file");
        var second = await test.RunAsync(request => request with { Time = Later });

        await test.RestoreAsync(second.Manifest);
        Assert.Equal("two", File.ReadAllText(test.InTarget("file")));
    }

    [Fact]
    public async Task A_change_of_mode_alone_is_kept_and_stores_no_content_again()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllBytes(test.InSource("file"), SeededRandom.Create().Bytes(2 << 20));
        await test.RunAsync(request => request with { Time = Later });

        test.Shell("chmod 604 file");
        var second = await test.RunAsync(request => request with { Time = Later });

        Assert.Equal(1, second.Manifest.Stats.ChangedFiles);
        Assert.InRange(second.Manifest.Stats.NewBytes, 0, 1000);
        Assert.Equal(Convert.ToUInt32("604", 8), (await test.FindAsync(second.Manifest, "file")).Mode);
    }

    [Fact]
    public async Task A_reread_can_be_forced_and_a_parent_refused()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllBytes(test.InSource("file"), new byte[2 << 20]);
        await test.RunAsync(request => request with { Time = Later });

        var forced = await test.RunAsync(request => request with { Time = Later, ForceReread = true });
        var alone = await test.RunAsync(request => request with { Time = Later, Parent = "none" });

        Assert.Equal((0, 1), (forced.Manifest.Stats.UnchangedFiles, forced.Manifest.Stats.ChangedFiles));
        Assert.Equal((null, 0, 1), (alone.Manifest.Parent, alone.Manifest.Stats.UnchangedFiles, alone.Manifest.Stats.NewFiles));
    }

    /// <summary>What all threads of this process were given by read calls meanwhile.</summary>
    private static async Task<(BackupResult Result, long Bytes)> ReadBytesAsync(Func<Task<BackupResult>> run)
    {
        var before = Count();
        var result = await run();
        return (result, Count() - before);

        static long Count() => long.Parse(File.ReadLines("/proc/self/io").First(l => l.StartsWith("rchar: ", StringComparison.Ordinal))[7..], System.Globalization.CultureInfo.InvariantCulture);
    }
}
