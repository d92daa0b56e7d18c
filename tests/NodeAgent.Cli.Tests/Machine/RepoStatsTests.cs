using System.Globalization;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class RepoStatsTests
{
    [Fact]
    public async Task Groups_are_shown_with_what_they_use_alone_and_together()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("one/common", MachineRepository.Noise(300_000, 1));
        machine.Put("one/own", MachineRepository.Noise(200_000, 2));
        machine.Put("two/common", MachineRepository.Noise(300_000, 1));
        (await machine.RunAsync("snapshot", "create", Path.Combine(machine.Source, "one"), "--host", "a")).Expect(0);
        (await machine.RunAsync("snapshot", "create", Path.Combine(machine.Source, "two"), "--host", "b")).Expect(0);

        var stats = await machine.JsonAsync("repo", "stats", "--group-by", "host");
        Assert.Equal((2, 800_000), ((int)stats["snapshots"]!, (int)stats["restorableBytes"]!));
        Assert.InRange((long)stats["packBytes"]!, 500_000, 600_000);
        Assert.InRange((long)stats["indexBytes"]!, 100, 10_000);
        var groups = stats["groups"]!.AsArray();
        Assert.Equal(["a", "b"], groups.Select(g => (string?)g!["group"]!["host"]));
        Assert.Equal([500_000, 300_000], groups.Select(g => (long)g!["restorableBytes"]!));
        Assert.All(groups, g => Assert.InRange((long)g!["sharedBytes"]!, 300_000, 310_000));
        Assert.InRange((long)groups[0]!["uniqueBytes"]!, 200_000, 210_000);
        Assert.InRange((long)groups[1]!["uniqueBytes"]!, 0, 10_000);

        var text = (await machine.RunAsync("repo", "stats", "-g", "host")).Expect(0).Output;
        Assert.Matches(@"(?m)^snapshots +2\nrestorable +781\.3 KiB over all snapshots\ndeduplicated +48\d\.\d KiB in \d+ chunks?, 1\.6 to 1\ncompressed +48\d\.\d KiB, 1\.0 to 1\nstored +\d+\.\d KiB in \d packs?, and .* of index\nnot used +0 B in 0 chunks that no snapshot uses\n\nHOST +SNAPSHOTS +RESTORABLE +CONTENT +STORED +ONLY HERE +SHARED\na +1 +488\.3 KiB +488\.3 KiB", text);

        Assert.Equal(800_000, (long)(await machine.JsonAsync("repo", "stats", "--mode", "restore-size"))["bytes"]!);
        Assert.Equal(500_000, (long)(await machine.JsonAsync("repo", "stats", "--mode", "files-by-contents"))["bytes"]!);
        Assert.Equal(300_000, (long)(await machine.JsonAsync("repo", "stats", "--mode", "files-by-contents", "--host", "b"))["bytes"]!);
        Assert.InRange((long)(await machine.JsonAsync("repo", "stats", "--mode", "raw-data"))["bytes"]!, 500_000, 520_000);
        Assert.EndsWith(" in 1 snapshot\n", (await machine.RunAsync("repo", "stats", "--mode", "raw-data", "--host", "a")).Expect(0).Output, StringComparison.Ordinal);
        (await machine.RunAsync("repo", "stats", "--mode", "raw-data", "--growth", "day")).ExpectError(2, "--mode", "--growth");
        (await machine.RunAsync("repo", "stats", "--group-by", "colour")).ExpectError(2, "colour");
    }

    [Fact]
    public async Task Growth_adds_up_what_the_snapshots_of_each_period_added()
    {
        using var machine = await MachineRepository.CreateAsync();
        // At noon, so that the day is the same wherever this runs. 2026-01-05 is a Monday.
        await machine.PublishAsync(
            From(2026, 1, 3, 100, 50), From(2026, 1, 4, 10, 5), From(2026, 1, 5, 1, 1), From(2026, 1, 5, 2, 1), From(2026, 2, 1, 7, 6));

        Assert.Equal(["2026-01-03 1 100 50", "2026-01-04 1 10 5", "2026-01-05 2 3 2", "2026-02-01 1 7 6"], await RowsAsync("day"));
        Assert.Equal(["2025-12-29 2 110 55", "2026-01-05 2 3 2", "2026-01-26 1 7 6"], await RowsAsync("week"));
        Assert.Equal(["2026-01-01 4 113 57", "2026-02-01 1 7 6"], await RowsAsync("month"));
        Assert.EndsWith("MONTH        SNAPSHOTS     NEW   STORED\n2026-01-01           4   113 B     57 B\n2026-02-01           1     7 B      6 B\n", (await machine.RunAsync("repo", "stats", "--growth", "month")).Expect(0).Output, StringComparison.Ordinal);

        async Task<List<string>> RowsAsync(string period) =>
            [.. (await machine.JsonAsync("repo", "stats", "--growth", period))["growth"]!.AsArray().Select(r => string.Create(CultureInfo.InvariantCulture, $"{r!["start"]} {r["snapshots"]} {r["newBytes"]} {r["storedBytes"]}"))];

        static SnapshotManifest From(int year, int month, int day, long added, long stored) =>
            MachineRepository.Manifest(new DateTimeOffset(new DateTime(year, month, day, 12, 0, 0, DateTimeKind.Local))) with { Stats = new SnapshotStatistics { NewBytes = added, StoredBytes = stored } };
    }
}
