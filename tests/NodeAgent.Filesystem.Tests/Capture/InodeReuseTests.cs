using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Capture;

/// <summary>Alone, since a file of another test could get the inode.</summary>
[Collection(AloneTests.Name)]
public sealed class InodeReuseTests
{
    [Fact]
    public async Task An_inode_that_another_file_got_during_the_run_mixes_nothing_up()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        // What is listed as z/new, with two names, is left for the walk.
        test.Shell("mkdir a m z; printf first > a/x; ln a/x a/y; ln a/x z/keep; printf place > z/new; ln z/new z/new2; touch -d 2020-01-01 a/x z/new");
        FillBetween(test);
        var inode = Status(test, "a", "x").Inode;
        Assert.SkipWhen(Status(test, "a", "x").Birth is null, "no birth times here");
        test.OnFirstPack(() =>
        {
            test.Shell("rm a/x a/y z/keep");
            // The first is given the inode where inodes are given again at all.
            for (var i = 0; i < 100; i++)
            {
                var path = test.InSource("z", $"try{i}");
                File.WriteAllText(path, "other");
                if (Status(test, "z", $"try{i}").Inode != inode) continue;
                test.Shell($"touch -d 2020-01-01 z/try{i}; ln -f z/try{i} z/new2; mv z/try{i} z/new");
                return;
            }
        });

        var result = await test.RunAsync(request => request with { Workers = 1 });

        var (first, second) = (await test.FindAsync(result.Manifest, "a/x"), await test.FindAsync(result.Manifest, "z/new"));
        Assert.SkipUnless(first.Inode == second.Inode, "this file system gave the inode to no other file");
        Assert.Equal("other", Text(second));
        await test.RestoreAsync(result.Manifest);
        Assert.Equal(("first", "other", "other"), (File.ReadAllText(test.InTarget("a", "x")), File.ReadAllText(test.InTarget("z", "new")), File.ReadAllText(test.InTarget("z", "new2"))));
        Assert.Equal("2 2\n", TestBackup.Run("sh", "-c", "cd \"$1\"; echo $(stat -c %h a/x z/new)", "sh", test.Target));
    }

    private static string Text(TreeEntry entry) => Encoding.UTF8.GetString(Assert.IsType<InlineContent>(entry.Content).Bytes.Span);

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
