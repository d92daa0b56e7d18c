using System.Diagnostics;
using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class LargeFileTests
{
    /// <summary>Many chunks in a file that is no burden.</summary>
    private static readonly RepositoryParameters SmallChunks = RepositoryParameters.Default with { PackTarget = 1 << 20, Chunker = new ChunkerParameters(16 << 10, 32 << 10, 1 << 20) };

    [Fact]
    public async Task A_file_is_the_same_chunks_in_the_same_order_whatever_the_number_of_workers()
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        // A part that occurs again, a part of zeros, and lengths around those of the windows in which it is read.
        var part = random.Bytes(3 << 20);
        File.WriteAllBytes(test.InSource("file"), [.. part, .. random.Bytes(random.Next(5 << 20)), .. new byte[2 << 20], .. part, .. random.Bytes(random.Next(1 << 20))]);
        var contents = new List<FileContent>();
        foreach (var workers in new[] { 1, 2, 3, 8 })
        {
            var result = await test.RunAsync(request => request with { Workers = workers, ForceReread = true });
            Assert.Equal(0, result.Manifest.IssueCount);
            contents.Add((await test.FindAsync(result.Manifest, "file")).Content!);
        }

        Assert.All(contents, content => Assert.Equal(Ids(contents[0]), Ids(content)));
        Assert.Equal(new FileInfo(test.InSource("file")).Length, contents[0].Length);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Files_with_holes_beside_small_files_come_back_as_they_were(int workers)
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        for (var file = 0; file < 3; file++)
        {
            using var stream = File.Create(test.InSource($"file {file}"));
            for (var part = 0; part < 6; part++)
            {
                stream.Seek(random.Next(4) << 20, SeekOrigin.Current);
                stream.Write(random.Bytes(1 + random.Next(2 << 20)));
            }

            stream.SetLength(stream.Length + (random.Next(3) << 20));
        }

        for (var file = 0; file < 300; file++) File.WriteAllBytes(test.InSource($"small {file}"), random.Bytes(random.Next(20_000)));
        var result = await test.RunAsync(request => request with { Workers = workers });
        Assert.Equal(0, result.Manifest.IssueCount);
        Assert.Empty((await test.RestoreAsync(result.Manifest)).Issues);
        test.ExpectSameTree();
        await test.CheckAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public async Task A_store_that_fails_in_the_middle_of_a_file_ends_the_backup_with_its_reason(int workers)
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        File.WriteAllBytes(test.InSource("file"), random.Bytes(24 << 20));
        var packs = 0;
        test.Store.BeforePut = key =>
            key.StartsWith("data/", StringComparison.Ordinal) && Interlocked.Increment(ref packs) == 4 ? throw new IOException("the disk is full, on purpose") : Task.CompletedTask;
        var run = test.RunAsync(request => request with { Workers = workers });
        var failure = await Assert.ThrowsAsync<RepositoryException>(() => run.WaitAsync(TimeSpan.FromSeconds(60), TestBackup.Cancellation));
        Assert.Contains("the disk is full, on purpose", failure.Message, StringComparison.Ordinal);

        test.Store.BeforePut = _ => Task.CompletedTask;
        var result = await test.RunAsync(request => request with { Workers = workers });
        Assert.Empty((await test.RestoreAsync(result.Manifest)).Issues);
        test.ExpectSameTree();
    }

    [Fact]
    public async Task Chunks_of_long_files_lie_together()
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        string[] names = ["a", "b", "c", "d"];
        foreach (var name in names) File.WriteAllBytes(test.InSource(name), random.Bytes((16 << 20) + random.Next(1 << 20)));

        // Two workers, of which each would have a file of its own.
        var result = await test.RunAsync(request => request with { Workers = 2 });

        var places = new List<(PackId Pack, long Offset, string File)>();
        using var reader = test.Repository.CreateReader();
        var tree = new TreeReader(reader.Source, test.Repository.Config.Parameters.Trees);
        foreach (var name in names)
        {
            await foreach (var item in tree.ReadContentAsync((await test.FindAsync(result.Manifest, name)).Content!, TestBackup.Cancellation))
            {
                Assert.True(reader.TryLocate(item.Id, out var place));
                places.Add((place.Pack, place.Offset, name));
            }
        }

        var packs = places.GroupBy(place => place.Pack).ToList();
        Assert.InRange(packs.Count, 40, 100);
        // Where one file ends and the next begins, the last chunks of the one may still be on their way: some for each of the two workers, in each of three places.
        var changes = packs.Sum(pack =>
        {
            var files = pack.OrderBy(place => place.Offset).Select(place => place.File).ToList();
            return files.Zip(files.Skip(1)).Count(pair => pair.First != pair.Second) - (files.Distinct().Count() - 1);
        });
        Assert.InRange(changes, 0, 3 * 8);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Another_file_may_begin_when_one_has_been_read_to_its_end(int workers)
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var path = test.InSource("file");
        File.WriteAllBytes(path, SeededRandom.Create().Bytes(7 << 20));
        await using var session = await test.Repository.BeginSessionAsync(new WriteSessionOptions(), TestBackup.Cancellation);
        using var pool = new WorkerPool(workers);
        var reader = new FileReader(session, new FastCdc(test.Repository.Gear, SmallChunks.Chunker), pool, static _ => { });
        using var directory = Files.OpenRoot(test.Source);
        using var handle = Files.OpenToRead(directory, "file"u8.ToArray());
        var calls = 0;

        var content = await reader.ReadAsync(
            handle,
            Files.Status(handle, []),
            () =>
            {
                // What is not in memory by now will never be read.
                calls++;
                File.WriteAllBytes(path, []);
            },
            TestBackup.Cancellation);

        await pool.DrainAsync();
        Assert.Equal(1, calls);
        Assert.Equal(7 << 20, content.Length);
    }

    [Theory]
    [InlineData("grows")]
    [InlineData("empty")]
    [InlineData("small")]
    [InlineData("gets a hole")]
    [InlineData("gets a name")]
    public async Task A_file_that_changes_while_it_waits_for_another_is_read_once(string change)
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        var (before, waiting) = (test.InSource("a"), test.InSource("b"));
        // More than is in windows and in packs that are filled or sent.
        File.WriteAllBytes(before, random.Bytes(24 << 20));
        File.WriteAllBytes(waiting, random.Bytes(4 << 20));
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = 0;
        test.Store.BeforePut = async key =>
        {
            if (!key.StartsWith("data/", StringComparison.Ordinal)) return;
            if (Interlocked.Exchange(ref first, 1) == 0)
            {
                // Nothing more is stored of the first, so that the second stays where it is: open, and looked at.
                for (var tries = 0; tries < 1000 && !IsOpen(waiting); tries++) await Task.Delay(10, TestBackup.Cancellation);
                Assert.True(IsOpen(waiting));
                Change();
                changed.SetResult();
            }

            await changed.Task;
        };
        var reports = new LastReport();

        var request = new BackupRequest { SourcePath = test.Source, Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = test.Source }, Hostname = "test", Workers = 2 };
        var result = await BackupRun.ExecuteAsync(test.Repository, request, reports, TestBackup.Cancellation);

        Assert.Equal(0, result.Manifest.IssueCount);
        Assert.Equal((24 << 20) + new FileInfo(waiting).Length, reports.Last!.Value.BytesDone);
        Assert.Empty((await test.RestoreAsync(result.Manifest)).Issues);
        File.Delete(Path.Combine(test.Root, "c"));
        test.ExpectSameTree();

        void Change()
        {
            using (var file = File.Open(waiting, FileMode.Open, FileAccess.ReadWrite))
            {
                if (change == "grows") file.Seek(0, SeekOrigin.End);
                if (change == "grows") file.Write(random.Bytes(1 << 20));
                if (change == "empty") file.SetLength(0);
                if (change == "small") file.SetLength(1000);
                if (change == "gets a hole") file.SetLength(8 << 20);
            }

            File.SetUnixFileMode(waiting, UnixFileMode.UserRead);
            if (change != "gets a name") return;
            using var link = Process.Start("ln", [waiting, Path.Combine(test.Root, "c")]);
            link.WaitForExit();
            Assert.Equal(0, link.ExitCode);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(9)]
    public async Task A_store_that_fails_while_long_files_wait_ends_the_backup(int workers)
    {
        await using var test = await TestBackup.CreateAsync(SmallChunks);
        var random = SeededRandom.Create();
        for (var file = 0; file < 40; file++) File.WriteAllBytes(test.InSource($"{file:00}"), random.Bytes(2 << 20));
        var packs = 0;
        test.Store.BeforePut = key =>
            key.StartsWith("data/", StringComparison.Ordinal) && Interlocked.Increment(ref packs) == 20 ? throw new IOException("the disk is full, on purpose") : Task.CompletedTask;
        var failure = await Assert.ThrowsAsync<RepositoryException>(() => test.RunAsync(request => request with { Workers = workers }).WaitAsync(TimeSpan.FromSeconds(60), TestBackup.Cancellation));
        Assert.Contains("the disk is full, on purpose", failure.Message, StringComparison.Ordinal);

        test.Store.BeforePut = _ => Task.CompletedTask;
        var result = await test.RunAsync(request => request with { Workers = workers });
        Assert.Empty((await test.RestoreAsync(result.Manifest)).Issues);
        test.ExpectSameTree();
    }

    /// <summary>By the end of its path, in which the test's own directory is: what lies above may be a link.</summary>
    private static bool IsOpen(string path)
    {
        var end = "/" + string.Join('/', path.Split('/')[^3..]);
        return Directory.EnumerateFileSystemEntries("/proc/self/fd").Any(entry => new FileInfo(entry).LinkTarget?.EndsWith(end, StringComparison.Ordinal) == true);
    }

    private sealed class LastReport : IProgress<RunProgress>
    {
        public RunProgress? Last { get; private set; }

        public void Report(RunProgress value) => Last = value;
    }

    private static string Ids(FileContent content) => content switch
    {
        ChunkList list => string.Join(' ', list.Items),
        IndirectList list => list.ToString(),
        _ => throw new ArgumentException($"a large file is a list of chunks, not {content}"),
    };
}
