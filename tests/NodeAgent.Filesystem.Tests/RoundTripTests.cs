using System.Globalization;
using System.Net.Sockets;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests;

/// <summary>Trees of shapes that break programs, there and back.</summary>
public sealed class RoundTripTests
{
    private const uint DirectoryMode = 0x1ed;

    [Fact]
    public async Task A_tree_of_2000_levels_whose_paths_no_call_would_take_comes_back()
    {
        const int levels = 2000;
        await using var test = await TestBackup.CreateAsync();
        var name = "a directory name of thirty bytes"u8.ToArray();
        var at = Files.OpenRoot(test.Source);
        for (var level = 0; level < levels; level++)
        {
            Files.MakeDirectory(at, name, DirectoryMode);
            at = Below(at, name);
        }

        Put(at, "bottom"u8, "reached"u8);
        at.Dispose();

        var backup = await test.RunAsync();
        Assert.Empty(backup.Manifest.Issues);
        Assert.Equal(levels + 1, backup.Manifest.Stats.Directories);
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        at = Files.OpenRoot(test.Target);
        for (var level = 0; level < levels; level++) at = Below(at, name);
        Assert.Equal("reached"u8, Get(at, "bottom"u8));
        at.Dispose();
        await test.CheckAsync();
    }

    [Fact]
    public async Task Directories_deeper_than_the_format_takes_are_left_out_and_reported()
    {
        await using var test = await TestBackup.CreateAsync();
        var at = Files.OpenRoot(test.Source);
        for (var level = 0; level < TreeLimits.MaxDepth + 10; level++)
        {
            Files.MakeDirectory(at, "d"u8, DirectoryMode);
            at = Below(at, "d"u8);
        }

        at.Dispose();
        var backup = await test.RunAsync();

        Assert.Contains("nested deeper than", Assert.Single(backup.Manifest.Issues).Error, StringComparison.Ordinal);
        await test.CheckAsync();
    }

    [Fact]
    public async Task A_directory_of_100000_entries_is_stored_and_a_part_of_it_comes_back()
    {
        const int entries = 100_000;
        await using var test = await TestBackup.CreateAsync();
        using (var directory = Files.OpenRoot(test.Source))
        {
            for (var i = 0; i < entries; i++)
            {
                var name = System.Text.Encoding.ASCII.GetBytes(i.ToString("x", CultureInfo.InvariantCulture));
                // Links are as quick to make as anything: the count is what this is about.
                if (i % 1000 == 0) Put(directory, name, name);
                else Files.MakeSymlink(name, directory, name);
            }
        }

        var backup = await test.RunAsync();
        Assert.Equal((100, entries - 100), (backup.Manifest.Stats.Files, backup.Manifest.Stats.Symlinks));
        // A part of them, for time: each costs a restore the same.
        var result = await test.RestoreAsync(backup.Manifest, request => request with { Includes = ["2*"] });

        Assert.Empty(result.Issues);
        using var source = Files.OpenRoot(test.Source);
        using var target = Files.OpenRoot(test.Target);
        var names = Files.Names(target);
        Assert.Equal(1 + 16 + 256 + 4096, names.Count);
        Assert.Equal(Files.Names(source).Where(name => name[0] == '2'), names);
        Assert.All(names.Where(name => name.Length == 3), name => Assert.Equal(name, Files.LinkTarget(target, name)));
        Assert.Equal("2ee0"u8, Get(target, "2ee0"u8));
    }

    [Fact]
    public async Task Names_of_any_bytes_and_of_full_length_come_back()
    {
        await using var test = await TestBackup.CreateAsync();
        var names = Enumerable.Range(1, 255).Where(b => b is not ('/' or '.')).Select(b => new[] { (byte)b }).ToList();
        names.Add([.. Enumerable.Range(1, 255).Where(b => b != '/').Select(b => (byte)b)]);
        names.Add([.. Enumerable.Repeat((byte)0xff, 255)]);
        names.Add([.. Enumerable.Repeat((byte)'\n', 255)]);
        names.Add("..."u8.ToArray());
        names.Add("line\nbreak"u8.ToArray());
        names.Add(System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("\U0001F600", 63))));
        using var source = Files.OpenRoot(test.Source);
        foreach (var name in names) Put(source, name, name);
        Files.MakeDirectory(source, "\xff\xfe"u8, DirectoryMode);
        using (var inner = Files.Open(source, "\xff\xfe"u8, OpenFlags.Directory)) Files.MakeSymlink(names[^3], inner, names[^4]);

        var backup = await test.RunAsync();
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        using var target = Files.OpenRoot(test.Target);
        Assert.Equal(Files.Names(source), Files.Names(target));
        foreach (var name in names) Assert.Equal(name, Get(target, name));
        using var restored = Files.Open(target, "\xff\xfe"u8, OpenFlags.Directory);
        Assert.Equal(names[^3], Files.LinkTarget(restored, names[^4]));
    }

    [Fact]
    public async Task A_file_of_12000_islands_keeps_its_holes()
    {
        const int islands = 12_000;
        const int apart = 64 << 10;
        await using var test = await TestBackup.CreateAsync();
        using (var handle = File.OpenHandle(test.InSource("islands"), FileMode.CreateNew, FileAccess.Write))
        {
            var island = new byte[4096];
            for (var i = 0; i < islands; i++)
            {
                BitConverter.TryWriteBytes(island, i + 1);
                RandomAccess.Write(handle, island, (long)i * apart);
            }
        }

        var backup = await test.RunAsync();
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        using var target = File.OpenHandle(test.InTarget("islands"));
        Assert.Equal(((islands - 1L) * apart) + 4096, RandomAccess.GetLength(target));
        var read = new byte[8192];
        for (var i = 0; i < islands; i++)
        {
            Assert.Equal(i == islands - 1 ? 4096 : 8192, RandomAccess.Read(target, read, (long)i * apart));
            Assert.Equal(i + 1, BitConverter.ToInt32(read));
            Assert.True(read.AsSpan(4, 8188).IndexOfAnyExcept((byte)0) < 0 || i == islands - 1);
        }

        Assert.InRange(Blocks(test.InTarget("islands")), 1, Blocks(test.InSource("islands")) + 64);
    }

    [Fact]
    public async Task A_file_of_ten_terabytes_with_a_few_bytes_takes_a_few_blocks()
    {
        const long size = 10L << 40;
        await using var test = await TestBackup.CreateAsync();
        using (var handle = File.OpenHandle(test.InSource("vast"), FileMode.CreateNew, FileAccess.Write))
        {
            try
            {
                RandomAccess.SetLength(handle, size);
            }
            catch (IOException)
            {
                Assert.Skip("this file system takes no file of 10 TiB");
            }

            RandomAccess.Write(handle, "beginning"u8, 0);
            RandomAccess.Write(handle, "middle"u8, size / 2);
            RandomAccess.Write(handle, "end"u8, size - 3);
        }

        var backup = await test.RunAsync();
        Assert.Equal(size, backup.Manifest.Stats.Bytes);
        Assert.InRange(backup.Manifest.Stats.NewBytes, 1, 1 << 20);
        // Far larger than the disk, and it fits: holes take no space.
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        using var target = File.OpenHandle(test.InTarget("vast"));
        Assert.Equal(size, RandomAccess.GetLength(target));
        var read = new byte[9];
        RandomAccess.Read(target, read, 0);
        Assert.Equal("beginning"u8, read);
        RandomAccess.Read(target, read, size / 2);
        Assert.Equal("middle\0\0\0"u8, read);
        Assert.Equal(3, RandomAccess.Read(target, read, size - 3));
        Assert.Equal("end"u8, read.AsSpan(0, 3));
        Assert.InRange(Blocks(test.InTarget("vast")), 1, Blocks(test.InSource("vast")) + 64);
        await test.CheckAsync();
    }

    [Fact]
    public async Task Names_of_one_file_are_one_file_again_across_directories_and_for_every_type()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("""
            mkdir -p a b/c d
            printf data > a/file; ln a/file b/c/again; ln a/file d/third; ln a/file a/fourth
            head -c 100000 /dev/urandom > b/large; ln b/large a/large
            ln -s anywhere a/link; ln -P a/link d/link
            mkfifo b/pipe; ln b/pipe a/pipe
            chmod 555 d; touch -d 2011-01-01 a b b/c d
            """);

        var backup = await test.RunAsync();
        // A few bytes of tail: what is linked is stored and read once.
        Assert.InRange(backup.Manifest.Stats.NewBytes, 100_000, 101_000);
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        test.ExpectSameTree();
        foreach (var pair in (string[])["a/file b/c/again", "a/file d/third", "a/file a/fourth", "b/large a/large", "a/link d/link", "b/pipe a/pipe"])
        {
            var inodes = pair.Split(' ').Select(name => TestBackup.Run("stat", "-c", "%i", test.InTarget(name))).ToArray();
            Assert.Equal(inodes[0], inodes[1]);
        }
    }

    [Fact]
    public async Task A_name_whose_first_one_was_there_already_is_restored_from_its_content()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf old > first; ln first second; ln first third");
        var backup = await test.RunAsync();
        Directory.CreateDirectory(test.Target);
        File.WriteAllText(test.InTarget("first"), "kept");

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = OverwritePolicy.Never });

        Assert.Empty(result.Issues);
        Assert.Equal((2, 1), (result.Files, result.Skipped));
        Assert.Equal("kept", File.ReadAllText(test.InTarget("first")));
        Assert.Equal("old", File.ReadAllText(test.InTarget("third")));
        Assert.Equal(TestBackup.Run("stat", "-c", "%i", test.InTarget("second")), TestBackup.Run("stat", "-c", "%i", test.InTarget("third")));
    }

    [Fact]
    public async Task Special_bits_and_directories_that_may_not_be_written_come_back_with_their_times()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("""
            mkdir -p locked/inner sticky group
            printf x > locked/inner/file; printf y > locked/set-user; printf z > group/set-group
            chmod 4755 locked/set-user; chmod 2755 group/set-group; chmod 1777 sticky; chmod 2775 group
            chmod 0 locked/inner/file
            touch -d '2001-02-03 04:05:06.123456789' locked/inner/file locked/set-user locked/inner locked group sticky
            chmod 0555 locked/inner locked
            """);

        var backup = await test.RunAsync();
        Assert.Empty(backup.Manifest.Issues);
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        test.ExpectSameTree();
    }

    [Fact]
    public async Task A_socket_is_recorded_and_a_restore_leaves_it_out_without_a_complaint()
    {
        await using var test = await TestBackup.CreateAsync();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(test.InSource("socket")));
        File.WriteAllText(test.InSource("file"), "x");

        var backup = await test.RunAsync();
        Assert.Empty(backup.Manifest.Issues);
        Assert.Equal(TreeEntryType.Socket, (await test.FindAsync(backup.Manifest, "socket")).Type);
        var result = await test.RestoreAsync(backup.Manifest);

        Assert.True(result.IsComplete);
        Assert.Equal(["file"], Directory.EnumerateFileSystemEntries(test.Target).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Devices_and_whiteouts_come_back_and_can_be_refused()
    {
        Assert.SkipUnless(Files.IsRoot, "device nodes take root");
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mknod null c 1 3 && mknod loop b 7 200000 && mknod whiteout c 0 0 && chmod 604 null && touch -d 2011-01-01 null loop whiteout");

        var backup = await test.RunAsync();
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);
        var other = Path.Combine(test.Root, "other");
        var refused = await test.RestoreAsync(backup.Manifest, request => request with { TargetPath = other, DeviceNodes = false });

        test.ExpectSameTree();
        Assert.Equal(TestBackup.Run("stat", "-c", "%t:%T", test.InSource("loop")), TestBackup.Run("stat", "-c", "%t:%T", test.InTarget("loop")));
        Assert.Equal("1:3\n", TestBackup.Run("stat", "-c", "%t:%T", test.InTarget("null")));
        Assert.Equal(3, refused.IssueCount);
        Assert.Empty(Directory.EnumerateFileSystemEntries(other));
    }

    private static DirectoryHandle Below(DirectoryHandle directory, ReadOnlySpan<byte> name)
    {
        var below = Files.Open(directory, name, OpenFlags.Directory);
        directory.Dispose();
        return below;
    }

    private static void Put(DirectoryHandle directory, ReadOnlySpan<byte> name, ReadOnlySpan<byte> content)
    {
        using var file = Files.Open(directory, name, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, 0x1a4);
        Files.WriteAt(file, content, 0);
    }

    private static byte[] Get(DirectoryHandle directory, ReadOnlySpan<byte> name)
    {
        using var file = Files.Open(directory, name, OpenFlags.ReadOnly);
        var content = new byte[1000];
        return content[..Files.ReadAt(file, content, 0)];
    }

    private static long Blocks(string path) => long.Parse(TestBackup.Run("stat", "-c", "%b", path), CultureInfo.InvariantCulture);
}
