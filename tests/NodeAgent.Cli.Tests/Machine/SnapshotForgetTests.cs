using System.Globalization;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Tests.Machine;

/// <summary>Forgetting by a policy, and bringing back.</summary>
public sealed class SnapshotForgetTests
{
    [Fact]
    public async Task A_prune_says_what_was_forgotten_too_short_a_time_ago_and_when_it_can_go()
    {
        using var machine = await MachineRepository.CreateAsync();
        var ids = await machine.PublishAsync(Enumerable.Range(1, 4).Select(i => MachineRepository.Manifest(new DateTimeOffset(2026, 1, i, 0, 0, 0, TimeSpan.Zero))));
        Assert.DoesNotContain("forgotten", (await machine.RunAsync("repo", "prune", "--quiet")).Expect(0).Output, StringComparison.Ordinal);

        (await machine.RunAsync("snapshot", "forget", ids[0])).Expect(0);
        const string time = @"\d{4}-\d\d-\d\d \d\d:\d\d";
        Assert.Matches($@"^snapshots kept: 4\n1 of them is forgotten, but not long enough ago: what only it uses is removed by a prune after {time}\n", (await machine.RunAsync("repo", "prune", "--quiet")).Expect(0).Output);
        (await machine.RunAsync("snapshot", "forget", ids[1])).Expect(0);
        Assert.Matches($@"\n2 of them are forgotten, but not long enough ago: what only they use is removed by prunes after {time}, the first of them\n", (await machine.RunAsync("repo", "prune", "--quiet", "--dry-run")).Expect(0).Output);
        Assert.DoesNotContain("long enough ago:", (await machine.RunAsync("repo", "prune", "--quiet", "--grace", "0s")).Expect(0).Output, StringComparison.Ordinal);
    }

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_policy_shows_what_it_keeps_and_why_and_a_dry_run_changes_nothing()
    {
        using var machine = await MachineRepository.CreateAsync();
        var ids = await machine.PublishAsync(
            MachineRepository.Manifest(Start, tags: ("hold", "yes")), MachineRepository.Manifest(Start.AddDays(1)), MachineRepository.Manifest(Start.AddDays(2)),
            MachineRepository.Manifest(Start.AddDays(2).AddHours(1)), MachineRepository.Manifest(Start, "other", "/home"));

        string[] policy = ["snapshot", "forget", "--keep-daily", "1", "--keep-tag", "hold", "--timezone", "UTC"];
        var dry = (await machine.RunAsync([.. policy, "--dry-run"])).Expect(0);
        string[] expected =
        [
            "host host, path /srv: keep 2, forget 2",
            $"           ID             TIME                  TAGS       WHY",
            $"  keep     {ids[3][..12]}   2026-01-03 13:00:00              daily snapshot",
            $"  forget   {ids[2][..12]}   2026-01-03 12:00:00",
            $"  forget   {ids[1][..12]}   2026-01-02 12:00:00",
            $"  keep     {ids[0][..12]}   2026-01-01 12:00:00   hold=yes   tag hold",
            "",
            "host other, path /home: keep 1, forget 0",
            "         ID             TIME                  TAGS   WHY",
            $"  keep   {ids[4][..12]}   2026-01-01 12:00:00          daily snapshot",
            "",
            "3 kept, 2 would be forgotten (dry run: nothing was done)",
            "",
        ];
        Assert.Equal(expected, dry.Output.Split('\n'));
        Assert.Empty(dry.Error);
        Assert.Equal(5, await CountAsync(machine));

        var done = (await machine.RunAsync(policy)).Expect(0);
        Assert.Contains("3 kept, 2 forgotten; ", done.Output, StringComparison.Ordinal);
        Assert.Contains("nodeagent snapshot unforget", done.Output, StringComparison.Ordinal);
        Assert.Equal(3, await CountAsync(machine));
        Assert.Contains("3 kept, 0 forgotten\n", (await machine.RunAsync(policy)).Expect(0).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Filters_and_groups_say_which_snapshots_the_policy_sees()
    {
        using var machine = await MachineRepository.CreateAsync();
        await machine.PublishAsync(Enumerable.Range(0, 8).Select(n => MachineRepository.Manifest(Start.AddDays(n), n % 2 == 0 ? "even" : "odd", "/srv", ("half", n < 4 ? "first" : "second"))));

        Assert.Equal([(1, 3)], await CountsAsync("--host", "even"));
        Assert.Equal([(1, 1), (1, 1)], await CountsAsync("--tag", "half=first"));
        Assert.Equal([(1, 7)], await CountsAsync("--group-by", ""));
        Assert.Equal([(1, 3), (1, 3)], await CountsAsync("--group-by", "tags"));
        Assert.Empty(await CountsAsync("--namespace", "web"));
        Assert.Empty(await CountsAsync("--path", "/elsewhere"));
        Assert.Equal(8, await CountAsync(machine));

        async Task<List<(int, int)>> CountsAsync(params string[] flags) =>
            [.. (await machine.JsonAsync(["snapshot", "forget", "--keep-last", "1", "--dry-run", .. flags])).AsArray().Select(g => (g!["keep"]!.AsArray().Count, g["remove"]!.AsArray().Count))];
    }

    [Fact]
    public async Task A_policy_that_drops_nearly_everything_is_refused_unless_that_is_allowed()
    {
        using var machine = await MachineRepository.CreateAsync();
        await machine.PublishAsync(Enumerable.Range(0, 14).Select(n => MachineRepository.Manifest(Start.AddDays(n))));

        (await machine.RunAsync("snapshot", "forget", "--keep-last", "2")).ExpectError(1, "12 of all 14 snapshots", "nothing was done", "--allow-mass-removal");
        (await machine.RunAsync("snapshot", "forget", "--keep-tag", "hold")).ExpectError(1, "no snapshot at all of host host, path /srv", "--allow-mass-removal");
        Assert.Equal(14, await CountAsync(machine));
        (await machine.RunAsync("snapshot", "forget", "--keep-last", "2", "--allow-mass-removal")).Expect(0);
        Assert.Equal(2, await CountAsync(machine));
    }

    [Fact]
    public async Task A_snapshot_from_a_clock_that_is_ahead_does_not_push_out_the_others()
    {
        using var machine = await MachineRepository.CreateAsync();
        var ids = await machine.PublishAsync(MachineRepository.Manifest(Start), MachineRepository.Manifest(Start.AddDays(1)), MachineRepository.Manifest(new DateTimeOffset(2126, 1, 1, 0, 0, 0, TimeSpan.Zero)));
        // The store had the one that is ahead before the others.
        File.SetLastWriteTimeUtc(Assert.Single(machine.Objects("snap"), file => file.EndsWith(ids[2], StringComparison.Ordinal)), new DateTime(2025, 12, 1, 0, 0, 0, DateTimeKind.Utc));

        var result = (await machine.RunAsync("snapshot", "forget", "--keep-last", "2", "--timezone", "UTC")).Expect(0);

        Assert.Contains($"  forget   {ids[2][..12]}   2025-12-01 00:00:00          it says 2126-01-01 00:00:00 UTC, the store had it before\n", result.Output, StringComparison.Ordinal);
        Assert.Equal([ids[0], ids[1]], (await machine.JsonAsync("snapshot", "list")).AsArray().Select(s => (string)s!["id"]!));
    }

    [Fact]
    public async Task What_makes_no_sense_is_a_usage_error_and_changes_nothing()
    {
        using var machine = await MachineRepository.CreateAsync();
        var id = Assert.Single(await machine.PublishAsync(MachineRepository.Manifest(Start)));

        (await machine.RunAsync("snapshot", "forget")).ExpectError(2, "nothing says what to keep", "--keep-daily");
        (await machine.RunAsync("snapshot", "forget", "--keep-last", "0")).ExpectError(2, "nothing says what to keep");
        (await machine.RunAsync("snapshot", "forget", id, "--keep-last", "1")).ExpectError(2, "not by both");
        (await machine.RunAsync("snapshot", "forget", "--keep-last", "-2")).ExpectError(2, "--keep-last -2", "unlimited");
        (await machine.RunAsync("snapshot", "forget", "--keep-within", "7")).ExpectError(2, "--keep-within 7", "30d");
        (await machine.RunAsync("snapshot", "forget", "--keep-last", "1", "--group-by", "colour")).ExpectError(2, "colour", "namespace");
        (await machine.RunAsync("snapshot", "forget", "--keep-last", "1", "--timezone", "Mars/Base")).ExpectError(2, "Mars/Base", "Europe/Berlin");
        (await machine.RunAsync("snapshot", "forget", "--keep-tag", ",")).ExpectError(2, "--keep-tag", "key=value");
        Assert.Equal(1, await CountAsync(machine));
        (await machine.RunAsync("snapshot", "forget", "--keep-last", "unlimited", "--keep-hourly", "-1")).Expect(0);
    }

    [Fact]
    public async Task A_forgotten_snapshot_is_shown_and_comes_back_and_after_its_grace_it_does_not()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("file", "x"u8.ToArray());
        var id = await machine.BackUpAsync();
        (await machine.RunAsync("snapshot", "list", "--forgotten")).Expect(0);
        (await machine.RunAsync("snapshot", "forget", id)).Expect(0);

        var listed = Assert.Single((await machine.JsonAsync("snapshot", "list", "--forgotten")).AsArray())!;
        Assert.Equal((id, machine.Source, "asked for on the command line"), ((string?)listed["id"], (string?)listed["source"], (string?)listed["reason"]));
        Assert.Equal(SnapshotCatalog.ForgetGrace, DateTimeOffset.Parse((string)listed["until"]!, CultureInfo.InvariantCulture) - DateTimeOffset.Parse((string)listed["forgotten"]!, CultureInfo.InvariantCulture));
        Assert.Matches($"^ID .*\n{id[..12]} .* asked for on the command line\n$", (await machine.RunAsync("snapshot", "list", "--forgotten")).Expect(0).Output);

        Assert.Equal($"brought back {id} of {machine.Source}\n", (await machine.RunAsync("snapshot", "unforget", id[..8])).Expect(0).Output);
        Assert.Equal(1, await CountAsync(machine));
        (await machine.RunAsync("snapshot", "unforget", id)).ExpectError(13, id, "0 are forgotten", "snapshot list --forgotten");

        (await machine.RunAsync("snapshot", "forget", id)).Expect(0);
        File.SetLastWriteTimeUtc(Assert.Single(machine.Objects("forget")), DateTime.UtcNow.AddHours(-25));
        (await machine.RunAsync("snapshot", "unforget", id)).ExpectError(1, id, "could be brought back until", "may be removed at any moment");
        Assert.Contains("no more", (await machine.RunAsync("snapshot", "list", "--forgotten")).Expect(0).Output, StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync(machine));
        // Its data is still there, and its full id still restores, as that message says; the beginning of an id does not, nor does "latest".
        (await machine.RunAsync("snapshot", "restore", id[..8], "--target", machine.Target)).ExpectError(13, id[..8], "is not found");
        (await machine.RunAsync("snapshot", "restore", "latest", "--target", machine.Target)).ExpectError(13, "no latest snapshot");
        (await machine.RunAsync("snapshot", "restore", id, "--target", machine.Target)).Expect(0);
        Assert.Equal("x", File.ReadAllText(Path.Combine(machine.Target, "file")));
    }

    [Fact]
    public async Task A_list_with_nothing_but_damaged_snapshots_says_so()
    {
        using var machine = await MachineRepository.CreateAsync();
        Assert.Equal(["no snapshots"], (await machine.RunAsync("snapshot", "list")).Expect(0).ErrorLines);
        await machine.PublishAsync(MachineRepository.Manifest(Start));
        Assert.Equal(["no snapshots that match"], (await machine.RunAsync("snapshot", "list", "--host", "elsewhere")).Expect(0).ErrorLines);
        var snapshot = Assert.Single(machine.Objects("snap"));
        File.SetUnixFileMode(snapshot, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllBytes(snapshot, new byte[100]);

        var result = (await machine.RunAsync("snapshot", "list")).Expect(0);

        Assert.Equal("no snapshot that could be read; 1 object is damaged (nodeagent repo check says what is lost)", result.ErrorLines[^1]);
        Assert.StartsWith("warning: snap/", result.ErrorLines[0], StringComparison.Ordinal);
    }

    private static async Task<int> CountAsync(MachineRepository machine) => (await machine.JsonAsync("snapshot", "list")).AsArray().Count;
}
