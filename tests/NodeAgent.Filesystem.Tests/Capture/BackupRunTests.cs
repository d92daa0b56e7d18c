using System.Text;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class BackupRunTests
{
    [Fact]
    public async Task A_tree_becomes_entries_with_everything_that_is_known_of_the_files()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(Path.Combine(test.Source, "small"), "some text");
        Directory.CreateDirectory(Path.Combine(test.Source, "sub", "deeper"));
        File.WriteAllBytes(Path.Combine(test.Source, "sub", "bundled"), new byte[5000]);
        var large = new byte[3_000_000];
        Random.Shared.NextBytes(large);
        File.WriteAllBytes(Path.Combine(test.Source, "sub", "large"), large);
        File.CreateSymbolicLink(Path.Combine(test.Source, "link"), "sub/large");
        TestBackup.Run("ln", Path.Combine(test.Source, "small"), Path.Combine(test.Source, "other name"));
        TestBackup.Run("mkfifo", Path.Combine(test.Source, "fifo"));
        TestBackup.Run("chmod", "4751", Path.Combine(test.Source, "small"));

        var result = await test.RunAsync();

        Assert.Equal(SnapshotOutcome.Completed, result.Manifest.Outcome);
        Assert.Equal(4, result.Manifest.Stats.Files);
        Assert.Equal(3, result.Manifest.Stats.Directories);
        Assert.Equal(3_005_018, result.Manifest.Stats.Bytes);
        var small = await test.FindAsync(result.Manifest, "small");
        Assert.Equal("some text", Encoding.UTF8.GetString(Assert.IsType<InlineContent>(small.Content).Bytes.Span));
        Assert.Equal(Convert.ToUInt32("4751", 8), small.Mode);
        Assert.NotNull(small.HardLinkDevice);
        Assert.Equal(small.Inode, (await test.FindAsync(result.Manifest, "other name")).Inode);
        Assert.IsType<BundleSlice>((await test.FindAsync(result.Manifest, "sub/bundled")).Content);
        Assert.Equal("sub/large", Encoding.UTF8.GetString((await test.FindAsync(result.Manifest, "link")).LinkTarget.Span));
        Assert.Equal(TreeEntryType.Fifo, (await test.FindAsync(result.Manifest, "fifo")).Type);

        var entry = await test.FindAsync(result.Manifest, "sub/large");
        using var reader = test.Repository.CreateReader();
        var read = new MemoryStream();
        foreach (var item in Assert.IsType<ChunkList>(entry.Content).Items)
            read.Write((await reader.ReadSharedAsync(Repository.Objects.ChunkKind.Data, item.Id, 4 << 20, TestBackup.Cancellation)).Span);
        Assert.True(read.ToArray().AsSpan().SequenceEqual(large));
    }

    [Fact]
    public async Task An_unchanged_tree_is_not_read_again_and_stores_nothing()
    {
        await using var test = await TestBackup.CreateAsync();
        for (var i = 0; i < 50; i++) File.WriteAllText(Path.Combine(test.Source, $"file {i}"), new string('x', 100 * i));
        // Older than the racy window.
        TestBackup.Run("find", test.Source, "-type", "f", "-exec", "touch", "-d", "2020-01-01", "{}", "+");
        await Task.Delay(TimeSpan.FromSeconds(2.2), TestBackup.Cancellation);
        await test.RunAsync();

        var second = await test.RunAsync();

        Assert.Equal(50, second.Manifest.Stats.UnchangedFiles);
        Assert.Equal(0, second.Manifest.Stats.NewBytes);
        Assert.NotNull(second.Manifest.Parent);
    }

    [Fact]
    public async Task A_file_written_within_the_racy_window_is_read_again()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(Path.Combine(test.Source, "fresh"), "just written");
        await test.RunAsync();

        var second = await test.RunAsync();

        Assert.Equal(0, second.Manifest.Stats.UnchangedFiles);
        Assert.Equal(1, second.Manifest.Stats.ChangedFiles);
    }

    [Fact]
    public async Task Holes_are_kept_as_holes_and_take_no_space()
    {
        await using var test = await TestBackup.CreateAsync();
        using (var handle = File.OpenHandle(Path.Combine(test.Source, "sparse"), FileMode.CreateNew, FileAccess.Write))
        {
            RandomAccess.SetLength(handle, 10L << 30);
            RandomAccess.Write(handle, "island"u8, 5L << 30);
        }

        var result = await test.RunAsync();

        var entry = await test.FindAsync(result.Manifest, "sparse");
        Assert.Equal(10L << 30, entry.Size);
        var list = Assert.IsType<ChunkList>(entry.Content);
        Assert.Contains(list.Items, item => item.IsHole && item.Length == 5L << 30);
        Assert.True(result.Manifest.Stats.NewBytes < 1 << 20);
    }

    [Fact]
    public async Task Names_are_bytes_and_excluded_ones_are_left_out()
    {
        await using var test = await TestBackup.CreateAsync();
        TestBackup.Run("sh", "-c", $"cd '{test.Source}' && printf x > \"$(printf 'not\\377utf8')\" && printf y > 'line\nbreak' && mkdir -p cache/deep && touch cache/deep/a b.tmp keep");

        var result = await test.RunAsync(request => request with { Excludes = ["*.tmp", "cache/deep"] });

        Assert.Equal(3, result.Manifest.Stats.Files);
        using var reader = test.Repository.CreateReader();
        var names = new List<byte[]>();
        await foreach (var entry in new TreeReader(reader.Source, test.Repository.Config.Parameters.Trees).ReadDirectoryAsync(result.Manifest.ReadRoot(), TestBackup.Cancellation)) names.Add(entry.Name.ToArray());
        Assert.Contains(names, n => n.AsSpan().SequenceEqual("not\xffutf8".Select(c => (byte)c).ToArray()));
        Assert.DoesNotContain(names, n => n.AsSpan().SequenceEqual("b.tmp"u8));
    }
}
