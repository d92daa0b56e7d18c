using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Snapshots.Retention;

namespace NodeAgent.Repository.Tests.Snapshots.Retention;

public sealed class RetentionPlanTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly SnapshotSource Claim = new() { Kind = SnapshotSource.PodVolume, Namespace = "web", Pod = "db-0", Volume = "data", Pvc = "data-db-0", Path = "/pods/1" };

    [Fact]
    public void By_default_a_group_is_a_directory_of_a_host_or_a_volume_wherever_its_pod_runs()
    {
        var groups = SnapshotGroup.Divide(
            [
                Make(1, Claim, "node-1"), Make(2, Claim with { Pod = "db-9", Path = "/pods/2" }, "node-2"), Make(3, Claim with { Namespace = "shop" }, "node-1"),
                Make(4, Claim with { Pvc = null }, "node-1"), Make(5, Claim with { Pvc = null, Path = "/pods/3" }, "node-2"),
                Make(6, Directory("/srv"), "a"), Make(7, Directory("/srv"), "b"), Make(8, Directory("/home"), "a"), Make(9, Directory("/srv"), "a"),
            ],
            GroupKey.Source);
        Assert.Equal(
            ["host=a path=/home: 8", "host=a path=/srv: 6,9", "host=b path=/srv: 7", "namespace=shop pvc=data-db-0: 3", "namespace=web pvc=data-db-0: 1,2", "namespace=web volume=db-0/data: 4,5"],
            groups.Select(Text));
    }

    [Fact]
    public void Groups_can_be_told_apart_by_anything_else_and_by_nothing()
    {
        Snapshot[] snapshots = [Make(1, Claim, "node-1", "a"), Make(2, Claim, "node-2", "b"), Make(3, Directory("/srv"), "node-1", "a")];
        Assert.Equal(["host=node-1: 1,3", "host=node-2: 2"], SnapshotGroup.Divide(snapshots, GroupKey.Host).Select(Text));
        Assert.Equal(["tags=t=a: 1,3", "tags=t=b: 2"], SnapshotGroup.Divide(snapshots, GroupKey.Tags).Select(Text));
        Assert.Equal([": 3", "namespace=web: 1,2"], SnapshotGroup.Divide(snapshots, GroupKey.Namespace).Select(Text));
        Assert.Equal([": 1,2,3"], SnapshotGroup.Divide(snapshots, GroupKey.None).Select(Text));
    }

    [Fact]
    public void A_policy_that_leaves_nothing_of_a_group_is_objected_to_and_the_group_is_named()
    {
        var policy = new RetentionPolicy { Tags = [[new RetentionTag("t", "keep")]] };
        var plan = RetentionPlan.Create(policy, [Make(1, Directory("/a"), "h", "keep"), Make(2, Directory("/b"), "h", "other")], GroupKey.Source, 100);
        Assert.Equal("the policy would leave no snapshot at all of host h, path /b", plan.Objection);
        Assert.Equal([2], plan.Removals.Select(Number));
    }

    [Theory]
    [InlineData(10, 10, null)] // few
    [InlineData(11, 22, null)] // half
    [InlineData(11, 21, "the policy would forget 11 of all 21 snapshots at once")]
    [InlineData(11, 1000, null)]
    public void More_than_ten_and_more_than_half_of_all_at_once_is_objected_to(int removed, int total, string? objection)
    {
        var snapshots = Enumerable.Range(0, removed + 1).Select(n => Make(n, Directory("/a"), "h"));
        var plan = RetentionPlan.Create(new RetentionPolicy { Last = 1 }, snapshots, GroupKey.Source, total);
        Assert.Equal(removed, plan.Removals.Count());
        Assert.Equal(objection, plan.Objection);
    }

    [Fact]
    public void The_policy_counts_in_each_group_for_itself()
    {
        var plan = RetentionPlan.Create(new RetentionPolicy { Last = 1 }, Enumerable.Range(0, 6).Select(n => Make(n, Directory($"/{n % 2}"), "h")), GroupKey.Source, 6);
        Assert.Equal([0, 1, 2, 3], plan.Removals.Select(Number).Order());
        Assert.Null(plan.Objection);
    }

    private static SnapshotSource Directory(string path) => new() { Kind = SnapshotSource.Directory, Path = path };

    private static Snapshot Make(int number, SnapshotSource source, string host, string? tag = null) =>
        RetentionPolicyTests.Make(Start.AddDays(number), number, source: source, host: host, tags: tag is null ? [] : new() { ["t"] = tag });

    private static string Text(SnapshotGroup group) =>
        $"{string.Join(' ', group.Name.Select(part => $"{part.Key}={part.Value}"))}: {string.Join(',', group.Snapshots.Select(Number).Order())}";

    private static int Number(Snapshot snapshot) => Convert.ToInt32(snapshot.Id.ToString()[^4..], 16);
}
