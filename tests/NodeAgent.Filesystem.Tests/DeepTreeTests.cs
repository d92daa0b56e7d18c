using System.Text;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests;

/// <summary>What directories far below one another cost. The counter is that of the process.</summary>
[Collection(AloneTests.Name)]
public sealed class DeepTreeTests
{
    private const int Levels = 2000;
    private const uint DirectoryMode = 0x1ed;

    [Fact]
    public async Task Memory_grows_with_the_names_and_not_with_the_paths()
    {
        // One copy of the path for each level would be 500 MB.
        const long bound = 100 << 20;
        await using var test = await TestBackup.CreateAsync();
        var name = new byte[250];
        name.AsSpan().Fill((byte)'n');
        MakeLevels(test, Levels, name).Dispose();
        // A volume's backup has this rule.
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var backup = await test.RunAsync(request => request with { Excludes = [RestoreMark.Exclude] });
        var backedUp = GC.GetTotalAllocatedBytes(precise: true);
        var restored = await test.RestoreAsync(backup.Manifest, request => request with { Excludes = [RestoreMark.Exclude] });
        var after = GC.GetTotalAllocatedBytes(precise: true);

        TestContext.Current.TestOutputHelper?.WriteLine($"backup {(backedUp - before) >> 20} MiB, restore {(after - backedUp) >> 20} MiB");
        Assert.Equal(Levels + 1, backup.Manifest.Stats.Directories);
        Assert.Equal(Levels + 1, restored.Directories);
        Assert.Empty(backup.Manifest.Issues);
        Assert.Empty(restored.Issues);
        Assert.InRange(backedUp - before, 0, bound);
        Assert.InRange(after - backedUp, 0, bound);
    }

    [Fact]
    public async Task Issues_whose_paths_are_longer_than_a_snapshot_may_be_do_not_cost_the_snapshot()
    {
        const int issues = 40;
        await using var test = await TestBackup.CreateAsync();
        var name = new byte[100];
        name.AsSpan().Fill((byte)'n');
        using (var bottom = MakeLevels(test, TreeLimits.MaxDepth - 1, name))
        {
            for (var i = 0; i < issues; i++) Files.MakeDirectory(bottom, Encoding.ASCII.GetBytes($"too deep {i}"), DirectoryMode);
        }

        var backup = await test.RunAsync();

        Assert.Equal(SnapshotOutcome.PartiallyFailed, backup.Manifest.Outcome);
        Assert.Equal(issues, backup.Manifest.IssueCount);
        Assert.Equal(issues, backup.Manifest.Issues.Count);
        Assert.EndsWith("/too deep 0", backup.Manifest.Issues[0].Display, StringComparison.Ordinal);
        var published = Assert.Single(await new SnapshotCatalog(test.Repository).ListAsync(null, TestBackup.Cancellation));
        Assert.Equal(backup.Id, published.Id);
    }

    private static DirectoryHandle MakeLevels(TestBackup test, int levels, byte[] name)
    {
        var at = Files.OpenRoot(test.Source);
        for (var level = 0; level < levels; level++)
        {
            Files.MakeDirectory(at, name, DirectoryMode);
            var below = Files.Open(at, name, OpenFlags.Directory);
            at.Dispose();
            at = below;
        }

        return at;
    }
}
