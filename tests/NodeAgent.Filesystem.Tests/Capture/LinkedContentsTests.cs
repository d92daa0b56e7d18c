using System.Text;
using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

/// <summary>Files with several names that change, or go, between one name and the next.</summary>
public sealed class LinkedContentsTests
{
    private static readonly FileStatus First = new(
        0x81a4, 3, 0, 0, 12, 1, 1, 5, 8, new FileTimestamp(1000, 1), new FileTimestamp(1001, 1), new FileTimestamp(900, 1), 0, 0);

    public enum Difference
    {
        Size,
        Modified,
        Birth,
        NoBirth,
    }

    [Theory]
    [InlineData(Difference.Size, false)]
    [InlineData(Difference.Modified, false)]
    [InlineData(Difference.Birth, false)]
    [InlineData(Difference.NoBirth, false)]
    [InlineData(Difference.Size, true)]
    [InlineData(Difference.Modified, true)]
    [InlineData(Difference.Birth, true)]
    public async Task A_file_that_is_not_what_it_was_at_its_first_name_is_read_anew(Difference difference, bool isReading)
    {
        var linked = new LinkedContents();
        linked.Add(First, isReading ? new TaskCompletionSource<CapturedContent>().Task : Content(First));

        var other = difference switch
        {
            Difference.Size => First with { Size = 6 },
            Difference.Modified => First with { Modified = new FileTimestamp(1000, 2) },
            Difference.Birth => First with { Birth = new FileTimestamp(1002, 1) },
            _ => First with { Birth = null },
        };

        Assert.Null(linked.Find(other));
        var anew = Content(other);
        linked.Add(other, anew);
        Assert.Same(await anew, await linked.Find(other)!);
        if (difference is Difference.Birth or Difference.NoBirth) Assert.Null(linked.Find(First));
        else Assert.Same(await anew, await linked.Find(First)!);
    }

    [Fact]
    public void A_further_name_and_a_changed_mode_are_no_reason_to_read_it_again()
    {
        var linked = new LinkedContents();
        linked.Add(First, Content(First));
        Assert.NotNull(linked.Find(First with { Links = 4, Mode = 0x8180, Changed = new FileTimestamp(2000, 0) }));
    }

    [Fact]
    public async Task What_changed_while_it_was_read_gets_another_try_at_the_next_name()
    {
        var linked = new LinkedContents();
        linked.Add(First, Task.FromResult((await Content(First)) with { Changed = true }));
        Assert.Null(linked.Find(First));
    }

    /// <summary>Where no birth time says so, the file that is there now may be another one.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task A_file_that_is_written_all_the_time_is_read_twice_at_most_when_its_birth_says_which_it_is(bool isBirthKnown, bool isReading)
    {
        var linked = new LinkedContents();
        var readings = new List<Task<CapturedContent>>();
        for (var name = 0; name < 10; name++)
        {
            var status = First with { Links = 10, Size = 5 + name, Modified = new FileTimestamp(1000 + name, 0), Birth = isBirthKnown ? First.Birth : null };
            var content = linked.Find(status);
            if (content is null)
            {
                content = isReading ? new TaskCompletionSource<CapturedContent>().Task : Task.FromResult(Captured(status) with { Changed = true });
                readings.Add(content);
            }
            else if (isReading)
            {
                Assert.Same(readings[^1], content);
            }
            else
            {
                Assert.Same(await readings[^1], await content);
            }

            linked.Add(status, content);
        }

        Assert.Equal(isBirthKnown ? 2 : 10, readings.Count);
        Assert.Equal(isBirthKnown ? 0 : 1, linked.Count);
    }

    [Fact]
    public void A_file_that_got_the_inode_of_one_that_was_read_often_is_read_all_the_same()
    {
        var linked = new LinkedContents();
        for (var i = 0; i < 2; i++) linked.Add(First with { Size = 5 + i }, Content(First with { Size = 5 + i }));
        Assert.NotNull(linked.Find(First with { Size = 7 }));
        Assert.Null(linked.Find(First with { Birth = new FileTimestamp(1002, 1) }));
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    public void A_written_file_has_no_more_names_left_than_before_and_another_file_has_all(bool sameBirth, int left)
    {
        var linked = new LinkedContents();
        var status = First with { Links = 2 };
        linked.Add(status, Content(status));
        var other = status with { Modified = new FileTimestamp(1005, 0), Birth = sameBirth ? status.Birth : new FileTimestamp(1004, 0) };
        linked.Add(other, Content(other));
        Assert.Equal(left, linked.Count);
    }

    [Fact]
    public async Task What_was_read_is_kept_without_the_task_that_brought_it()
    {
        var linked = new LinkedContents();
        var weak = Enumerable.Range(0, 3).Select(inode => Read(linked, (ulong)inode)).ToArray();
        linked.Add(First with { Inode = 99 }, Content(First));
        for (var i = 0; i < 10 && weak.Any(w => w.IsAlive); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.All(weak, w => Assert.False(w.IsAlive));
        for (var inode = 0UL; inode < 3; inode++) Assert.Equal(5, (await linked.Find(First with { Inode = inode })!).Size);

        static WeakReference Read(LinkedContents linked, ulong inode)
        {
            var reading = new TaskCompletionSource<CapturedContent>();
            linked.Add(First with { Inode = inode }, reading.Task);
            reading.SetResult(Captured(First));
            return new WeakReference(reading.Task);
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(5000)]
    public async Task Names_of_a_file_that_is_written_between_them_have_each_what_belongs_to_their_time_and_come_back_as_one_file(int size)
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        test.Shell("mkdir a m z");
        File.WriteAllBytes(test.InSource("a", "db"), Enumerable.Repeat((byte)'1', size).ToArray());
        test.Shell("touch -d 2020-01-01 a/db; ln a/db z/db");
        FillBetween(test);
        test.OnFirstPack(() =>
        {
            using var file = new FileStream(test.InSource("a", "db"), FileMode.Open, FileAccess.Write);
            file.WriteByte((byte)'2');
        });

        var result = await test.RunAsync(request => request with { Workers = 1 });

        var (first, second) = (await test.FindAsync(result.Manifest, "a/db"), await test.FindAsync(result.Manifest, "z/db"));
        Assert.NotEqual(first.Modified, second.Modified);
        Assert.Equal(First2020, first.Modified);
        Assert.NotEqual(first.Content, second.Content);
        Assert.Equal(HardLinkKey.Of(first), HardLinkKey.Of(second));
        Assert.Empty((await test.RestoreAsync(result.Manifest, request => request with { Paths = ["z"u8.ToArray()] })).Issues);
        Assert.Equal((byte)'2', File.ReadAllBytes(test.InTarget("z", "db"))[0]);
        Directory.Delete(test.Target, recursive: true);
        Assert.Empty((await test.RestoreAsync(result.Manifest)).Issues);
        Assert.Equal("2\n", TestBackup.Run("stat", "-c", "%h", test.InTarget("z", "db")));
    }

    [Fact]
    public async Task A_name_that_is_looked_at_after_a_change_of_mode_has_the_moment_of_the_content()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        test.Shell("mkdir a m z; printf old > a/db; chmod 644 a/db; ln a/db z/db");
        FillBetween(test);
        test.OnFirstPack(() => test.Shell("chmod 600 a/db"));

        var result = await test.RunAsync(request => request with { Workers = 1 });

        var (first, second) = (await test.FindAsync(result.Manifest, "a/db"), await test.FindAsync(result.Manifest, "z/db"));
        Assert.Equal((first.Mode, first.Changed, first.Content), (second.Mode, second.Changed, second.Content));
        // So the next run sees that there is more to know.
        Assert.NotEqual(second.Changed, Status(test, "z", "db").Changed);
    }

    /// <summary>Whoever reads the entry of one name alone must not be let in by an access list of one moment and a mode of another.</summary>
    [Theory]
    [InlineData(5, false)]
    [InlineData(5, true)]
    [InlineData(5000, false)]
    [InlineData(50_000, false)]
    [InlineData(50_000, true)]
    public async Task A_name_that_is_looked_at_after_a_change_of_attributes_has_those_of_the_moment_of_the_content(int size, bool isKnown)
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        test.Shell("mkdir a m z");
        File.WriteAllBytes(test.InSource("a", "db"), new byte[size]);
        test.Shell("chmod 660 a/db; ln a/db z/db; printf x > probe");
        AttributeTests.SetOrSkip(test.InSource("probe"), "system.posix_acl_access", AttributeTests.AccessList(6, (1234, 7), 0, 7, 0));
        AttributeTests.SetOrSkip(test.InSource("a", "db"), "user.note", "kept"u8);
        var clock = new LaterClock(TimeSpan.FromSeconds(10));
        if (isKnown) await test.RunAsync(request => request with { Time = clock });
        FillBetween(test);
        test.OnFirstPack(() =>
        {
            AttributeTests.SetOrSkip(test.InSource("a", "db"), "system.posix_acl_access", AttributeTests.AccessList(6, (1234, 7), 0, 7, 0));
            test.Shell("chmod g= a/db");
        });

        var result = await test.RunAsync(request => request with { Workers = 1, Time = clock });

        var (first, second) = (await test.FindAsync(result.Manifest, "a/db"), await test.FindAsync(result.Manifest, "z/db"));
        // Only what a worker reads may be read after the change: then it has all of that.
        if (isKnown || size < 50_000) Assert.Equal(0x1b0u, first.Mode);
        string[] expected = first.Mode == 0x1b0 ? ["user.note"] : ["system.posix_acl_access", "user.note"];
        foreach (var entry in (TreeEntry[])[first, second]) Assert.Equal(expected, entry.ExtendedAttributes.Select(a => Encoding.UTF8.GetString(a.Name.Span)));
        Assert.Equal(first.Mode, second.Mode);
        Assert.Equal((first.Changed, first.Content), (second.Changed, second.Content));
    }

    [Theory]
    [InlineData(5000)]
    [InlineData(3_000_000)]
    public async Task A_file_that_is_written_between_all_of_its_names_has_two_moments_at_most(int size)
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        var random = SeededRandom.Create();
        test.Shell("mkdir 0 1 2 3 4 5 6 7 8 9");
        var path = test.InSource("0", "db");
        File.WriteAllBytes(path, random.Bytes(size));
        for (var i = 1; i < 10; i++)
        {
            test.Shell($"ln 0/db {i}/db");
            for (var j = 0; j < 8; j++) File.WriteAllBytes(test.InSource($"{i - 1}", $"fill {j}"), random.Bytes(1 << 20));
        }

        Assert.SkipWhen(Status(test, "0", "db").Birth is null, "no birth times here");
        // The last names are visited after so many packs that it was written often before.
        var written = 0;
        test.Store.BeforePut = key =>
        {
            if (!key.StartsWith("data/", StringComparison.Ordinal)) return Task.CompletedTask;
            lock (test)
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Write);
                file.WriteByte((byte)++written);
            }

            return Task.CompletedTask;
        };

        var result = await test.RunAsync(request => request with { Workers = 1 });

        var entries = new List<TreeEntry>();
        for (var i = 0; i < 10; i++) entries.Add(await test.FindAsync(result.Manifest, $"{i}/db"));
        Assert.InRange(written, 20, int.MaxValue);
        var moments = entries.Select(e => e.Modified).Distinct().Count();
        Assert.InRange(moments, 1, 2);
        Assert.Equal(moments, entries.Select(e => (e.Modified, e.Changed, e.Content)).Distinct().Count());
        Assert.Empty((await test.RestoreAsync(result.Manifest)).Issues);
        Assert.Equal("10\n", TestBackup.Run("stat", "-c", "%h", test.InTarget("9", "db")));
    }

    /// <summary>Without birth times a restore goes by content; a run must not lay the same small content down twice for one file.</summary>
    [Fact]
    public async Task Names_of_which_one_only_is_known_from_before_have_one_content()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir d z; head -c 5000 /dev/urandom > d/file; ln d/file z/file");
        var clock = new LaterClock(TimeSpan.FromSeconds(10));
        await test.RunAsync(request => request with { Time = clock });
        test.Shell("head -c 900 /dev/urandom > another; mv d a");

        var second = await test.RunAsync(request => request with { Time = clock });

        Assert.Equal(1, second.Manifest.Stats.UnchangedFiles);
        Assert.Equal((await test.FindAsync(second.Manifest, "a/file")).Content, (await test.FindAsync(second.Manifest, "z/file")).Content);
    }

    private static readonly FileTimestamp First2020 = FileTimestamp.From(new DateTimeOffset(new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Local)));

    private static Task<CapturedContent> Content(in FileStatus status) => Task.FromResult(Captured(status));

    private static CapturedContent Captured(in FileStatus status) => new(new InlineContent(new byte[5]), status.Size, false, FileMoment.Of(status));

    private static FileStatus Status(TestBackup test, params string[] names)
    {
        using var directory = Files.OpenRoot(Path.GetDirectoryName(test.InSource(names))!);
        return Files.Status(directory, Encoding.UTF8.GetBytes(names[^1]));
    }

    /// <summary>So much that the first pack is written long before the walk is through with it.</summary>
    private static void FillBetween(TestBackup test)
    {
        var random = SeededRandom.Create();
        for (var i = 0; i < 30; i++) File.WriteAllBytes(test.InSource("m", $"file {i:d2}"), random.Bytes(1 << 20));
    }
}
