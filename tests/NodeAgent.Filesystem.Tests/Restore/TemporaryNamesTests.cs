using System.Collections.Concurrent;
using NodeAgent.Filesystem.Restore;
using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests.Restore;

public sealed class TemporaryNamesTests
{
    /// <summary>As a run that was killed leaves it.</summary>
    private const string Stale = ".nodeagent-restore-00112233445566778899aabb";

    [Fact]
    public void No_two_names_are_the_same_whoever_asks()
    {
        var names = new TemporaryNames(new IssueList());
        var given = new ConcurrentBag<string>();
        Parallel.For(0, 10_000, _ => given.Add(Convert.ToHexString(names.Next())));
        Assert.Equal(10_000, given.Distinct().Count());
    }

    [Theory]
    [InlineData(OverwritePolicy.Always)]
    [InlineData(OverwritePolicy.Never)]
    [InlineData(OverwritePolicy.Fail)]
    public async Task What_a_killed_restore_left_is_removed_wherever_the_next_one_writes(OverwritePolicy policy)
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir -p a/b new; printf x > file; printf y > a/b/file; printf z > new/file; chmod 777 a a/b");
        var backup = await test.RunAsync();
        var outside = new Outside(test);
        Directory.CreateDirectory(test.InTarget("a", "b"));
        File.WriteAllText(test.InTarget(Stale), "half a file");
        File.WriteAllText(test.InTarget("a", "b", Stale), "half a file");
        File.CreateSymbolicLink(test.InTarget("a", Stale), outside.Victim);
        TestBackup.Run("mkfifo", test.InTarget("a", Stale[..^1] + "c"));

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Overwrite = policy });

        Assert.Empty(result.Issues);
        outside.ExpectUntouched();
        test.ExpectSameTree();
    }

    [Fact]
    public async Task What_a_killed_restore_left_is_removed_when_a_single_file_is_restored()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf x > file");
        var backup = await test.RunAsync();
        Directory.CreateDirectory(test.Target);
        File.WriteAllText(test.InTarget(Stale), "half a file");

        await test.RestoreAsync(backup.Manifest, request => request with { SubPath = "file"u8.ToArray() });

        Assert.Equal(["file"], Directory.EnumerateFileSystemEntries(test.Target).Select(Path.GetFileName));
    }

    [Fact]
    public async Task What_only_resembles_a_temporary_file_stays()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf x > file");
        var backup = await test.RunAsync();
        string[] kept = [".nodeagent-restore-", ".nodeagent-restore-notes", Stale + "0", Stale[..^1], Stale[..^1] + "B", "x" + Stale];
        Directory.CreateDirectory(test.InTarget(Stale, "inner"));
        foreach (var name in kept) File.WriteAllText(test.InTarget(name), "somebody's");

        var result = await test.RestoreAsync(backup.Manifest);

        Assert.Empty(result.Issues);
        Assert.All(kept, name => Assert.Equal("somebody's", File.ReadAllText(test.InTarget(name))));
        Assert.True(Directory.Exists(test.InTarget(Stale, "inner")));
    }

    [Fact]
    public async Task A_file_that_cannot_get_its_name_leaves_no_temporary_one()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf x > one; ln one two; ln -s x three; mkfifo four");
        var backup = await test.RunAsync();
        // A mount can neither be renamed over nor removed.
        using var one = MountedTmpfs.AtOrSkip(test.InTarget("one"));
        using var two = MountedTmpfs.AtOrSkip(test.InTarget("two"));
        using var three = MountedTmpfs.AtOrSkip(test.InTarget("three"));
        using var four = MountedTmpfs.AtOrSkip(test.InTarget("four"));

        var result = await test.RestoreAsync(backup.Manifest);

        Assert.Equal(4, result.IssueCount);
        Assert.Equal(["four", "one", "three", "two"], Directory.EnumerateFileSystemEntries(test.Target).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }
}
