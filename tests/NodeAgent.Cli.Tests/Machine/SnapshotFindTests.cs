using System.Text.Json.Nodes;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class SnapshotFindTests
{
    [Fact]
    public async Task Names_and_paths_are_found_in_every_snapshot_that_has_them()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Shell("cd source; mkdir -p a/deep b; echo 1 > a/deep/report.txt; echo 2 > b/Report.txt; echo 3 > b/other; touch -d '2001-02-03 04:05:06 UTC' a/deep/report.txt");
        var first = await machine.BackUpAsync();
        machine.Shell("cd source; rm b/Report.txt; echo 4 > b/report.txt");
        var second = await machine.BackUpAsync();

        var text = (await machine.RunAsync("snapshot", "find", "report*")).Expect(0).Output.Split('\n');
        Assert.StartsWith($"in {first[..12]} of ", text[0], StringComparison.Ordinal);
        Assert.EndsWith($", {machine.Source}:", text[0], StringComparison.Ordinal);
        Assert.Equal(["a/deep/report.txt", ""], text[1..3]);
        Assert.StartsWith($"in {second[..12]} of ", text[3], StringComparison.Ordinal);
        Assert.Equal(["a/deep/report.txt", "b/report.txt", ""], text[4..]);

        Assert.Equal([(first, "a/deep/report.txt"), (first, "b/Report.txt"), (second, "a/deep/report.txt"), (second, "b/report.txt")], await FindAsync(machine, "REPORT.TXT", "-i"));
        Assert.Equal([(first, "b/Report.txt"), (first, "b/other")], await FindAsync(machine, "other", "Report.txt", "--snapshot", first));
        Assert.Equal([(second, "b"), (second, "b/report.txt")], await FindAsync(machine, "/b", "/b/r*", "-s", "latest"));
        Assert.Equal([(second, "a/deep/report.txt")], await FindAsync(machine, "a/**/report.txt", "-s", "latest"));
        Assert.Equal([(second, "a/deep/report.txt")], await FindAsync(machine, "*.txt", "-s", "latest", "--newest", "2001-02-03T04:05:06Z"));
        Assert.Equal([(second, "b/report.txt")], await FindAsync(machine, "*.txt", "-s", "latest", "--oldest", "2001-02-04"));
        Assert.Empty(await FindAsync(machine, "*.txt", "--host", "elsewhere"));

        Assert.EndsWith(" a/deep/report.txt\n", (await machine.RunAsync("snapshot", "find", "deep/report.txt", "-s", first, "-l")).Expect(0).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_found_is_said_and_what_makes_no_sense_is_refused()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("a", "a"u8.ToArray());
        await machine.BackUpAsync();

        var none = (await machine.RunAsync("snapshot", "find", "b")).Expect(0);
        Assert.Equal(("", "nothing found in 1 snapshot\n"), (none.Output, none.Error));
        Assert.Empty((await machine.JsonAsync("snapshot", "find", "b")).AsArray());
        (await machine.RunAsync("snapshot", "find", "a", "--newest", "yesterday")).ExpectError(2, "--newest yesterday: not a time");
        (await machine.RunAsync("snapshot", "find", "")).ExpectError(2, "the pattern is empty");
        (await machine.RunAsync("snapshot", "find", "a", "-s", "ffffffff")).ExpectError(13, "is not found");
    }

    private static async Task<List<(string Snapshot, string Path)>> FindAsync(MachineRepository machine, params string[] arguments) =>
        [.. (await machine.JsonAsync(["snapshot", "find", .. arguments])).AsArray().Select(item => ((string)item!["snapshot"]!, (string)item["path"]!))];
}
