using System.Diagnostics;
using NodeAgent.DevCluster.Demo;

namespace NodeAgent.DevCluster.Tests.Demo;

/// <summary>The demo's comparison has to see every kind of difference: one that it overlooks would make the demo's verdict worthless.</summary>
public sealed class TreeFingerprintTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("fingerprint-").FullName;

    public TreeFingerprintTests()
    {
        Directory.CreateDirectory(Of("dir"));
        File.WriteAllText(Of("dir/file"), "content");
        File.WriteAllText(Of("other"), "content");
        File.CreateSymbolicLink(Of("link"), "dir/file");
        using var sparse = File.OpenHandle(Of("sparse"), FileMode.CreateNew, FileAccess.Write);
        RandomAccess.SetLength(sparse, 1 << 20);
        RandomAccess.Write(sparse, "x"u8, 512 << 10);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_tree_that_did_not_change_has_no_differences()
    {
        var before = TreeFingerprint.Take(_root);
        Assert.Empty(before.DifferencesTo(TreeFingerprint.Take(_root)));
        Assert.Equal((6, 3, (1 << 20) + 14), (before.Entries, before.Files, before.Bytes));
    }

    [Theory]
    [InlineData("content", "echo -n CONTENT > dir/file; touch -d 2001-01-01 dir/file", "touch -d 2001-01-01 dir/file")]
    [InlineData("time by a nanosecond", "touch -d '2001-01-01 00:00:00.000000002' dir/file", "touch -d '2001-01-01 00:00:00.000000001' dir/file")]
    [InlineData("time of a link", "touch -h -d 2002-01-01 link", "touch -h -d 2001-01-01 link")]
    [InlineData("time of a directory", "touch -d 2002-01-01 dir", "touch -d 2001-01-01 dir")]
    [InlineData("mode", "chmod 640 other", "chmod 644 other")]
    [InlineData("set-user-id", "chmod 4644 other", "chmod 644 other")]
    [InlineData("target of a link", "ln -sfn other link; touch -h -d 2001-01-01 link .", "ln -sfn dir/file link; touch -h -d 2001-01-01 link .")]
    [InlineData("missing file", "rm other; touch -d 2001-01-01 .", "touch -d 2001-01-01 .")]
    [InlineData("file too many", "touch new; touch -d 2001-01-01 .", "touch -d 2001-01-01 .")]
    [InlineData("type", "rm other; mkdir other; chmod 644 other; touch -d 2001-01-01 other .", "touch -d 2001-01-01 other .")]
    [InlineData("hard link", "ln -f dir/file other; touch -d 2001-01-01 . other dir/file", "touch -d 2001-01-01 . other dir/file")]
    [InlineData("hole that was filled", "cp --sparse=never sparse s2; cat s2 > sparse; rm s2; touch -d 2001-01-01 . sparse", "touch -d 2001-01-01 . sparse")]
    public void Each_kind_of_difference_is_seen(string what, string change, string reference)
    {
        Run(reference);
        var before = TreeFingerprint.Take(_root);
        Run(change);
        Assert.True(before.DifferencesTo(TreeFingerprint.Take(_root)).Any(), what);
    }

    [Fact]
    public void An_owner_is_seen()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "changing an owner takes root");
        var before = TreeFingerprint.Take(_root);
        Run("chown 12345:12345 other");
        Assert.Contains("other: was mode", Assert.Single(before.DifferencesTo(TreeFingerprint.Take(_root))), StringComparison.Ordinal);
    }

    [Fact]
    public void An_attribute_is_seen()
    {
        var before = TreeFingerprint.Take(_root);
        Assert.SkipUnless(TryRun("setfattr -n user.a -v b other"), "setfattr is not installed (package attr), or the file system has no user attributes");
        Assert.Single(before.DifferencesTo(TreeFingerprint.Take(_root)));
    }

    private string Of(string path) => Path.Combine(_root, path);

    private void Run(string script) => Assert.True(TryRun(script), script);

    private bool TryRun(string script)
    {
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-ec", script]) { WorkingDirectory = _root })!;
        shell.WaitForExit();
        return shell.ExitCode == 0;
    }
}
