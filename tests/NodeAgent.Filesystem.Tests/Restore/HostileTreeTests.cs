using System.Text;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Restore;

public sealed class HostileTreeTests
{
    [Theory]
    [InlineData("QQ", "..")]
    [InlineData("Q", ".")]
    [InlineData("QQQ", "a/b")]
    [InlineData("QQQQQQQQQQ", "../outside")]
    [InlineData("QQQQ", "/etc")]
    [InlineData("QQQ", "a\0b")]
    [InlineData("Q", "\0")]
    [InlineData("Q", "")]
    public async Task A_name_that_is_no_single_component_is_refused_for_files_links_and_directories(string harmless, string hostile)
    {
        await using var test = await TestBackup.CreateAsync();
        var outside = new Outside(test);
        TreeEntry[] forms =
        [
            HostileSnapshot.File(harmless),
            HostileSnapshot.Link(harmless, "x"),
            await HostileSnapshot.DirectoryAsync(test, harmless, HostileSnapshot.File("victim")),
        ];
        foreach (var form in forms)
        {
            var manifest = await HostileSnapshot.BuildAsync(test, [form, HostileSnapshot.File("z", "z")], (harmless, hostile));

            var result = await test.RestoreAsync(manifest);

            outside.ExpectUntouched();
            Assert.NotEmpty(result.Issues);
            Assert.All(Directory.EnumerateFileSystemEntries(test.Target), entry => Assert.Equal("z", Path.GetFileName(entry)));
        }
    }

    [Fact]
    public async Task A_name_that_only_looks_odd_is_restored()
    {
        await using var test = await TestBackup.CreateAsync();
        var manifest = await HostileSnapshot.BuildAsync(
            test, [await HostileSnapshot.DirectoryAsync(test, "QQQ", HostileSnapshot.File("inner")), HostileSnapshot.File("z", "z")], ("QQQ", "..."));

        Assert.Empty((await test.RestoreAsync(manifest)).Issues);

        Assert.Equal("hostile", File.ReadAllText(test.InTarget("...", "inner")));
    }

    [Fact]
    public async Task A_link_and_then_a_directory_of_the_same_name_do_not_lead_outside()
    {
        await using var test = await TestBackup.CreateAsync();
        var outside = new Outside(test);
        var manifest = await HostileSnapshot.BuildAsync(
            test,
            [HostileSnapshot.Link("same1", outside.Directory), await HostileSnapshot.DirectoryAsync(test, "same2", HostileSnapshot.File("victim"))],
            ("same2", "same1"));

        var result = await test.RestoreAsync(manifest);

        Assert.NotEmpty(result.Issues);
        outside.ExpectUntouched();
    }

    [Fact]
    public async Task Two_files_of_the_same_name_are_damage_and_not_one_over_the_other()
    {
        await using var test = await TestBackup.CreateAsync();
        var manifest = await HostileSnapshot.BuildAsync(test, [HostileSnapshot.File("same1", "one"), HostileSnapshot.File("same2", "two")], ("same2", "same1"));

        var result = await test.RestoreAsync(manifest);

        Assert.Contains("ascending order", Assert.Single(result.Issues).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_claims_to_be_another_name_of_a_link_is_not_written_through_it()
    {
        await using var test = await TestBackup.CreateAsync();
        var outside = new Outside(test);
        var manifest = await HostileSnapshot.BuildAsync(
            test,
            [
                HostileSnapshot.Link("a", outside.Victim, linked: 0),
                HostileSnapshot.File("b", "overwritten", linked: 0),
                HostileSnapshot.File("c", "overwritten"),
            ]);

        await test.RestoreAsync(manifest);
        await test.RestoreAsync(manifest);

        outside.ExpectUntouched();
        Assert.Null(new FileInfo(test.InTarget("c")).LinkTarget);
    }

    [Fact]
    public async Task A_size_that_the_content_does_not_bear_out_is_refused_before_it_is_written()
    {
        await using var test = await TestBackup.CreateAsync();
        var backup = await BackupOfTwoChunksAsync(test);
        var large = await test.FindAsync(backup.Manifest, "large");
        var list = Assert.IsType<ChunkList>(large.Content);
        TreeEntry Claim(string name, long size, params ContentItem[] items) => new()
        {
            Type = TreeEntryType.RegularFile,
            Name = System.Text.Encoding.ASCII.GetBytes(name),
            Mode = 0x1a4,
            Size = size,
            Content = new ChunkList([.. items]),
        };
        var chunk = list.Items[0];
        var manifest = await HostileSnapshot.BuildAsync(
            test, [Claim("wrong-chunk", chunk.Length + 1, ContentItem.Data(chunk.Id, (int)chunk.Length + 1)), HostileSnapshot.File("x", "fine")]);

        var result = await test.RestoreAsync(manifest);

        Assert.Equal("wrong-chunk", System.Text.Encoding.UTF8.GetString(Assert.Single(result.Issues).Path));
        Assert.Equal(["x"], Directory.EnumerateFileSystemEntries(test.Target).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Bytes_at_random_never_do_more_than_fail()
    {
        await using var test = await TestBackup.CreateAsync();
        var random = SeededRandom.Create();
        var outside = new Outside(test);
        var sound = await HostileSnapshot.BuildAsync(
            test,
            [
                HostileSnapshot.File("a", "a", linked: 0),
                HostileSnapshot.File("b", "a", linked: 0),
                await HostileSnapshot.DirectoryAsync(test, "directory", HostileSnapshot.File("inner"), HostileSnapshot.Link("link", "../../outside/victim")),
                HostileSnapshot.Link("to-outside", "../outside"),
            ]);
        for (var round = 0; round < 500; round++)
        {
            var bytes = sound.Root.ToArray();
            for (var change = random.Next(1, 4); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                await test.RestoreAsync(sound with { Root = bytes });
            }
            catch (Repository.Objects.RepositoryException)
            {
                // The root itself was refused.
            }
        }

        outside.ExpectUntouched();
    }

    private static async Task<BackupResult> BackupOfTwoChunksAsync(TestBackup test)
    {
        File.WriteAllBytes(test.InSource("large"), SeededRandom.Create().Bytes(6 << 20));
        return await test.RunAsync();
    }

    [Fact]
    public async Task Attributes_that_cannot_be_set_are_said_once_for_each_class()
    {
        await using var test = await TestBackup.CreateAsync();
        // "system" takes only what the kernel knows, and nothing at all takes a class that there is none of.
        var names = Enumerable.Range(0, 30).SelectMany(i => (string[])[$"system.{i:d2}", $"made-up-{i:d2}.name", $"without-a-dot-{i:d2}"]);
        var plain = HostileSnapshot.File("file", "whole");
        var entry = new TreeEntry
        {
            Type = plain.Type,
            Name = plain.Name,
            Mode = plain.Mode,
            Size = plain.Size,
            Content = plain.Content,
            ExtendedAttributes = [.. names.Order(StringComparer.Ordinal).Select(n => new ExtendedAttribute(Encoding.ASCII.GetBytes(n), "v"u8.ToArray()))],
        };
        var manifest = await HostileSnapshot.BuildAsync(test, [entry]);

        var result = await test.RestoreAsync(manifest);

        Assert.Equal("whole", File.ReadAllText(test.InTarget("file")));
        // One for "system", one for all that is of no class.
        Assert.Equal(["attribute made-up-00.name", "attribute system.00"], result.Issues.Select(i => i.Reason.Split(" cannot")[0]));
        Assert.Equal(2, result.MetadataIssueCount);
        Assert.Equal(2, result.IssueCount);
    }
}
