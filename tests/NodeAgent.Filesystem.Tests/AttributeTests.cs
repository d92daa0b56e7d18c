using System.Buffers.Binary;
using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests;

/// <summary>What hangs on files: extended attributes, access lists, capabilities, inode flags.</summary>
public sealed class AttributeTests
{
    private const uint Immutable = 0x10, AppendOnly = 0x20, NoDump = 0x40;

    /// <summary>vfs_cap_data of version 2 that permits CAP_NET_RAW, effective.</summary>
    private static readonly byte[] NetRaw = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    [Fact]
    public async Task Attributes_access_lists_and_capabilities_come_back()
    {
        Assert.SkipUnless(Files.IsRoot, "capabilities take root");
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf x > file; mkdir directory; printf y > directory/inner; ln -s file link; mkfifo pipe; printf z > read-only");
        SetOrSkip(test.InSource("file"), "user.plain", "value"u8);
        Set(test.InSource("file"), "user.empty", []);
        Set(test.InSource("file"), "user.bytes", [0, 255, 10, 0]);
        Set(test.InSource("file"), "security.capability", NetRaw);
        Set(test.InSource("directory"), "system.posix_acl_access", AccessList(7, (1234, 5), 5, 7, 0));
        Set(test.InSource("directory"), "system.posix_acl_default", AccessList(7, (4321, 6), 5, 7, 0));
        Set(test.InSource("directory", "inner"), "system.posix_acl_access", AccessList(6, (99, 4), 0, 4, 0));
        Set(test.InSource("read-only"), "user.kept", "yes"u8);
        Set(test.InSource("link"), "trusted.of-link", "1"u8);
        Set(test.InSource("pipe"), "trusted.of-pipe", "2"u8);
        test.Shell("chmod 444 read-only; chown 77:88 file; touch -h -d 2011-01-01 file directory directory/inner link pipe read-only");
        Set(test.InSource("file"), "security.capability", NetRaw); // the change of owner took it away

        var backup = await test.RunAsync();
        Assert.Empty(backup.Manifest.Issues);
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        foreach (var name in (string[])["file", "directory", "directory/inner", "link", "pipe", "read-only"])
        {
            var before = Attributes(test.InSource(name));
            Assert.NotEmpty(before);
            Assert.Equal(before, Attributes(test.InTarget(name)));
        }

        test.ExpectSameTree();
    }

    [Fact]
    public async Task Attributes_too_large_for_an_entry_are_chunks_and_come_back()
    {
        await using var test = await TestBackup.CreateAsync();
        // tmpfs takes values of 64 KiB, which ext4 does not.
        using var from = MountedTmpfs.AtOrSkip(test.InSource("mounted"));
        using var to = MountedTmpfs.AtOrSkip(test.InTarget("mounted"));
        var random = SeededRandom.Create();
        File.WriteAllText(test.InSource("mounted", "file"), "x");
        Directory.CreateDirectory(test.InSource("mounted", "directory"));
        SetOrSkip(test.InSource("mounted", "file"), "trusted.large", random.Bytes(60_000));
        Set(test.InSource("mounted", "file"), "trusted.small", "small"u8);
        Set(test.InSource("mounted", "directory"), "trusted.large", random.Bytes(64 << 10));
        // More than a page of the repository in one entry, none of the values large.
        File.WriteAllText(test.InSource("mounted", "many"), "y");
        for (var i = 0; i < 500; i++) Set(test.InSource("mounted", "many"), $"trusted.{i}", random.Bytes(4000));

        var clock = new LaterClock(TimeSpan.FromSeconds(10));
        var backup = await test.RunAsync(request => request with { Time = clock });
        Assert.Empty(backup.Manifest.Issues);
        var large = (await test.FindAsync(backup.Manifest, "mounted/file")).ExtendedAttributes;
        Assert.Equal([true, false], large.Select(a => a.Chunk is not null));
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        foreach (var name in (string[])["file", "directory", "many"]) Assert.Equal(Attributes(test.InSource("mounted", name)), Attributes(test.InTarget("mounted", name)));
        await test.CheckAsync();

        // An unchanged file keeps them without reading them.
        var second = await test.RunAsync(request => request with { Time = clock });
        Assert.Equal(2, second.Manifest.Stats.UnchangedFiles);
        Assert.Equal(large.Select(a => a.Chunk), (await test.FindAsync(second.Manifest, "mounted/file")).ExtendedAttributes.Select(a => a.Chunk));
    }

    [Fact]
    public async Task An_access_list_of_the_target_is_not_passed_on_to_what_is_restored()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir -p there/below new; printf x > file; printf y > there/file; printf z > new/file; chmod 640 file there/file new/file; chmod 750 there new there/below");
        var backup = await test.RunAsync();
        Directory.CreateDirectory(test.InTarget("there"));
        SetOrSkip(test.Target, "system.posix_acl_default", AccessList(7, (1234, 7), 7, 7, 7));
        Set(test.InTarget("there"), "system.posix_acl_default", AccessList(7, (1234, 7), 7, 7, 7));
        Set(test.InTarget("there"), "system.posix_acl_access", AccessList(7, (1234, 7), 7, 7, 7));

        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        test.ExpectSameTree();
        foreach (var name in (string[])[".", "file", "there", "there/file", "there/below", "new", "new/file"])
            Assert.DoesNotContain(Attributes(test.InTarget(name)), a => a.Contains("posix_acl", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Inode_flags_come_back_also_on_a_file_of_several_names()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir -p a b; printf x > a/immutable; printf y > a/both; ln a/both b/both; printf z > log; printf n > nodump");
        string[] flagged = ["a/immutable", "a/both", "log", "a", "nodump"];
        try
        {
            SetFlagsOrSkip(test.InSource("nodump"), NoDump);
            SetFlagsOrSkip(test.InSource("a/immutable"), Immutable);
            SetFlagsOrSkip(test.InSource("a/both"), Immutable | NoDump);
            SetFlagsOrSkip(test.InSource("log"), AppendOnly);
            SetFlagsOrSkip(test.InSource("a"), Immutable);

            var backup = await test.RunAsync();
            Assert.Empty(backup.Manifest.Issues);
            Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

            Assert.Equal((Immutable, Immutable | NoDump, AppendOnly, Immutable, NoDump),
                (Flags(test.InTarget("a/immutable")), Flags(test.InTarget("a/both")), Flags(test.InTarget("log")), Flags(test.InTarget("a")), Flags(test.InTarget("nodump"))));
            test.ExpectSameTree();
        }
        finally
        {
            foreach (var name in flagged.OrderBy(n => n.Length))
            {
                ClearFlags(test.InSource(name));
                ClearFlags(test.InTarget(name));
            }
        }
    }

    /// <summary>The kernel's form of an access list: version 2, then tag, permissions and id of each entry.</summary>
    internal static byte[] AccessList(ushort owner, (uint Id, ushort Permissions) user, ushort group, ushort mask, ushort others)
    {
        var list = new byte[4 + (5 * 8)];
        BinaryPrimitives.WriteUInt32LittleEndian(list, 2);
        (ushort Tag, ushort Permissions, uint Id)[] entries = [(1, owner, uint.MaxValue), (2, user.Permissions, user.Id), (4, group, uint.MaxValue), (0x10, mask, uint.MaxValue), (0x20, others, uint.MaxValue)];
        for (var i = 0; i < entries.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(list.AsSpan(4 + (i * 8)), entries[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(list.AsSpan(6 + (i * 8)), entries[i].Permissions);
            BinaryPrimitives.WriteUInt32LittleEndian(list.AsSpan(8 + (i * 8)), entries[i].Id);
        }

        return list;
    }

    private static void Set(string path, string name, ReadOnlySpan<byte> value)
    {
        using var directory = Files.OpenRoot(Path.GetDirectoryName(path)!);
        using var file = Files.Open(directory, Encoding.UTF8.GetBytes(Path.GetFileName(path)), OpenFlags.PathOnly);
        Files.SetAttributeOfNamed(file, Encoding.UTF8.GetBytes(name), value);
    }

    internal static void SetOrSkip(string path, string name, ReadOnlySpan<byte> value)
    {
        try
        {
            Set(path, name, value);
        }
        catch (FileSystemException failure) when (failure.Error is Errno.NotSupported or Errno.NotPermitted)
        {
            Assert.Skip($"{name} cannot be set here: {failure.Reason}");
        }
    }

    private static List<string> Attributes(string path)
    {
        using var directory = Files.OpenRoot(Path.GetDirectoryName(path)!);
        using var file = Files.Open(directory, Encoding.UTF8.GetBytes(Path.GetFileName(path)), OpenFlags.PathOnly);
        return [.. Files.AttributesOfNamed(file).Select(a => $"{Encoding.UTF8.GetString(a.Name.Span)}={Convert.ToHexString(a.Value.Span)}")];
    }

    private static DirectoryHandle OpenFile(string path)
    {
        using var directory = Files.OpenRoot(Path.GetDirectoryName(path)!);
        return Files.Open(directory, Encoding.UTF8.GetBytes(Path.GetFileName(path)), OpenFlags.ReadOnly);
    }

    private static void SetFlagsOrSkip(string path, uint flags)
    {
        using var file = OpenFile(path);
        try
        {
            Files.SetInodeFlags(file, (Files.InodeFlags(file) ?? throw new FileSystemException("get flags", Errno.NotSupported)) | flags);
        }
        catch (FileSystemException failure)
        {
            Assert.Skip($"inode flags cannot be set here: {failure.Reason}");
        }
    }

    private static uint Flags(string path)
    {
        using var file = OpenFile(path);
        return Files.InodeFlags(file)!.Value & (Immutable | AppendOnly | NoDump);
    }

    private static void ClearFlags(string path)
    {
        if (!Path.Exists(path)) return;
        using var file = OpenFile(path);
        if (Files.InodeFlags(file) is { } flags) Files.SetInodeFlags(file, flags & ~(Immutable | AppendOnly | NoDump));
    }
}
