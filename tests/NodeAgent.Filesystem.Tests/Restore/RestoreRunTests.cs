using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests.Restore;

public sealed class RestoreRunTests
{
    /// <summary>Everything that find and stat know of each entry, links by group, and a checksum: none of the product's code.</summary>
    private const string Describe = """
        cd "$1" && export LC_ALL=C
        find . -printf '%P|%y|%m|%U|%G|%n|%T@|%l|' \( -type f -printf '%s' -o -true \) -printf '\n' | sort
        find . -type f -print0 | sort -z | xargs -0 -r sha256sum
        find . -type f -links +1 -printf '%i\n' | sort | uniq -c | awk '{print $1}' | sort
        command -v getfattr >/dev/null && find . -print0 | sort -z | xargs -0 -r getfattr -h -d -m - -e hex 2>/dev/null
        true
        """;

    [Fact]
    public async Task A_restored_tree_is_the_tree_that_was_backed_up()
    {
        await using var test = await TestBackup.CreateAsync();
        TestBackup.Run("sh", "-c", """
            cd "$1"
            mkdir -p a/b/c 'with space' empty
            printf one > a/one; ln a/one a/b/two; ln a/one 'with space/three'
            head -c 5000 /dev/zero > a/bundle1; head -c 9000 /dev/urandom > a/b/bundle2
            head -c 7000000 /dev/urandom > a/b/c/large
            printf x > "$(printf 'not\377utf8')"; printf y > 'line
            break'
            ln -s ../nowhere a/dangling; mkfifo pipe
            truncate -s 20M sparse; printf island | dd of=sparse bs=1 seek=10000000 conv=notrunc 2>/dev/null
            truncate -s 5M hole
            : > nothing
            chmod 4751 a/one; chmod 1777 empty; [ "$(id -u)" != 0 ] || chmod 0 nothing
            setfattr -n user.test -v kept a/bundle1 2>/dev/null
            touch -d '1969-07-20 20:17:40.123456789 UTC' a/bundle1
            touch -h -d '2001-02-03 04:05:06.789' a/dangling
            touch -d '2011-01-01' a/b a
            true
            """, "sh", test.Source);
        if (Environment.UserName == "root")
            TestBackup.Run("sh", "-c", "cd \"$1\" && chown 1234:4321 a/bundle1 && chown -h 12:34 a/dangling && mknod device c 1 3", "sh", test.Source);

        var backup = await test.RunAsync();
        Assert.Empty(backup.Manifest.Issues);
        var result = await RestoreRun.ExecuteAsync(test.Repository, backup.Manifest, new RestoreRequest { TargetPath = test.Target }, null, TestBackup.Cancellation);

        Assert.Empty(result.Issues);
        var before = TestBackup.Run("sh", "-c", Describe, "sh", test.Source);
        var after = TestBackup.Run("sh", "-c", Describe, "sh", test.Target);
        Assert.Equal(before, after);
        // Holes: no more blocks than the source has.
        Assert.True(Blocks(Path.Combine(test.Target, "sparse")) <= Blocks(Path.Combine(test.Source, "sparse")) + 16);
        Assert.Equal(0, Blocks(Path.Combine(test.Target, "hole")));
    }

    [Fact]
    public async Task Existing_files_are_replaced_kept_or_reported_as_the_policy_says()
    {
        await using var test = await TestBackup.CreateAsync();
        File.WriteAllText(Path.Combine(test.Source, "file"), "from the backup");
        var backup = await test.RunAsync();
        Directory.CreateDirectory(test.Target);
        var there = Path.Combine(test.Target, "file");

        File.WriteAllText(there, "there before");
        var kept = await RestoreRun.ExecuteAsync(test.Repository, backup.Manifest, new RestoreRequest { TargetPath = test.Target, Overwrite = OverwritePolicy.Never }, null, TestBackup.Cancellation);
        Assert.Equal("there before", File.ReadAllText(there));
        Assert.Equal(1, kept.Skipped);
        Assert.True(kept.IsComplete);

        var failed = await RestoreRun.ExecuteAsync(test.Repository, backup.Manifest, new RestoreRequest { TargetPath = test.Target, Overwrite = OverwritePolicy.Fail }, null, TestBackup.Cancellation);
        Assert.Equal("there before", File.ReadAllText(there));
        Assert.False(failed.IsComplete);

        await RestoreRun.ExecuteAsync(test.Repository, backup.Manifest, new RestoreRequest { TargetPath = test.Target }, null, TestBackup.Cancellation);
        Assert.Equal("from the backup", File.ReadAllText(there));
    }

    [Fact]
    public async Task A_link_in_the_target_is_replaced_and_never_followed()
    {
        await using var test = await TestBackup.CreateAsync();
        Directory.CreateDirectory(Path.Combine(test.Source, "dir"));
        File.WriteAllText(Path.Combine(test.Source, "dir", "file"), "inside");
        File.WriteAllText(Path.Combine(test.Source, "plain"), "inside too");
        var backup = await test.RunAsync();
        var outside = Directory.CreateDirectory(Path.Combine(test.Root, "outside")).FullName;
        File.WriteAllText(Path.Combine(outside, "victim"), "untouched");
        Directory.CreateDirectory(test.Target);
        File.CreateSymbolicLink(Path.Combine(test.Target, "dir"), outside);
        File.CreateSymbolicLink(Path.Combine(test.Target, "plain"), Path.Combine(outside, "victim"));

        await RestoreRun.ExecuteAsync(test.Repository, backup.Manifest, new RestoreRequest { TargetPath = test.Target }, null, TestBackup.Cancellation);

        Assert.Equal(["victim"], Directory.EnumerateFileSystemEntries(outside).Select(Path.GetFileName));
        Assert.Equal("untouched", File.ReadAllText(Path.Combine(outside, "victim")));
        Assert.Equal("inside", File.ReadAllText(Path.Combine(test.Target, "dir", "file")));
    }

    [Fact]
    public async Task Only_what_is_asked_for_is_restored()
    {
        await using var test = await TestBackup.CreateAsync();
        foreach (var path in (string[])["a/keep.txt", "a/drop.tmp", "b/keep.txt", "b/c/keep.txt"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(test.Source, path))!);
            File.WriteAllText(Path.Combine(test.Source, path), path);
        }

        var backup = await test.RunAsync();
        await RestoreRun.ExecuteAsync(test.Repository, backup.Manifest, new RestoreRequest { TargetPath = test.Target, Includes = ["b/c", "*.tmp"], Excludes = ["a"] }, null, TestBackup.Cancellation);
        Assert.Equal(["b/c/keep.txt"], Files(test.Target));

        var sub = Path.Combine(test.Root, "sub");
        await RestoreRun.ExecuteAsync(test.Repository, backup.Manifest, new RestoreRequest { TargetPath = sub, SubPath = "b"u8.ToArray() }, null, TestBackup.Cancellation);
        Assert.Equal(["c/keep.txt", "keep.txt"], Files(sub));

        static IEnumerable<string> Files(string root) =>
            Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(root, f)).Order(StringComparer.Ordinal);
    }

    private static long Blocks(string path) => long.Parse(TestBackup.Run("stat", "-c", "%b", path), System.Globalization.CultureInfo.InvariantCulture);
}
