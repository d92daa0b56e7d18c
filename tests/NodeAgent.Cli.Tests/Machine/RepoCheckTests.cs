using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

/// <summary>Checks that read a part, and remember which.</summary>
public sealed class RepoCheckTests
{
    [Fact]
    public async Task Of_damage_that_differs_in_ids_alone_the_first_are_named_and_the_rest_is_counted()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Shell("head -c 20000000 /dev/urandom > source/large");
        await machine.BackUpAsync();
        // No chunk is as short as the steps.
        machine.Shell("""
            for pack in $(find repository/data -type f -size +512k); do
              at=100000; end=$(stat -c %s "$pack")
              while [ $at -lt $((end - 100000)) ]; do printf XXXX | dd of="$pack" bs=1 seek=$at conv=notrunc status=none; at=$((at + 262144)); done
            done
            """);

        // Not those of footers, which padding makes long enough to be hit, too.
        const string Damaged = "the envelope is damaged, or belongs in another place: Data chunk";
        var json = (await machine.RunAsync("repo", "check", "--read-data", "-o", "json")).Expect(1).Output;
        var all = json.Split(Damaged).Length - 1;
        Assert.True(all > 10, json);
        var lines = (await machine.RunAsync("repo", "check", "--read-data")).Expect(1).Output.Split('\n').ToList();
        Assert.True(lines.Count(line => line.Contains(Damaged, StringComparison.Ordinal)) == 9, string.Join("\n", lines));
        Assert.Equal(
            $"    and {all - 9} more of which the same is to be said (--output json lists all)",
            lines[lines.FindLastIndex(line => line.Contains(Damaged, StringComparison.Ordinal)) + 1]);
    }

    [Fact]
    public async Task What_was_read_is_remembered_in_the_cache_directory_and_not_read_again_within_the_given_age()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("large", MachineRepository.Noise(3_000_000));
        await machine.BackUpAsync();
        var packs = machine.Objects("data").Count;
        var id = (string)(await machine.JsonAsync("repo", "info"))["id"]!;
        var cache = new CommandEnvironment { Variables = { ["XDG_CACHE_HOME"] = machine.Files["cache"] } };

        var first = await JsonAsync("--max-age", "30d");
        Assert.Equal((packs, 0, 0), ((int)first["readPacks"]!, (int)first["recentPacks"]!, (int)first["neverReadPacks"]!));
        Assert.Single(Directory.GetFiles(Path.Combine(machine.Files["cache"], "nodeagent", id), "check-*"));
        var second = await JsonAsync("--max-age", "30d");
        Assert.Equal((0, packs, 0L), ((int)second["readPacks"]!, (int)second["recentPacks"]!, (long)second["readBytes"]!));
        Assert.InRange(DateTimeOffset.Parse((string)second["oldestVerification"]!, CultureInfo.InvariantCulture), DateTimeOffset.UtcNow.AddMinutes(-10), DateTimeOffset.UtcNow);
        Assert.Matches($"(?m)^read 0 of {packs} {(packs == 1 ? "pack; 1 was" : $"packs; {packs} were")} read not long ago; each since 20", (await machine.RunAsync(cache, "repo", "check", "--max-age", "30d")).Expect(0).Output);
        Assert.Equal(packs, (int)(await JsonAsync("--read-data"))["readPacks"]!);

        // A share and a size take at least one, and of those the ones that were read longest ago.
        Assert.Equal(1, (int)(await JsonAsync("--read-data-subset", "1"))["readPacks"]!);
        Assert.Equal(1, (int)(await JsonAsync("--read-data-subset", "1%"))["readPacks"]!);
        Assert.Equal(packs, (int)(await JsonAsync("--read-data-subset", "1G"))["readPacks"]!);
        // No time is no time for any.
        Assert.Equal((0, packs), ((int)(await JsonAsync("--max-duration", "0s"))["readPacks"]!, (int)(await JsonAsync("--max-duration", "0s"))["packsLeft"]!));
        Assert.Contains($"; {packs} {(packs == 1 ? "was" : "were")} left when the time was up", (await machine.RunAsync(cache, "repo", "check", "--max-duration", "0s")).Expect(0).Output, StringComparison.Ordinal);

        async Task<JsonNode> JsonAsync(params string[] flags) =>
            MachineRepository.Parse((await machine.RunAsync(cache, ["repo", "check", "-o", "json", .. flags])).Expect(0));
    }

    [Fact]
    public async Task What_was_verified_in_one_place_says_nothing_of_a_mirror_with_the_same_id()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("file", MachineRepository.Noise(100_000));
        await machine.BackUpAsync();
        var packs = machine.Objects("data").Count;
        var cache = new CommandEnvironment { Variables = { ["XDG_CACHE_HOME"] = machine.Files["cache"] } };
        (await machine.RunAsync(cache, "repo", "check", "--max-age", "30d")).Expect(0);
        machine.Shell("cp -a repository mirror");

        string[] there = ["repo", "check", "--max-age", "30d", "-o", "json", "--repo", machine.Files["mirror"], "--key-file", machine.KeyFile];
        var mirror = MachineRepository.Parse((await NodeAgentProcess.RunAsync(cache, there)).Expect(0));
        Assert.Equal((packs, 0), ((int)mirror["readPacks"]!, (int)mirror["recentPacks"]!));
    }

    [Fact]
    public async Task Without_a_home_nothing_is_remembered_and_who_relies_on_it_is_told()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("file", MachineRepository.Noise(100_000));
        await machine.BackUpAsync();

        var result = (await machine.RunAsync("repo", "check", "--max-age", "30d", "--quiet")).Expect(0);
        Assert.Contains("XDG_CACHE_HOME", Assert.Single(result.Messages), StringComparison.Ordinal);
        Assert.Empty((await machine.RunAsync("repo", "check", "--read-data", "--quiet")).Expect(0).Error);
        (await machine.RunAsync("repo", "prune", "--quiet")).Expect(0);
        (await machine.RunAsync("repo", "rebuild-index", "--quiet")).Expect(0);
        Assert.False(Directory.Exists("/nonexistent"));

        // A cache that cannot be written is a warning, and the check is as good as ever.
        var file = machine.Files.Write("in the way", "x");
        var environment = new CommandEnvironment { Variables = { ["XDG_CACHE_HOME"] = file } };
        var blocked = (await machine.RunAsync(environment, "repo", "check", "--read-data", "--quiet")).Expect(0);
        Assert.EndsWith("no damage\n", blocked.Output, StringComparison.Ordinal);
        Assert.All(blocked.Messages, line => Assert.StartsWith("warning: ", line, StringComparison.Ordinal));
        Assert.NotEmpty(blocked.Messages);
    }

    [Fact]
    public async Task No_more_is_said_to_be_sound_than_was_read()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("large", MachineRepository.Noise(3_000_000));
        await machine.BackUpAsync();
        machine.Put("another", MachineRepository.Noise(100_000, 2));
        await machine.BackUpAsync();
        var packs = machine.Objects("data").Count;
        Assert.True(packs > 1);
        const string part = " read: no damage in the structure and in what was read\n";

        var all = (await machine.RunAsync("repo", "check", "--read-data")).Expect(0).Output;
        Assert.StartsWith($"read {packs} of {packs} packs\n2 snapshots, {packs} packs, ", all, StringComparison.Ordinal);
        Assert.EndsWith(" read: no damage\n", all, StringComparison.Ordinal);
        Assert.EndsWith(part, (await machine.RunAsync("repo", "check", "--read-data-subset", "1")).Expect(0).Output, StringComparison.Ordinal);
        Assert.EndsWith(", 0 B" + part, (await machine.RunAsync("repo", "check", "--max-duration", "0s")).Expect(0).Output, StringComparison.Ordinal);
        (await machine.RunAsync("repo", "check", "--read-data", "--read-data-subset", "5%")).ExpectError(2, "--read-data reads everything", "give one of the two");
    }

    [Theory]
    [InlineData("--max-age", "30")]
    [InlineData("--max-age", "soon")]
    [InlineData("--max-duration", "30d")]
    [InlineData("--read-data-subset", "5X")]
    [InlineData("--read-data-subset", "0")]
    [InlineData("--read-data-subset", "9999999999T")]
    public async Task What_makes_no_sense_is_a_usage_error(string flag, string value) =>
        (await NodeAgentProcess.RunAsync("repo", "check", "--repo", "/nonexistent", flag, value)).ExpectError(2, flag, value);

    [Fact]
    public async Task There_is_nothing_to_migrate()
    {
        using var machine = await MachineRepository.CreateAsync();
        Assert.Equal("the repository has version 1, the newest: nothing to migrate\n", (await machine.RunAsync("repo", "migrate")).Expect(0).Output);
        (await machine.RunAsync("repo", "migrate", "upgrade")).ExpectError(1, "no migration upgrade", "version 1", "there is none yet");
    }
}
