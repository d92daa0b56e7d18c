using System.Text;
using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class SourceTests
{
    [Fact]
    public async Task A_single_file_becomes_a_snapshot_with_that_one_entry()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(test.InSource("wanted"), "content");
        File.WriteAllText(test.InSource("other"), "not wanted");
        TestBackup.Run("chmod", "750", test.Source);

        var result = await test.RunAsync(request => request with { SourcePath = test.InSource("wanted") });

        Assert.Equal(SnapshotOutcome.Completed, result.Manifest.Outcome);
        Assert.Equal((1, 1, 7), (result.Manifest.Stats.Files, result.Manifest.Stats.Directories, result.Manifest.Stats.Bytes));
        Assert.Equal(Convert.ToUInt32("750", 8), result.Manifest.ReadRoot().Mode);
        Assert.Null(await test.TryFindAsync(result.Manifest, "other"));
        await test.RestoreAsync(result.Manifest);
        Assert.Equal("content", File.ReadAllText(test.InTarget("wanted")));
    }

    [Fact]
    public async Task A_single_large_file_that_did_not_change_is_taken_from_the_parent()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllBytes(test.InSource("large"), new byte[3_000_000]);
        var later = new LaterClock(TimeSpan.FromSeconds(10));
        BackupRequest Single(BackupRequest request) => request with { SourcePath = test.InSource("large"), Time = later };
        await test.RunAsync(Single);

        Assert.Equal(1, (await test.RunAsync(Single)).Manifest.Stats.UnchangedFiles);
    }

    [Fact]
    public async Task A_link_as_the_source_is_followed()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(test.InSource("real"), "content");
        File.CreateSymbolicLink(test.InSource("link"), "real");
        File.CreateSymbolicLink(Path.Combine(test.Root, "to source"), test.Source);

        var file = await test.RunAsync(request => request with { SourcePath = test.InSource("link") });
        var directory = await test.RunAsync(request => request with { SourcePath = Path.Combine(test.Root, "to source") });

        Assert.Equal(TreeEntryType.RegularFile, (await test.FindAsync(file.Manifest, "real")).Type);
        Assert.Equal(TreeEntryType.SymbolicLink, (await test.FindAsync(directory.Manifest, "link")).Type);
    }

    [Fact]
    public async Task A_rule_does_not_leave_out_the_file_that_was_asked_for()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(test.InSource("a.tmp"), "content");

        var result = await test.RunAsync(request => request with { SourcePath = test.InSource("a.tmp"), Excludes = ["*.tmp"] });

        Assert.Equal(1, result.Manifest.Stats.Files);
    }

    [Fact]
    public async Task A_source_that_cannot_be_opened_is_named()
    {
        await using var test = await TestBackup.CreateAsync();

        var failure = await Assert.ThrowsAsync<FileSystemException>(() => test.RunAsync(request => request with { SourcePath = test.InSource("nowhere") }));

        Assert.Contains(test.InSource("nowhere"), failure.Message, StringComparison.Ordinal);
        Assert.Contains("ENOENT", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_file_system_is_left_out_and_its_mount_point_is_kept_as_an_empty_directory()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(test.InSource("here"), "x");
        using var mounted = MountedTmpfs.AtOrSkip(test.InSource("mounted"));
        File.WriteAllText(test.InSource("mounted", "there"), "y");
        Directory.CreateDirectory(test.InSource("mounted", "directory"));

        var whole = await test.RunAsync();
        var one = await test.RunAsync(request => request with { OneFileSystem = true });

        Assert.Equal(2, whole.Manifest.Stats.Files);
        Assert.Equal(1, one.Manifest.Stats.Files);
        Assert.Equal(SnapshotOutcome.Completed, one.Manifest.Outcome);
        Assert.Null(whole.LeftOut.ToString());
        Assert.Equal("1 mount inside was left out: mounted (tmpfs)", one.LeftOut.ToString());
        var point = await test.FindAsync(one.Manifest, "mounted");
        Assert.IsType<EmptyDirectory>(point.Directory);
        Assert.False(point.UnreadableContent);
        Assert.Equal("y", Encoding.UTF8.GetString(Assert.IsType<InlineContent>((await test.FindAsync(whole.Manifest, "mounted/there")).Content).Bytes.Span));
    }

    [Fact]
    public async Task A_mount_that_does_not_answer_is_left_out_and_is_no_failure()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(test.InSource("here"), "x");
        using var dead = DeadMount.AtOrSkip(test.InSource("share"));

        var whole = await test.RunAsync();
        var one = await test.RunAsync(request => request with { OneFileSystem = true, WithServerMounts = true });

        Assert.Equal(SnapshotOutcome.PartiallyFailed, whole.Manifest.Outcome);
        Assert.Equal((SnapshotOutcome.Completed, 0L), (one.Manifest.Outcome, one.Manifest.IssueCount));
        Assert.Equal("1 mount inside was left out: share (fuse)", one.LeftOut.ToString());
        Assert.Equal(1, one.Manifest.Stats.Files);
    }

    [Fact]
    public async Task Many_mounts_are_counted_and_the_first_are_named()
    {
        await using var test = await TestBackup.CreateAsync();
        var mounts = new List<MountedTmpfs>();
        try
        {
            for (var i = 0; i < 7; i++) mounts.Add(MountedTmpfs.AtOrSkip(test.InSource($"m{i}"), "size=1m"));

            var one = await test.RunAsync(request => request with { OneFileSystem = true });

            Assert.Equal("7 mounts inside were left out: m0 (tmpfs), m1 (tmpfs), m2 (tmpfs), m3 (tmpfs), m4 (tmpfs), ...", one.LeftOut.ToString());
        }
        finally
        {
            mounts.ForEach(m => m.Dispose());
        }
    }

    [Theory]
    [InlineData("nfs4", "nfs4", true)]
    [InlineData("ceph", "ceph", true)]
    [InlineData("nfs4", "fuse.s3fs", false)]
    [InlineData("nfs4", null, false)]
    [InlineData("ext4", "ext4", false)]
    [InlineData("ext4", "nfs4", false)]
    [InlineData(null, null, false)]
    public void Only_the_mounts_of_its_own_server_belong_to_a_volume(string? volume, string? inside, bool belongs) => Assert.Equal(belongs, MountRules.IsOfServer(volume, inside));

    [Fact]
    public void The_type_of_a_mount_is_read_whatever_stands_before_it()
    {
        const string plain = "36 35 98:0 / /mnt rw,noatime - ext4 /dev/root rw", shared = """361 35 0:52 / /mnt/x\040-\040y rw shared:7 master:1 - fuse.s3fs s3fs rw""";

        Assert.Equal("ext4", MountTable.TypeIn(plain, 36));
        Assert.Null(MountTable.TypeIn(shared, 36));
        Assert.Null(MountTable.TypeIn("no mount at all", 36));
        Assert.Null(MountTable.TypeIn("36 is cut off", 36));
        Assert.Equal("fuse.s3fs", MountTable.TypeIn(shared, 361));
    }

    [Fact]
    public async Task A_directory_mounted_onto_another_of_the_same_file_system_is_another_mount()
    {
        await using var test = await TestBackup.CreateAsync();
        Directory.CreateDirectory(test.InSource("original"));
        File.WriteAllText(test.InSource("original", "file"), "x");
        Directory.CreateDirectory(test.InSource("again"));
        Assert.SkipUnless(Files.IsRoot, "a bind mount takes root");
        TestBackup.Run("mount", "--bind", test.InSource("original"), test.InSource("again"));
        try
        {
            var one = await test.RunAsync(request => request with { OneFileSystem = true });

            Assert.NotNull(await test.TryFindAsync(one.Manifest, "original/file"));
            Assert.IsType<EmptyDirectory>((await test.FindAsync(one.Manifest, "again")).Directory);
        }
        finally
        {
            TestBackup.Run("umount", test.InSource("again"));
        }
    }
}
