using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests.Restore;

[Collection(AloneTests.Name)]
public sealed class OpenDirectoryTests
{
    [Fact]
    public async Task A_tree_full_of_files_with_two_names_does_not_keep_its_directories_open()
    {
        const int directories = 500;
        await using var test = await TestBackup.CreateAsync();
        for (var i = 0; i < directories; i++)
        {
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(test.InSource("a", $"{i}")).FullName, "file"), "x");
            using var first = Files.OpenRoot(test.InSource("a", $"{i}"));
            using var file = Files.Open(first, "file"u8, OpenFlags.PathOnly);
            using var second = Files.OpenRoot(Directory.CreateDirectory(test.InSource("b", $"{i}")).FullName);
            Files.Link(file, second, "file"u8);
        }

        var backup = await test.RunAsync();
        var most = 0;
        await using (new Disturbance(_ => most = Math.Max(most, Directory.GetFileSystemEntries("/proc/self/fd").Length)))
            Assert.Empty((await test.RestoreAsync(backup.Manifest)).Issues);

        Assert.InRange(most, 1, 350);
        Assert.Equal($"{2 * directories}\n", TestBackup.Run("sh", "-c", "find \"$1\" -type f -links 2 | wc -l", "sh", test.Target));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    public async Task Small_files_in_directories_of_their_own_do_not_keep_them_open_however_many_workers_there_are(string content)
    {
        const int directories = 4000;
        await using var test = await TestBackup.CreateAsync();
        for (var i = 0; i < directories; i++) File.WriteAllText(Path.Combine(Directory.CreateDirectory(test.InSource($"{i}")).FullName, "file"), content);
        var backup = await test.RunAsync();
        var most = 0;
        await using (new Disturbance(_ => most = Math.Max(most, Directory.GetFileSystemEntries("/proc/self/fd").Length)))
            Assert.Empty((await test.RestoreAsync(backup.Manifest, request => request with { Workers = 16, Memory = 1L << 30 })).Issues);

        Assert.InRange(most, 1, 800);
        test.ExpectSameTree();
    }
}
