using System.Text;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Restore;

public sealed class DeleteTests
{
    [Fact]
    public async Task What_the_snapshot_does_not_have_is_removed_and_links_are_not_followed()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir -p d/e empty; printf x > d/e/file; printf y > top; printf z > was-directory");
        var backup = await test.RunAsync();
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);
        var outside = Directory.CreateDirectory(Path.Combine(test.Root, "outside")).FullName;
        File.WriteAllText(Path.Combine(outside, "victim"), "v");
        TestBackup.Run("sh", "-c", """
            cd "$1"; mkdir -p new/deep/er d/more; printf 1 > new/deep/er/f; printf 2 > d/e/0first; printf 3 > d/e/zlast; ln -s "$2" d/link; ln -s "$2" new/link
            mkfifo d/pipe; rm was-directory; mkdir -p was-directory/full; printf 4 > was-directory/full/f; ln -s "$2/victim" empty/link; printf 5 > "empty/$(printf 'odd\377\n')"
            """, "sh", test.Target, outside);

        var planned = await PlanAsync(test, backup.Manifest, request => request with { Delete = true });
        var result = await test.RestoreAsync(backup.Manifest, request => request with { Delete = true });

        Assert.Empty(result.Issues);
        test.ExpectSameTree();
        Assert.Equal("v", File.ReadAllText(Path.Combine(outside, "victim")));
        string[] removed = ["d/e/0first", "d/e/zlast", "d/link", "d/more", "d/pipe", "empty/link", "new", "new/deep", "new/deep/er", "new/deep/er/f", "new/link", "was-directory", "was-directory/full", "was-directory/full/f"];
        Assert.Equal(removed, planned.Where(step => step.Kind == RestoreStepKind.Delete).Select(step => Encoding.Latin1.GetString(step.Path.Span)).Where(path => !path.Contains("odd", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Equal(removed.Length + 1, result.Deleted);
    }

    [Theory]
    [InlineData("")]
    [InlineData("below")]
    public async Task What_a_backup_could_not_look_at_is_not_taken_for_what_the_snapshot_does_not_have(string directory)
    {
        await using var test = await TestBackup.CreateAsync();
        Directory.CreateDirectory(test.InSource("other"));
        Directory.CreateDirectory(test.InSource(directory));
        File.WriteAllText(test.InSource(directory, "file"), "x");
        BackupResult backup;
        using (DeadMount.AtOrSkip(test.InSource(directory, "shares"))) backup = await test.RunAsync();
        Assert.Equal(1, backup.Manifest.IssueCount);
        Directory.CreateDirectory(test.InTarget(directory, "shares"));
        Directory.CreateDirectory(test.InTarget("other"));
        File.WriteAllText(test.InTarget(directory, "shares", "precious"), "p");
        File.WriteAllText(test.InTarget("other", "surplus"), "s");

        var planned = await PlanAsync(test, backup.Manifest, request => request with { Delete = true });
        var result = await test.RestoreAsync(backup.Manifest, request => request with { Delete = true });

        Assert.True(File.Exists(test.InTarget(directory, "shares", "precious")));
        Assert.False(File.Exists(test.InTarget("other", "surplus")));
        Assert.Equal(["other/surplus"], planned.Where(step => step.Kind == RestoreStepKind.Delete).Select(step => Encoding.UTF8.GetString(step.Path.Span)));
        Assert.Contains("could not be read when it was backed up", Assert.Single(result.Issues).Reason, StringComparison.Ordinal);
        // What could be read is whole, and the next backup does without the remark.
        Assert.Equal("x", File.ReadAllText(test.InTarget(directory, "file")));
        Directory.Delete(test.InSource(directory, "shares"));
        var next = await test.RunAsync();
        Assert.Empty(next.Manifest.Issues);
        Assert.Empty((await test.RestoreAsync(next.Manifest)).Issues);
        await test.CheckAsync();
    }

    [Fact]
    public async Task Without_it_everything_stays_and_so_does_what_is_excluded_or_in_a_part_that_is_not_restored()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir -p part other keep; printf x > part/file; printf y > other/file");
        var backup = await test.RunAsync();
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);
        var surplus = (string[])["surplus", "part/surplus", "part/sub/cache.tmp", "part/sub/surplus", "other/surplus", "keep/surplus"];
        Directory.CreateDirectory(test.InTarget("part", "sub"));
        foreach (var path in surplus) File.WriteAllText(test.InTarget(path), "s");

        Assert.Equal(0, (await test.RestoreAsync(backup.Manifest)).Deleted);
        Assert.All(surplus, path => Assert.True(File.Exists(test.InTarget(path)), path));

        var part = await test.RestoreAsync(backup.Manifest, request => request with { Delete = true, Paths = ["part"u8.ToArray()], Excludes = ["*.tmp"] });
        Assert.Equal((0, 2), (part.IssueCount, part.Deleted));
        Assert.Equal(["surplus", "part/sub/cache.tmp", "other/surplus", "keep/surplus"], surplus.Where(path => File.Exists(test.InTarget(path))));

        var included = await test.RestoreAsync(backup.Manifest, request => request with { Delete = true, Includes = ["/other"], Excludes = ["/part"] });
        Assert.Equal((0, 1), (included.IssueCount, included.Deleted));
        Assert.Equal(["surplus", "part/sub/cache.tmp", "keep/surplus"], surplus.Where(path => File.Exists(test.InTarget(path))));

        var all = await test.RestoreAsync(backup.Manifest, request => request with { Delete = true });
        Assert.Equal((0, 4), (all.IssueCount, all.Deleted));
        test.ExpectSameTree();
    }

    [Fact]
    public async Task A_directory_that_cannot_be_read_to_its_end_loses_nothing()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir d; i=0; while [ $i -lt 3000 ]; do printf $i > d/file$i; i=$((i+1)); done");
        var backup = await test.RunAsync();
        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);
        File.WriteAllText(test.InTarget("surplus"), "s");
        var before = Directory.EnumerateFiles(test.InTarget("d")).Count();
        var directory = await test.FindAsync(backup.Manifest, "d");
        var page = Assert.IsType<PagedDirectory>(directory.Directory).Root;
        // The pack that holds the pages cannot be read once the root is: the root of the tree is in the snapshot itself.
        using var reader = test.Repository.CreateReader();
        Assert.True(reader.TryLocate(page, out var location));
        test.Store.BeforeRead = key =>
        {
            if (key == location.Pack.Key) throw new StoreException(StoreFailure.NotFound, "reading", key, "it is gone");
        };

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Delete = true });

        Assert.NotEqual(0, result.IssueCount);
        Assert.Equal(before, Directory.EnumerateFiles(test.InTarget("d")).Count());
        Assert.False(File.Exists(test.InTarget("surplus")));
    }

    [Fact]
    public async Task What_is_mounted_below_stays()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf x > file");
        var backup = await test.RunAsync();
        Directory.CreateDirectory(test.InTarget("surplus", "mounted"));
        using var mounted = MountedTmpfs.AtOrSkip(test.InTarget("surplus", "mounted"), "size=1m");
        File.WriteAllText(test.InTarget("surplus", "mounted", "file"), "somebody's");
        File.WriteAllText(test.InTarget("surplus", "file"), "surplus");

        var result = await test.RestoreAsync(backup.Manifest, request => request with { Delete = true });

        var issue = Assert.Single(result.Issues);
        Assert.Contains("mounted", issue.Reason, StringComparison.Ordinal);
        Assert.Equal("somebody's", File.ReadAllText(test.InTarget("surplus", "mounted", "file")));
        Assert.False(File.Exists(test.InTarget("surplus", "file")));
    }

    [Fact]
    public async Task What_is_mounted_where_the_backup_left_a_mount_out_stays()
    {
        await using var test = await TestBackup.CreateAsync();
        Directory.CreateDirectory(test.InSource("share"));
        BackupResult backup;
        using (MountedTmpfs.AtOrSkip(test.InSource("share"), "size=1m"))
        {
            File.WriteAllText(test.InSource("share", "file"), "left out");
            backup = await test.RunAsync(request => request with { OneFileSystem = true });
        }

        Directory.CreateDirectory(test.InTarget("share"));
        using var mounted = MountedTmpfs.AtOrSkip(test.InTarget("share"), "size=1m");
        File.WriteAllText(test.InTarget("share", "file"), "somebody's");
        File.WriteAllText(test.InTarget("surplus"), "surplus");

        Assert.Equal(["Delete surplus"], Words(await PlanAsync(test, backup.Manifest, request => request with { Delete = true })));
        await test.RestoreAsync(backup.Manifest, request => request with { Delete = true });

        Assert.Equal("somebody's", File.ReadAllText(test.InTarget("share", "file")));
        Assert.False(File.Exists(test.InTarget("surplus")));
    }

    [Fact]
    public async Task A_preview_tells_what_is_made_replaced_and_removed_and_does_nothing()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir -p a/b; printf x > a/b/file; printf y > same; printf z > changed; ln -s t link");
        var backup = await test.RunAsync();

        var fresh = await PlanAsync(test, backup.Manifest, request => request);
        Assert.Equal(["Create a", "Create a/b", "Create a/b/file", "Create changed", "Create link", "Create same"], Words(fresh));
        Assert.False(Path.Exists(test.Target));
        Assert.Equal(["Create a", "Create a/b", "Create a/b/file"], Words(await PlanAsync(test, backup.Manifest, request => request with { Includes = ["file"] })));

        Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);
        TestBackup.Run("sh", "-c", "cd \"$1\"; rm -r a/b; printf longer > changed; printf s > surplus", "sh", test.Target);
        var described = TestBackup.Run("find", test.Target, "-printf", "%P %T@ %C@ %i\n");
        var plan = await PlanAsync(test, backup.Manifest, request => request with { Overwrite = OverwritePolicy.IfChanged, Delete = true });
        Assert.Equal(["Create a/b", "Create a/b/file", "Replace changed", "Keep link", "Keep same", "Delete surplus"], Words(plan));
        Assert.Equal(described, TestBackup.Run("find", test.Target, "-printf", "%P %T@ %C@ %i\n"));
    }

    private static IEnumerable<string> Words(List<RestoreStep> steps) => steps.Select(step => $"{step.Kind} {Encoding.UTF8.GetString(step.Path.Span)}");

    private static async Task<List<RestoreStep>> PlanAsync(TestBackup test, SnapshotManifest manifest, Func<RestoreRequest, RestoreRequest> change)
    {
        var steps = new List<RestoreStep>();
        await RestorePreview.ExecuteAsync(test.Repository, manifest, change(new RestoreRequest { TargetPath = test.Target }), steps.Add, TestBackup.Cancellation);
        return steps;
    }
}
