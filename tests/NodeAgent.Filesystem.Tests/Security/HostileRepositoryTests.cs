using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Security;

/// <summary>
/// Snapshots by somebody who holds the repository's key and can write to the bucket, and wants the restore to write elsewhere or to leave more than files.
/// <see cref="Restore.HostileTreeTests"/> has names that are paths, links in place of directories, equal names, lengths that lie and bytes at random.
/// </summary>
public sealed class HostileRepositoryTests
{
    [Fact]
    public async Task A_tree_without_an_end_is_cut_in_one_line_and_what_is_beside_it_is_restored()
    {
        await using var test = await TestBackup.CreateAsync(inMemory: true);
        var outside = new Outside(test);
        await using var session = await test.Repository.BeginSessionAsync(new WriteSessionOptions(), TestBackup.Cancellation);
        var deep = HostileSnapshot.File("bottom");
        for (var level = 0; level < TreeLimits.MaxDepth + 500; level++) deep = await DirectoryAsync("d", deep);
        var root = await DirectoryAsync("", deep, HostileSnapshot.File("z", "beside it"));
        await session.FlushAsync(TestBackup.Cancellation);

        var result = await test.RestoreAsync(ManifestOf(root));

        Assert.Contains("nested deeper than", Assert.Single(result.Issues).Reason, StringComparison.Ordinal);
        Assert.Equal("beside it", File.ReadAllText(test.InTarget("z")));
        outside.ExpectUntouched();

        async Task<TreeEntry> DirectoryAsync(string name, params TreeEntry[] entries)
        {
            var carrier = new TreeEntry { Type = TreeEntryType.Directory, Name = Encoding.ASCII.GetBytes(name), Mode = 0x1ff };
            using var writer = new DirectoryWriter(async (kind, plaintext, token) => (await session.StoreAsync(kind, plaintext, token)).Id, test.Repository.Config.Parameters.Trees, test.Repository.Gear);
            foreach (var entry in entries) await writer.AddAsync(entry, TestBackup.Cancellation);
            return carrier.WithDirectory(await writer.CompleteAsync(carrier, TestBackup.Cancellation));
        }
    }

    [Fact]
    public async Task Devices_and_programs_with_rights_are_restored_as_they_were_and_devices_only_where_they_are_wanted()
    {
        Assert.SkipUnless(Files.IsRoot, "devices take root");
        await using var test = await TestBackup.CreateAsync();
        var outside = new Outside(test);
        TreeEntry device = new() { Type = TreeEntryType.BlockDevice, Name = "disk"u8.ToArray(), Mode = 0x1b6, DeviceMajor = 8, DeviceMinor = 0 };
        TreeEntry program = new() { Type = TreeEntryType.RegularFile, Name = "program"u8.ToArray(), Mode = 0x9ed, UserId = 1234, GroupId = 1234, Size = 1, Content = new InlineContent("x"u8.ToArray()) };
        var manifest = ManifestOf(await HostileSnapshot.DirectoryAsync(test, "", device, program));

        var without = await test.RestoreAsync(manifest, request => request with { DeviceNodes = false });

        Assert.Contains("device nodes are not wanted here", Assert.Single(without.Issues).Reason, StringComparison.Ordinal);
        Assert.Equal(["program"], Directory.EnumerateFileSystemEntries(test.Target).Select(Path.GetFileName));
        // Set-user-id for its own owner, and never for the one who restores: the owner comes first.
        Assert.Equal("4755 1234 1234", TestBackup.Run("stat", "-c", "%a %u %g", test.InTarget("program")).Trim());
        Assert.Empty((await test.RestoreAsync(manifest)).Issues);
        Assert.Equal("8 0", TestBackup.Run("stat", "-c", "%Hr %Lr", test.InTarget("disk")).Trim());
        outside.ExpectUntouched();
    }

    [Fact]
    public async Task A_link_to_the_node_is_restored_as_a_link_and_never_written_through_by_what_follows()
    {
        await using var test = await TestBackup.CreateAsync();
        var outside = new Outside(test);
        TreeEntry[] entries =
        [
            HostileSnapshot.Link("a", outside.Directory),
            HostileSnapshot.Link("b", outside.Victim, linked: 7),
            HostileSnapshot.File("c", "over it", linked: 7),
            await HostileSnapshot.DirectoryAsync(test, "d", HostileSnapshot.Link("e", ".."), HostileSnapshot.Link("f", "../../outside/victim")),
        ];
        var manifest = ManifestOf(await HostileSnapshot.DirectoryAsync(test, "", entries));
        // What a restore leaves, the next one meets: a directory takes the place of the link, and a file that of the file behind it.
        var second = ManifestOf(await HostileSnapshot.DirectoryAsync(
            test, "", await HostileSnapshot.DirectoryAsync(test, "a", HostileSnapshot.File("victim", "over it")), HostileSnapshot.File("b", "over it"), await HostileSnapshot.DirectoryAsync(test, "d", HostileSnapshot.File("f", "over it"))));
        foreach (var inPlace in (bool[])[false, true])
        {
            await test.RestoreAsync(manifest, request => request with { InPlace = inPlace, Delete = true });
            Assert.Equal(outside.Directory, new FileInfo(test.InTarget("a")).LinkTarget);
            outside.ExpectUntouched();
            Assert.Empty((await test.RestoreAsync(second, request => request with { InPlace = inPlace, Delete = true })).Issues);
            Assert.Equal("over it", File.ReadAllText(test.InTarget("a", "victim")));
            Assert.Equal("over it", File.ReadAllText(test.InTarget("d", "f")));
            outside.ExpectUntouched();
        }
    }

    [Fact]
    public async Task Attributes_of_the_systems_own_are_set_where_the_kernel_lets_the_restore_and_told_of_in_a_line_where_not()
    {
        await using var test = await TestBackup.CreateAsync();
        var outside = new Outside(test);
        var plain = HostileSnapshot.File("file", "whole");
        TreeEntry entry = new()
        {
            Type = plain.Type,
            Name = plain.Name,
            Mode = plain.Mode,
            Size = plain.Size,
            Content = plain.Content,
            ExtendedAttributes =
            [
                // No capability of any version, and an access list that is none.
                new ExtendedAttribute("security.capability"u8.ToArray(), "nonsense"u8.ToArray()),
                new ExtendedAttribute("system.posix_acl_access"u8.ToArray(), "nonsense"u8.ToArray()),
            ],
        };

        var result = await test.RestoreAsync(ManifestOf(await HostileSnapshot.DirectoryAsync(test, "", entry)));

        Assert.Equal("whole", File.ReadAllText(test.InTarget("file")));
        Assert.Equal(2, result.Issues.Count);
        Assert.All(result.Issues, issue => Assert.True(issue.IsMetadataOnly && !issue.Reason.Contains('\n', StringComparison.Ordinal)));
        outside.ExpectUntouched();
    }

    private static SnapshotManifest ManifestOf(TreeEntry root) =>
        new() { Time = DateTimeOffset.UnixEpoch, Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = "/" }, Root = RootEntry.Encode(root) };
}
