using System.Text;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Filesystem.Tests;

public sealed class IssueListTests
{
    /// <summary>Each of these takes more room in JSON than it has bytes.</summary>
    [Theory]
    [InlineData((byte)'<')]
    [InlineData((byte)'\n')]
    [InlineData((byte)0xff)]
    public void Whatever_is_in_them_all_issues_fit_a_snapshot_and_all_are_counted(byte letter)
    {
        var issues = new IssueList();
        var name = new byte[255];
        name.AsSpan().Fill(letter);
        var path = TreePath.Root;
        for (var level = 0; level < 4000; level++) path = path.Below(name);

        for (var i = 0; i < 1500; i++) issues.Add(path.Below(Encoding.ASCII.GetBytes($"file {i}")), "open", new string((char)letter, 100_000));

        Assert.Equal(1500, issues.Count);
        Assert.InRange(issues.Issues.Count, 100, IssueList.Kept);
        Assert.InRange(Manifest(issues).ToJson().Length, 1 << 20, 8 << 20);
        var last = issues.Issues[^1];
        Assert.InRange(last.Path.Length, IssueList.MaxPath - 10, IssueList.MaxPath);
        Assert.Equal(name, last.Path[..255]);
        Assert.EndsWith($"/file {issues.Issues.Count - 1}", Encoding.Latin1.GetString(last.Path), StringComparison.Ordinal);
        Assert.Contains(" ... ", Encoding.Latin1.GetString(last.Path), StringComparison.Ordinal);
    }

    [Fact]
    public void A_thousand_short_issues_are_kept_as_they_are_and_a_path_that_a_call_takes_is_not_shortened()
    {
        var issues = new IssueList();
        var longest = Enumerable.Repeat(Encoding.ASCII.GetBytes(new string('a', 255)), 15).Aggregate(TreePath.Root, (path, name) => path.Below(name)).Below(new byte[256]);
        Assert.Equal(IssueList.MaxPath, longest.Length);
        issues.Add(longest, "open", "why");

        for (var i = 1; i < 1200; i++) issues.Add(TreePath.Root.Below(Encoding.ASCII.GetBytes($"directory {i}")).Below("file"u8.ToArray()), "read", "some reason");

        Assert.Equal(1200, issues.Count);
        Assert.Equal(IssueList.Kept, issues.Issues.Count);
        Assert.Equal(longest.ToBytes(), issues.Issues[0].Path);
        Assert.Equal("directory 999/file: read: some reason", issues.Issues[999].ToString());
    }

    private static SnapshotManifest Manifest(IssueList issues) => new()
    {
        Time = DateTimeOffset.UnixEpoch,
        Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = "/" },
        Root = [],
        Issues = [.. issues.Issues.Select(i => new SnapshotIssue(i.Path, FileName.ToText(i.Path), i.Operation, i.Reason))],
        IssueCount = issues.Count,
    };
}
