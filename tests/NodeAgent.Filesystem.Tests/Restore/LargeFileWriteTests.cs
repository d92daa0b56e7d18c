using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Restore;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Filesystem.Tests.Restore;

/// <summary>Files that are written in parts, by several threads, past the page cache where the file system does that.</summary>
public sealed class LargeFileWriteTests : IDisposable
{
    /// <summary>Chunks whose ends lie anywhere in a block, and parts of many chunks.</summary>
    private static readonly RepositoryParameters SmallChunks = RepositoryParameters.Default with { PackTarget = 1 << 20, Chunker = new ChunkerParameters(16 << 10, 32 << 10, 1 << 20) };

    private readonly string _directory = Directory.CreateTempSubdirectory("nodeagent-large-").FullName;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public async Task Files_in_many_parts_come_back_with_their_holes_and_odd_lengths(int workers)
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        for (var file = 0; file < 4; file++)
        {
            using var stream = File.Create(test.InSource($"file {file}"));
            for (var part = 0; part < 5; part++)
            {
                stream.Write(random.Bytes(random.Next(1, 9 << 20)));
                // Holes begin and end at blocks, data of zeros between them need not.
                if (random.Next(2) == 0) stream.Seek((stream.Length + (random.Next(1, 40) << 12)) / 4096 * 4096, SeekOrigin.Begin);
                else stream.Write(new byte[random.Next(100_000)]);
            }

            stream.Write(random.Bytes(random.Next(1, 5000)));
        }

        var backup = await test.RunAsync();
        Assert.Empty((await test.RestoreAsync(backup.Manifest, request => request with { Workers = workers })).Issues);
        test.ExpectSameTree();
    }

    [Fact]
    public async Task A_part_that_is_lost_costs_its_file_and_leaves_nothing_of_it()
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        File.WriteAllBytes(test.InSource("a before"), random.Bytes(7 << 20));
        File.WriteAllBytes(test.InSource("b lost"), random.Bytes(40 << 20));
        File.WriteAllBytes(test.InSource("c after"), random.Bytes(7 << 20));
        var backup = await test.RunAsync();
        using (var reader = test.Repository.CreateReader())
        {
            var tree = new Repository.Trees.TreeReader(reader.Source, test.Repository.Config.Parameters.Trees);
            var at = 0L;
            await foreach (var item in tree.ReadContentAsync((await test.FindAsync(backup.Manifest, "b lost")).Content!, TestBackup.Cancellation))
            {
                at += item.Length;
                if (at < 20 << 20) continue;
                Assert.True(reader.TryLocate(item.Id, out var place));
                using var pack = File.Open(Path.Combine(test.Root, "repository", place.Pack.Key), FileMode.Open, FileAccess.ReadWrite);
                pack.Position = place.Offset + 100;
                var was = pack.ReadByte();
                pack.Position--;
                pack.WriteByte((byte)~was);
                break;
            }
        }

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Workers = 3 });

        var issue = Assert.Single(result.Issues);
        Assert.Equal("b lost", FileName.ToText(issue.Path));
        Assert.Equal(["a before", "c after"], Directory.EnumerateFileSystemEntries(test.Target).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_restore_that_is_cancelled_between_parts_ends_soon_and_leaves_no_part_of_a_file()
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        File.WriteAllBytes(test.InSource("file"), random.Bytes(48 << 20));
        var backup = await test.RunAsync();
        using var cancelled = CancellationTokenSource.CreateLinkedTokenSource(TestBackup.Cancellation);
        var reads = 0;
        test.Store.BeforeReadRange = (key, _, length) =>
        {
            if (length > 100_000 && Interlocked.Increment(ref reads) == 12) cancelled.Cancel();
        };

        var run = test.RestoreAsync(backup.Manifest, request => request with { Workers = 2 }, cancelled.Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.WaitAsync(TimeSpan.FromSeconds(60), TestBackup.Cancellation));
        Assert.InRange(reads, 12, 40);
        Assert.DoesNotContain(Directory.EnumerateFiles(test.Target), file => Path.GetFileName(file) == "file" || new FileInfo(file).Length > 1 << 20);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Pieces_that_two_threads_write_side_by_side_are_put_together_wherever_they_end(bool inMemory)
    {
        var random = SeededRandom.Create();
        if (inMemory && !Directory.Exists("/dev/shm")) Assert.Skip("there is no file system in memory: mount a tmpfs at /dev/shm");
        var place = inMemory ? Directory.CreateDirectory($"/dev/shm/nodeagent-large-{Guid.NewGuid():N}").FullName : _directory;
        var path = Path.Combine(place, "file");
        var content = random.Bytes((6 << 20) + random.Next(1, 5000));
        using var directory = Files.OpenRoot(Path.GetDirectoryName(path)!);
        using (var file = Files.Open(directory, "file"u8, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, 0x180))
        using (var large = new LargeFile(file, isNew: true))
        {
            var cuts = Enumerable.Range(0, 60).Select(_ => random.Next(1, content.Length)).Append(0).Append(content.Length).Distinct().Order().ToArray();
            Parallel.For(0, cuts.Length - 1, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => Write(large, content, cuts[i], cuts[i + 1]));
        }

        var written = File.ReadAllBytes(path);
        if (inMemory) Directory.Delete(place, recursive: true);
        Assert.Equal<byte>(content, written);
    }

    [Fact]
    public void Whole_blocks_alone_are_written_before_the_end()
    {
        using var directory = Files.OpenRoot(_directory);
        using var file = Files.Open(directory, "file"u8, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, 0x180);
        using var large = new LargeFile(file, isNew: true);
        using var direct = Files.TryOpenDirect(file);
        if (direct is null) Assert.Skip($"the file system of {_directory} does not write past the page cache: set TMPDIR to a directory on ext4, XFS or Btrfs");
        using var memory = DirectFile.CreateBuffer(5 * LargeFile.Block);
        var bytes = memory.Memory.Span;
        bytes.Fill(7);

        Assert.Equal(2 * LargeFile.Block, large.Write(bytes[..((2 * LargeFile.Block) + 100)], 0, 50, isEnd: false));
        Assert.Equal(2 * LargeFile.Block, new FileInfo(Path.Combine(_directory, "file")).Length);
        Assert.Equal(100, large.Write(bytes[..100], 2 * LargeFile.Block, 0, isEnd: true));
        byte[] expected = [.. new byte[50], .. Enumerable.Repeat((byte)7, (2 * LargeFile.Block) + 50)];
        Assert.Equal<byte>(expected, File.ReadAllBytes(Path.Combine(_directory, "file")));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static void Write(LargeFile large, byte[] content, int first, int end)
    {
        using var memory = DirectFile.CreateBuffer(end - first + (2 * LargeFile.Block));
        var bytes = memory.Memory.Span;
        var from = first % LargeFile.Block;
        content.AsSpan(first, end - first).CopyTo(bytes[from..]);
        Assert.Equal(from + end - first, large.Write(bytes[..(from + end - first)], first - from, from, isEnd: true));
    }
}
