using System.Text;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Filesystem.Tests.Restore;

public sealed class RestoreSelectionTests
{
    [Theory]
    [InlineData("a/b", "", "", "a/ a/b/ a/b/One.txt a/b/two.log")]
    [InlineData("a/b,top", "", "", "a/ a/b/ a/b/One.txt a/b/two.log top")]
    [InlineData("./a//b/One.txt", "", "", "a/ a/b/ a/b/One.txt")]
    [InlineData(".", "", "*.log", "a/ a/b/ a/b/One.txt a/bc c/ c/three.TXT top")]
    [InlineData("a", "*.txt", "", "a/ a/b/ a/b/One.txt")]
    [InlineData("", "*.txt", "", "a/ a/b/ a/b/One.txt")]
    [InlineData("", "i:*.TXT", "", "a/ a/b/ a/b/One.txt c/ c/three.TXT")]
    [InlineData("", "", "i:*.txt,/a/bc", "a/ a/b/ a/b/two.log c/ top")]
    [InlineData("a", "c", "", "")]
    public async Task Paths_and_patterns_choose_what_is_restored_with_the_directories_that_lead_to_it(string paths, string includes, string excludes, string expected)
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("mkdir -p a/b c; printf 1 > a/b/One.txt; printf 2 > a/b/two.log; printf 3 > a/bc; printf 4 > c/three.TXT; printf 5 > top; chmod 751 a; chmod 711 a/b; touch -d 2001-02-03 a a/b");
        var backup = await test.RunAsync();

        var result = await test.RestoreAsync(backup.Manifest, request => request with
        {
            Paths = [.. Split(paths).Select(path => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(path))],
            Includes = [.. Split(includes).Where(p => !p.StartsWith("i:", StringComparison.Ordinal))],
            IncludesIgnoringCase = [.. Split(includes).Where(p => p.StartsWith("i:", StringComparison.Ordinal)).Select(p => p[2..])],
            Excludes = [.. Split(excludes).Where(p => !p.StartsWith("i:", StringComparison.Ordinal))],
            ExcludesIgnoringCase = [.. Split(excludes).Where(p => p.StartsWith("i:", StringComparison.Ordinal)).Select(p => p[2..])],
        });

        Assert.Empty(result.Issues);
        Assert.Equal(expected, TestBackup.Run("sh", "-c", "cd \"$1\"; find . -mindepth 1 \\( -type d -printf '%P/\\n' -o -printf '%P\\n' \\) | LC_ALL=C sort | paste -sd' '", "sh", test.Target).Trim());
        if (expected.Contains("a/b/", StringComparison.Ordinal))
            Assert.Equal(TestBackup.Run("stat", "-c", "%a %y", test.InSource("a"), test.InSource("a", "b")), TestBackup.Run("stat", "-c", "%a %y", test.InTarget("a"), test.InTarget("a", "b")));
    }

    [Fact]
    public async Task A_path_that_is_not_there_is_an_error_before_anything_is_made()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf 1 > a");
        var backup = await test.RunAsync();

        var failure = await Assert.ThrowsAsync<RepositoryException>(() => test.RestoreAsync(backup.Manifest, request => request with { Paths = ["a"u8.ToArray(), "b/c"u8.ToArray()] }));

        Assert.StartsWith("b/c is not in the snapshot", failure.Message, StringComparison.Ordinal);
        Assert.False(Path.Exists(test.Target));
    }

    private static string[] Split(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries);
}
