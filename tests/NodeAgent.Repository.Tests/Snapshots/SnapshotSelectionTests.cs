using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Repository.Tests.Snapshots;

public sealed class SnapshotSelectionTests
{
    private readonly List<Snapshot> _snapshots = [Make("aabb", 1, "web"), Make("aacc", 3, "web"), Make("dd00", 2, "shop")];

    [Fact]
    public void Latest_is_the_newest_that_matches()
    {
        Assert.Equal(_snapshots[1], SnapshotSelection.Resolve(_snapshots, "latest", null));
        Assert.Equal(_snapshots[2], SnapshotSelection.Resolve(_snapshots, "latest", new SnapshotFilter { Namespace = "shop" }));
        var tagged = new SnapshotFilter { Tags = new Dictionary<string, string> { ["app"] = "other" } };
        var exception = Assert.Throws<SnapshotNotFoundException>(() => SnapshotSelection.Resolve(_snapshots, "latest", tagged));
        Assert.Contains("0 of the 3 snapshots match", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_prefix_must_fit_one()
    {
        Assert.Equal(_snapshots[0], SnapshotSelection.Resolve(_snapshots, "AAB", null));
        var ambiguous = Assert.Throws<SnapshotNotFoundException>(() => SnapshotSelection.Resolve(_snapshots, "aa", null));
        Assert.Equal([_snapshots[0].Id, _snapshots[1].Id], ambiguous.Candidates);
        var missing = Assert.Throws<SnapshotNotFoundException>(() => SnapshotSelection.Resolve(_snapshots, "dd01", null));
        Assert.Contains("3 snapshots; near: dd00", missing.Message, StringComparison.Ordinal);
        Assert.Throws<SnapshotNotFoundException>(() => SnapshotSelection.Resolve(_snapshots, "", null));
    }

    [Fact]
    public void The_parent_is_the_newest_of_the_same_source()
    {
        var web = _snapshots[0].Manifest.Source;
        Assert.Equal(_snapshots[1], SnapshotSelection.LatestFor(_snapshots, web with { Pod = "db-9" }, "another node"));
        Assert.Null(SnapshotSelection.LatestFor(_snapshots, web with { Pvc = null }, "node-1"));
        var directory = Make("ee", 5, null, new SnapshotSource { Kind = SnapshotSource.Directory, Path = "/srv" });
        Assert.Equal(directory, SnapshotSelection.LatestFor([directory], directory.Manifest.Source, "node-1"));
        Assert.Null(SnapshotSelection.LatestFor([directory], directory.Manifest.Source, "another"));
    }

    private static Snapshot Make(string prefix, int day, string? space, SnapshotSource? source = null)
    {
        Assert.True(SnapshotId.TryParse(prefix.PadRight(64, '0'), out var id));
        return new Snapshot(id, SnapshotManifestTests.Example with
        {
            Time = new DateTimeOffset(2026, 1, day, 0, 0, 0, TimeSpan.Zero),
            Source = source ?? SnapshotManifestTests.Example.Source with { Namespace = space },
        });
    }
}
