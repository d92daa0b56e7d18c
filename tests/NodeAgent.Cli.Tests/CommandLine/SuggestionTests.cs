using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.CommandLine;

public sealed class SuggestionTests
{
    [Theory]
    [InlineData("", "abc", 3)]
    [InlineData("snapsht", "snapshot", 1)]
    [InlineData("snapshto", "snapshot", 1)]
    [InlineData("Snapshot", "snapshot", 0)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("wiat", "wait", 1)]
    [InlineData("abc", "cab", 2)]
    public void Letters_that_are_missing_too_many_wrong_or_swapped_are_counted(string from, string to, int distance)
    {
        Assert.Equal(distance, Suggestion.Distance(from, to));
        Assert.Equal(distance, Suggestion.Distance(to, from));
    }

    [Theory]
    [InlineData("bakup", "backup")]
    [InlineData("gte", "get")]
    [InlineData("creat", "create")]
    [InlineData("xx", null)]
    [InlineData("nosuch", null)]
    [InlineData("sing", null)]
    public void The_nearest_name_is_found_and_nonsense_finds_none(string word, string? name) =>
        Assert.Equal(name is null ? [] : [name], Suggestion.For(word, ["backup", "restore", "get", "create", "delete", "bug"]));

    [Theory]
    [InlineData("error: unknown command: snapsht (did you mean \"snapshot\"?)", "snapsht", "list", "--repo", "/r")]
    [InlineData("error: unknown command: lst (did you mean \"list\" or \"ls\"?)", "snapshot", "lst")]
    [InlineData("error: unknown command: backupz (did you mean \"backups\" or \"backup\"?)", "get", "backupz")]
    [InlineData("error: unknown command: decribe (did you mean \"describe\"?)", "restore", "decribe", "r")]
    [InlineData("error: unknown command: prune (did you mean \"repo prune\"?)", "prune")]
    [InlineData("error: unknown command: qwertzuiop", "qwertzuiop")]
    [InlineData("error: unknown flag: --wiat (did you mean \"--wait\"?)", "backup", "create", "b", "--wiat")]
    [InlineData("error: unknown flag: --include-namespace (did you mean \"--include-namespaces\"?)", "create", "backup", "b", "--include-namespace", "shop")]
    [InlineData("error: unknown flag: --storage-locaton (did you mean \"--storage-location\"?)", "backup", "create", "b", "--storage-locaton=x")]
    [InlineData("error: unknown flag: -ttl (did you mean \"--ttl\"?)", "backup", "create", "b", "-ttl", "24h")]
    [InlineData("error: unknown flag: --verbos (did you mean \"--verbose\"?)", "repo", "info", "--verbos")]
    [InlineData("error: unknown flag: --repo (flags go after the verb)", "--repo", "/r", "snapshot", "list")]
    [InlineData("error: unknown flag: --qwertzuiop (a name that begins with a dash goes after --)", "backup", "create", "b", "--qwertzuiop")]
    public async Task A_command_line_with_a_slip_is_answered_with_what_may_be_meant(string message, params string[] arguments)
    {
        var result = await NodeAgentProcess.RunAsync(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.Equal(message, result.Error.Split('\n')[0]);
    }
}
