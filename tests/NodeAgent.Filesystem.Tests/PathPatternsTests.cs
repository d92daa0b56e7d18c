using System.Text;

namespace NodeAgent.Filesystem.Tests;

public sealed class PathPatternsTests
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

    [Theory]
    [InlineData("*.JPG", "a/b.jpg", true)]
    [InlineData("/Über/*", "üBER/x", true)]
    [InlineData("é", "\u00c3\u00a9", false)]
    [InlineData("*.jpg", "b.jpeg", false)]
    public void Case_does_not_count_where_it_is_ignored(string pattern, string path, bool matches)
    {
        Assert.Equal(matches, new PathPatterns([pattern], ignoreCase: true).Matches(Encoding.UTF8.GetBytes(path)));
        Assert.Equal(matches, new PathPatterns([pattern], ignoreCase: true).Matches(PathOf(path)));
    }

    [Fact]
    public void Names_that_are_not_UTF_8_are_compared_as_bytes()
    {
        Assert.True(new PathPatterns(["*.jpg"], ignoreCase: true).Matches([0xe9, (byte)'.', (byte)'J', (byte)'P', (byte)'G']));
        Assert.True(new PathPatterns(["*.jpg"]).Matches([0xe9, (byte)'.', (byte)'j', (byte)'p', (byte)'g']));
    }

    private static bool Excludes(string pattern, string path)
    {
        var patterns = new PathPatterns([pattern]);
        var matches = patterns.Matches(PathOf(path));
        Assert.Equal(matches, patterns.Matches(Encoding.UTF8.GetBytes(path)));
        return matches;
    }

    private static TreePath PathOf(string path) => path.Split('/').Aggregate(TreePath.Root, (at, name) => at.Below(Encoding.UTF8.GetBytes(name)));
}
