using System.Text;
using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

/// <summary>What only some file systems say, and only sometimes: it costs one clear line, and nothing but what the line is about.</summary>
public sealed class MadeUpFileTests
{
    private const int ListTooLong = 7;
    private static readonly LaterClock Later = new(TimeSpan.FromSeconds(10));

    [Theory]
    [InlineData(100)]
    [InlineData(200_000)]
    public async Task Attributes_that_could_not_be_read_once_are_read_by_the_next_backup(int length)
    {
        await using var test = await TestBackup.CreateAsync();
        var file = new MadeUpFile("file") { Content = new byte[length], AttributeNames = "user.kept\0"u8.ToArray(), ListError = Errno.Stale };
        using var mounted = MadeUpFileSystem.AtOrSkip(test.InSource("mounted"), file, new MadeUpFile("other") { Content = [1], AttributeNames = "user.kept\0"u8.ToArray() });

        var first = await test.RunAsync(request => request with { Time = Later });
        file.ListError = 0;
        var second = await test.RunAsync(request => request with { Time = Later });
        var third = await test.RunAsync(request => request with { Time = Later });

        Assert.Equal(["mounted/file: listxattr"], Issues(first));
        Assert.Empty((await test.FindAsync(first.Manifest, "mounted/file")).ExtendedAttributes);
        Assert.Single((await test.FindAsync(first.Manifest, "mounted/other")).ExtendedAttributes);
        Assert.Equal(SnapshotOutcome.Completed, second.Manifest.Outcome);
        Assert.Single((await test.FindAsync(second.Manifest, "mounted/file")).ExtendedAttributes);
        // From then on it is like any other.
        Assert.Equal((SnapshotOutcome.Completed, 2), (third.Manifest.Outcome, third.Manifest.Stats.UnchangedFiles));
        Assert.Single((await test.FindAsync(third.Manifest, "mounted/file")).ExtendedAttributes);
    }

    [Fact]
    public async Task Attributes_that_can_never_be_read_are_told_each_time_and_the_content_is_read_once()
    {
        await using var test = await TestBackup.CreateAsync();
        var file = new MadeUpFile("file") { Content = SeededRandom.Create().Bytes(3_000_000), ListError = ListTooLong };
        using var mounted = MadeUpFileSystem.AtOrSkip(test.InSource("mounted"), file);

        await test.RunAsync(request => request with { Time = Later });
        var read = file.BytesRead;
        for (var round = 0; round < 2; round++)
        {
            var result = await test.RunAsync(request => request with { Time = Later });

            Assert.Equal(["mounted/file: listxattr"], Issues(result));
            Assert.Equal(1, result.Manifest.Stats.UnchangedFiles);
            Assert.Equal(3_000_000, (await test.FindAsync(result.Manifest, "mounted/file")).Content!.Length);
        }

        Assert.InRange(read, 3_000_000, long.MaxValue);
        Assert.Equal(read, file.BytesRead);
    }

    [Fact]
    public async Task An_attribute_that_cannot_be_read_or_stored_costs_no_other()
    {
        await using var test = await TestBackup.CreateAsync();
        var file = new MadeUpFile("file") { Content = [1], AttributeNames = "user.z\0user.broken\0user.a\0user.z\0"u8.ToArray() };
        file.Attribute = name => name == "user.broken" ? ([], Errno.InputOutput) : (Encoding.UTF8.GetBytes(name), 0);
        // More than an entry can hold: no file system of the kernel can have them.
        var many = new MadeUpFile("many") { Content = [1], AttributeNames = [.. Enumerable.Range(0, 16_000).SelectMany(i => (byte[])[(byte)'u', (byte)(1 + (i / 250)), (byte)(1 + (i % 250)), 0])] };
        many.Attribute = _ => (new byte[60], 0);
        using var mounted = MadeUpFileSystem.AtOrSkip(test.InSource("mounted"), file, many);

        var result = await test.RunAsync();

        Assert.Equal(["mounted/file: getxattr user.broken", "mounted/many: getxattr"], Issues(result));
        Assert.Equal(["user.a", "user.z"], (await test.FindAsync(result.Manifest, "mounted/file")).ExtendedAttributes.Select(a => Encoding.UTF8.GetString(a.Name.Span)));
        Assert.InRange((await test.FindAsync(result.Manifest, "mounted/many")).ExtendedAttributes.Count, 10_000, 15_999);
        await test.CheckAsync();
    }

    [Fact]
    public async Task Names_that_cannot_be_stored_or_are_listed_twice_cost_nothing_else()
    {
        await using var test = await TestBackup.CreateAsync();
        var tooLong = new string('n', 256);
        var twice = new MadeUpFile("twice") { Content = [1] };
        MadeUpFile[] files = [twice, new MadeUpFile(tooLong), new MadeUpFile("first") { Content = [2] }, twice, new MadeUpFile(new string('m', 255)) { Content = [3] }];
        using var mounted = MadeUpFileSystem.AtOrSkip(test.InSource("mounted"), files);

        var result = await test.RunAsync();
        var without = await test.RunAsync(request => request with { Excludes = ["nnn*"] });

        var issue = Assert.Single(result.Manifest.Issues);
        Assert.Equal($"mounted/{tooLong}", Encoding.UTF8.GetString(issue.Path));
        Assert.Contains("the name has 256 bytes, more than 255", issue.Error, StringComparison.Ordinal);
        Assert.Equal(3, result.Manifest.Stats.Files);
        Assert.Equal([2], Assert.IsType<InlineContent>((await test.FindAsync(result.Manifest, "mounted/first")).Content).Bytes.ToArray());
        Assert.NotNull(await test.TryFindAsync(result.Manifest, "mounted/twice"));
        Assert.NotNull(await test.TryFindAsync(result.Manifest, "mounted/" + new string('m', 255)));
        // A restore that removes what the snapshot does not have leaves this directory alone.
        Assert.True((await test.FindAsync(result.Manifest, "mounted")).UnreadableContent);
        Assert.Equal(SnapshotOutcome.Completed, without.Manifest.Outcome);
        await test.CheckAsync();
    }

    [Fact]
    public async Task A_link_without_a_target_is_kept_as_unreadable()
    {
        await using var test = await TestBackup.CreateAsync();
        var link = new MadeUpFile("link", MadeUpFile.Link);
        using var mounted = MadeUpFileSystem.AtOrSkip(test.InSource("mounted"), link, new MadeUpFile("other", MadeUpFile.Link) { Content = "target"u8.ToArray() });

        var result = await test.RunAsync();

        Assert.Equal(["mounted/link: readlink"], Issues(result));
        Assert.Contains("the link target is empty", Assert.Single(result.Manifest.Issues).Error, StringComparison.Ordinal);
        Assert.True((await test.FindAsync(result.Manifest, "mounted/link")).UnreadableContent);
        Assert.Equal("target", Encoding.UTF8.GetString((await test.FindAsync(result.Manifest, "mounted/other")).LinkTarget.Span));
        await test.CheckAsync();
    }

    [Theory]
    [InlineData(300)]
    [InlineData(10_000)]
    [InlineData(200_000)]
    public async Task A_file_whose_size_says_nothing_is_read_once_by_every_backup(int length)
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        var file = new MadeUpFile("file") { Size = 0, Content = random.Bytes(length) };
        using var mounted = MadeUpFileSystem.AtOrSkip(test.InSource("mounted"), file);

        var first = await test.RunAsync(request => request with { Time = Later });
        var read = file.BytesRead;
        var old = file.Content;
        file.Content = random.Bytes(length);
        var second = await test.RunAsync(request => request with { Time = Later });

        foreach (var result in (BackupResult[])[first, second])
        {
            Assert.Empty(Issues(result));
            Assert.Equal((SnapshotOutcome.Completed, 0), (result.Manifest.Outcome, result.Manifest.Stats.UnchangedFiles));
            var entry = await test.FindAsync(result.Manifest, "mounted/file");
            Assert.Equal((length, true), (entry.Size, entry.ChangedWhileRead));
            await test.RestoreAsync(result.Manifest, request => request with { TargetPath = test.Target + result.Id });
            Assert.Equal(result == first ? old : file.Content, File.ReadAllBytes(Path.Combine(test.Target + result.Id, "mounted", "file")));
        }

        // A look ahead asks for a byte, and of a larger one twice for as much as a small one holds.
        Assert.InRange(read, length, (2 * length) - 1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    public async Task A_file_that_never_ends_is_cut_off_and_named(int size)
    {
        await using var test = await TestBackup.CreateAsync();
        var file = new MadeUpFile("file") { Size = size, IsEndless = true };
        using var mounted = MadeUpFileSystem.AtOrSkip(test.InSource("mounted"), file, new MadeUpFile("other") { Content = [1] });

        var result = await test.RunAsync();

        Assert.Equal(["mounted/file: read"], Issues(result));
        Assert.Contains($"it goes on beyond what its size says, which is {size} bytes: only the first {size + FileReader.MostBeyondSize} were kept", Assert.Single(result.Manifest.Issues).Error, StringComparison.Ordinal);
        var entry = await test.FindAsync(result.Manifest, "mounted/file");
        Assert.Equal((size + FileReader.MostBeyondSize, true, false), (entry.Size, entry.ChangedWhileRead, entry.UnreadableContent));
        Assert.InRange(file.BytesRead, FileReader.MostBeyondSize, FileReader.MostBeyondSize + (1 << 20));
        Assert.NotNull(await test.TryFindAsync(result.Manifest, "mounted/other"));
        await test.CheckAsync();
    }

    [Fact]
    public void Sizes_and_times_that_cannot_be_are_brought_into_range_and_named()
    {
        var good = new byte[Files.StatLength];
        BitConverter.TryWriteBytes(good, Files.StatMask);
        BitConverter.TryWriteBytes(good.AsSpan(28), (ushort)0x81a4);
        BitConverter.TryWriteBytes(good.AsSpan(40), 5L);
        byte[] badSize = [.. good], badTime = [.. good];
        BitConverter.TryWriteBytes(badSize.AsSpan(40), -5L);
        BitConverter.TryWriteBytes(badTime.AsSpan(112 + 8), (1 << 30) - 1);

        Assert.Equal((null, 5), (Files.StatusOf(good).OutOfRange, Files.StatusOf(good).Size));
        Assert.Equal(("the size 18446744073709551611 is out of range, 0 is taken instead", 0), (Files.StatusOf(badSize).OutOfRange, Files.StatusOf(badSize).Size));
        Assert.Equal(("a time has 1073741823 nanoseconds, 999999999 are taken instead", 999_999_999u), (Files.StatusOf(badTime).OutOfRange, Files.StatusOf(badTime).Modified.Nanoseconds));
    }

    [Fact]
    public void Names_that_are_listed_twice_are_kept_once()
    {
        List<byte[]> names = [[2], [1], [2], [1, 1], [1], [2]];
        List<byte[]> none = [];

        Files.SortOnce(names);
        Files.SortOnce(none);

        Assert.Equal([[1], [1, 1], [2]], names);
        Assert.Empty(none);
    }

    private static string[] Issues(BackupResult result) => [.. result.Manifest.Issues.Select(i => $"{Encoding.UTF8.GetString(i.Path)}: {i.Operation}")];
}
