using NodeAgent.Filesystem.Capture;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class ExcludeRulesTests
{
    [Theory]
    [InlineData("*.tmp", "a.tmp")]
    [InlineData("*.tmp", "deep/er/a.tmp")]
    [InlineData("/.velero", ".velero")]
    [InlineData("/a/b", "a/b")]
    [InlineData("/a/", "a")]
    [InlineData("/a/**", "a/b/c")]
    [InlineData("/**/c", "a/b/c")]
    [InlineData("a/b", "x/a/b")]
    [InlineData("a/b", "a/b")]
    [InlineData("a?c", "a\nc")]
    [InlineData("*.tmp", "line\nbreak.tmp")]
    public void A_path_that_a_pattern_describes_is_left_out(string pattern, string path) => Assert.True(Excludes(pattern, path));

    [Theory]
    [InlineData("*.tmp", "a.tmp\n")]
    [InlineData("/.velero", ".velero\n")]
    [InlineData("a/b", "x/a/b\n")]
    [InlineData("/a/**/b", "a/x/b\n")]
    [InlineData("*.tmp", "a.tmp2")]
    [InlineData("/.velero", "a/.velero")]
    [InlineData("/a/b", "x/a/b")]
    [InlineData("/a/b", "a/b/c")]
    [InlineData("/a/*", "a/b/c")]
    [InlineData("a/b", "xa/b")]
    public void A_path_that_only_resembles_a_pattern_is_kept(string pattern, string path) => Assert.False(Excludes(pattern, path));

    private static bool Excludes(string pattern, string path) =>
        new ExcludeRules([pattern]).Matches(path.Split('/').Aggregate(TreePath.Root, (at, name) => at.Below(System.Text.Encoding.UTF8.GetBytes(name))));
}
