using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Restore;

public sealed class RestoreReadsTests
{
    [Fact]
    public async Task Each_region_of_a_pack_is_read_about_once_in_few_large_reads()
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        for (var i = 0; i < 240; i++)
        {
            Directory.CreateDirectory(test.InSource($"d{i % 9}"));
            File.WriteAllBytes(test.InSource($"d{i % 9}", $"file{i:D3}"), random.Bytes(random.Next(20_000, 150_000)));
            File.WriteAllBytes(test.InSource($"d{i % 9}", $"small{i:D3}"), random.Bytes(random.Next(600, 9000)));
        }

        File.WriteAllBytes(test.InSource("large"), random.Bytes(30 << 20));
        var backup = await test.RunAsync();
        var stored = Directory.EnumerateFiles(Path.Combine(test.Root, "repository", "data"), "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
        var reads = new List<(string Key, long Offset, int Length)>();
        test.Store.BeforeReadRange = (key, offset, length) =>
        {
            lock (reads)
            {
                if (key.StartsWith("data/", StringComparison.Ordinal)) reads.Add((key, offset, length));
            }
        };

        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        test.ExpectSameTree();
        // 500 files in as many chunks: one read for each 2 MiB at most, and one for each page of the nine directories.
        Assert.InRange(reads.Count, 1, (stored / (2 << 20)) + 12 + 9);
        Assert.InRange(reads.Sum(read => (long)read.Length), 1, stored * 5 / 4);
        Assert.All(reads, read => Assert.InRange(read.Length, 1, 8 << 20));
    }

    [Fact]
    public async Task A_far_store_is_asked_a_few_times_for_many_directories_and_small_files()
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        FillWithManyPages(test, random);
        var backup = await test.RunAsync();
        var near = await ReadsAsync(() => test.RunAsync());
        test.Store.WorthwhileRead = 1 << 20;
        var again = await ReadsAsync(() => test.RunAsync());
        var restored = await ReadsAsync(() => test.RestoreAsync(backup.Manifest));

        test.ExpectSameTree();
        // Otherwise this tree has too few pages to show anything.
        Assert.InRange(near, 200, int.MaxValue);
        Assert.InRange(again, 1, near / 8);
        // 6 MiB of content in three packs or four that are filled at the same time, read 256 directories at a time.
        Assert.InRange(restored, 2, 40);

        async Task<int> ReadsAsync(Func<Task> run)
        {
            var reads = 0;
            test.Store.BeforeReadRange = (key, _, _) =>
            {
                if (key.StartsWith("data/", StringComparison.Ordinal)) Interlocked.Increment(ref reads);
            };
            await run();
            test.Store.BeforeReadRange = (_, _, _) => { };
            return reads;
        }
    }

    [Fact]
    public async Task A_large_file_that_shrinks_is_read_in_parts_as_long_as_they_are_stored()
    {
        await using var test = await TestBackup.CreateAsync();
        var content = SeededRandom.Create().Bytes(48 << 20);
        // Two of eight bits: some 12 MiB stored.
        foreach (ref var value in content.AsSpan()) value &= 3;
        File.WriteAllBytes(test.InSource("large"), content);
        var backup = await test.RunAsync();
        var reads = 0;
        test.Store.BeforeReadRange = (key, _, length) =>
        {
            if (key.StartsWith("data/", StringComparison.Ordinal) && length > 20_000) Interlocked.Increment(ref reads);
        };

        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        test.ExpectSameTree();
        // 16 MiB of the file at a time, from two packs that are filled together. By 4 MiB of the file it were 20 and more.
        Assert.InRange(reads, 1, 12);
    }

    [Fact]
    public async Task A_damaged_page_costs_the_same_and_is_told_in_the_same_words_on_a_near_and_a_far_store()
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        FillWithManyPages(test, random);
        var backup = await test.RunAsync();
        using var reader = test.Repository.CreateReader();
        Assert.True(reader.TryLocate(Assert.IsType<PagedDirectory>(backup.Manifest.ReadRoot().Directory).Root, out var root));
        var pack = new FileInfo(Path.Combine(test.Root, "repository", root.Pack.Key));
        pack.UnixFileMode |= UnixFileMode.UserWrite;
        using (var file = pack.Open(FileMode.Open, FileAccess.ReadWrite))
        {
            file.Position = pack.Length / 3;
            var old = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(old ^ 1));
        }

        var near = await test.RestoreAsync(backup.Manifest);
        test.Store.WorthwhileRead = 1 << 20;
        var far = await test.RestoreAsync(backup.Manifest, request => request with { TargetPath = test.InTarget() + "-far" });

        Assert.NotEmpty(near.Issues);
        Assert.InRange(near.Files, 1, (300 * 12) - 1);
        Assert.Equal(near.Issues.Select(issue => issue.ToString()).Order(StringComparer.Ordinal), far.Issues.Select(issue => issue.ToString()).Order(StringComparer.Ordinal));
        Assert.Equal((near.Files, near.Directories), (far.Files, far.Directories));
    }

    [Fact]
    public async Task Several_reads_are_under_way_at_once_and_not_too_many()
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        for (var i = 0; i < 4; i++) File.WriteAllBytes(test.InSource($"large{i}"), random.Bytes(10 << 20));
        for (var i = 0; i < 50; i++) File.WriteAllBytes(test.InSource($"file{i:D3}"), random.Bytes(200_000));
        var backup = await test.RunAsync();
        var (now, most) = (0, 0);
        test.Store.BeforeReadRange = (key, _, _) =>
        {
            if (!key.StartsWith("data/", StringComparison.Ordinal)) return;
            var count = Interlocked.Increment(ref now);
            for (var seen = most; count > seen && Interlocked.CompareExchange(ref most, count, seen) != seen; seen = most) { }
            Thread.Sleep(20); // as a store that is far away
            Interlocked.Decrement(ref now);
        };

        Assert.Empty((await test.RestoreAsync(backup.Manifest, request => request with { Workers = 4 })).Issues);

        test.ExpectSameTree();
        Assert.InRange(most, 2, 16);
    }

    [Fact]
    public async Task Many_large_and_small_files_with_one_worker_come_to_an_end()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        var random = SeededRandom.Create();
        for (var i = 0; i < 60; i++) File.WriteAllBytes(test.InSource($"file{i:D3}"), random.Bytes(random.Next(3) == 0 ? 6 << 20 : random.Next(1, 900_000)));
        test.Shell("for i in 0 1 2 3 4 5; do ln file00$i linked$i; done");
        var backup = await test.RunAsync();

        Assert.Empty((await test.RestoreAsync(backup.Manifest, request => request with { Workers = 1 })).Issues);

        test.ExpectSameTree();
    }

    [Fact]
    public async Task A_read_that_fails_is_tried_for_each_chunk_alone_and_costs_only_what_is_lost()
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        for (var i = 0; i < 50; i++) File.WriteAllBytes(test.InSource($"file{i:D2}"), random.Bytes(100_000));
        var backup = await test.RunAsync();
        test.Store.BeforeReadRange = (key, _, length) =>
        {
            if (length > 500_000) throw new StoreException(StoreFailure.Other, "reading", key, "too much at once");
        };

        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        test.ExpectSameTree();
    }

    /// <summary>300 directories, each with a page of its own, and 3,600 small files.</summary>
    private static void FillWithManyPages(TestBackup test, Random random)
    {
        for (var i = 0; i < 300; i++)
        {
            var directory = Directory.CreateDirectory(test.InSource($"{i}")).FullName;
            for (var file = 0; file < 12; file++) File.WriteAllBytes(Path.Combine(directory, $"{file}-{Convert.ToHexString(random.Bytes(60))}"), random.Bytes(random.Next(200, 2500)));
        }
    }
}
