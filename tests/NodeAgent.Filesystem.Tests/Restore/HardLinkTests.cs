using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Restore;

/// <summary>Which entries of equal link group and inode are restored as one file.</summary>
public sealed class HardLinkTests
{
    private static readonly FileTimestamp Born = new(1_600_000_000, 5), BornLater = new(1_600_000_000, 6);

    [Fact]
    public async Task Entries_of_another_birth_are_another_file_whatever_their_inode()
    {
        await using var test = await TestBackup.CreateAsync();
        var manifest = await HostileSnapshot.BuildAsync(
            test, [Entry("a", "first", Born), Entry("b", "first", Born), Entry("c", "other", BornLater), Entry("d", "other", BornLater), Entry("e", "first", null)]);

        Assert.Empty((await test.RestoreAsync(manifest)).Issues);

        Assert.Equal("first first other other first", Content(test));
        Assert.Equal("a=b c=d e", Groups(test));
        // Nor is anything written through a further name of another file when all of it is there.
        Assert.Empty((await test.RestoreAsync(manifest)).Issues);
        Assert.Equal("first first other other first", Content(test));
        Assert.Equal("a=b c=d e", Groups(test));
    }

    [Fact]
    public async Task A_file_that_was_written_between_its_names_stays_one_file()
    {
        await using var test = await TestBackup.CreateAsync();
        var manifest = await HostileSnapshot.BuildAsync(test, [Entry("a", "before", Born), Entry("b", "since", Born)]);

        Assert.Empty((await test.RestoreAsync(manifest)).Issues);

        Assert.Equal("before before", Content(test));
        Assert.Equal("a=b", Groups(test));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Without_birth_times_only_entries_of_equal_content_are_one_file(bool isZero)
    {
        await using var test = await TestBackup.CreateAsync();
        FileTimestamp? birth = isZero ? default(FileTimestamp) : null;
        var manifest = await HostileSnapshot.BuildAsync(test, [Entry("a", "one", birth), Entry("b", "one", birth), Entry("c", "two", birth), Entry("d", "one", birth)]);

        Assert.Empty((await test.RestoreAsync(manifest)).Issues);

        Assert.Equal("one one two one", Content(test));
        Assert.Equal("a=b=d c", Groups(test));
    }

    /// <summary>Two names of a file were read each, as long as only one of them was known from before; a ctime tells the other file that was given the inode.</summary>
    [Fact]
    public async Task Without_birth_times_slices_of_equal_times_are_one_file_wherever_they_lie()
    {
        await using var test = await TestBackup.CreateAsync();
        var other = new string('y', 5000);
        test.Shell($"head -c 5000 /dev/zero | tr '\\0' x > 1; printf {other} > 2; cp 1 3");
        var written = await test.RunAsync();
        var contents = new List<FileContent>();
        foreach (var name in (string[])["1", "2", "3"]) contents.Add((await test.FindAsync(written.Manifest, name)).Content!);
        Assert.All(contents, content => Assert.IsType<BundleSlice>(content));
        Assert.NotEqual(contents[0], contents[2]);
        var (time, later) = (new FileTimestamp(1_600_000_000, 0), new FileTimestamp(1_600_000_000, 1));
        var manifest = await HostileSnapshot.BuildAsync(
            test,
            [Slice("a", contents[0], time, time), Slice("b", contents[1], time, later), Slice("c", contents[2], time, time), Slice("d", contents[2], later, time)]);

        Assert.Empty((await test.RestoreAsync(manifest)).Issues);

        Assert.Equal("x y x x", string.Join(' ', Names(test).Select(name => File.ReadAllText(test.InTarget(name))[..1])));
        Assert.Equal("a=c b d", Groups(test));
    }

    private static TreeEntry Entry(string name, string content, FileTimestamp? birth) =>
        Entry(name, new InlineContent(System.Text.Encoding.UTF8.GetBytes(content)), birth, default, default);

    private static TreeEntry Slice(string name, FileContent content, FileTimestamp modified, FileTimestamp changed) => Entry(name, content, null, modified, changed);

    private static TreeEntry Entry(string name, FileContent content, FileTimestamp? birth, FileTimestamp modified, FileTimestamp changed) => new()
    {
        Type = TreeEntryType.RegularFile,
        Name = System.Text.Encoding.UTF8.GetBytes(name),
        Mode = 0x1a4,
        Modified = modified,
        Changed = changed,
        Size = content.Length,
        Content = content,
        Inode = 12,
        HardLinkDevice = 0,
        Birth = birth,
    };

    private static string Content(TestBackup test) => string.Join(' ', Names(test).Select(name => File.ReadAllText(test.InTarget(name))));

    private static string Groups(TestBackup test) =>
        string.Join(' ', Names(test).GroupBy(name => TestBackup.Run("stat", "-c", "%i", test.InTarget(name))).Select(group => string.Join('=', group)));

    private static IEnumerable<string> Names(TestBackup test) => Directory.GetFiles(test.Target).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal);
}
