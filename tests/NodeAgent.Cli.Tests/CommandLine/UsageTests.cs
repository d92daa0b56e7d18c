using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.CommandLine;

public sealed class UsageTests
{
    [Theory]
    [InlineData("unknown command: nosuch", "nosuch")]
    [InlineData("unknown command: nosuch", "backup", "nosuch")]
    [InlineData("which one: give create, get", "backup")]
    [InlineData("unknown flag: --wiat", "backup", "create", "--wiat")]
    [InlineData("--ttl soon: not a duration", "backup", "create", "b", "--ttl", "soon")]
    [InlineData("--output xml: not known (give table, json or yaml)", "backup", "get", "-o", "xml")]
    [InlineData("--labels a: not a pair", "backup", "create", "b", "--labels", "a", "-o", "json")]
    [InlineData("a backup needs a name", "backup", "create")]
    [InlineData("a restore needs one source", "restore", "create")]
    [InlineData("a restore needs one source", "restore", "create", "--from-backup", "b", "--from-schedule", "s")]
    [InlineData("exclude each other", "backup", "create", "b", "--selector", "a=b", "--or-selector", "c=d", "-o", "json")]
    [InlineData("cannot be combined", "backup", "create", "b", "--include-resources", "pods", "--include-cluster-scoped-resources", "nodes", "-o", "json")]
    [InlineData("not a label selector", "backup", "create", "b", "--selector", "a b", "-o", "json")]
    [InlineData("--config path=", "backup-location", "create", "l", "--provider", "filesystem", "-o", "json")]
    [InlineData("--bucket", "backup-location", "create", "l", "--provider", "aws", "-o", "json")]
    public async Task A_command_line_that_makes_no_sense_ends_with_2_and_says_what_to_give(string message, params string[] arguments) =>
        (await NodeAgentProcess.RunAsync(arguments)).ExpectError(2, message);

    [Fact]
    public async Task A_name_that_begins_with_a_dash_goes_after_two_dashes()
    {
        var result = (await NodeAgentProcess.RunAsync("backup", "create", "-o", "yaml", "--", "--odd")).Expect(0);
        Assert.Contains("name: --odd", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_goes_to_standard_output_and_lists_the_verbs()
    {
        var result = (await NodeAgentProcess.RunAsync("backup", "--help")).Expect(0);
        Assert.Contains("describe", result.Output, StringComparison.Ordinal);
        Assert.Empty(result.Error);
    }

    [Fact]
    public async Task Help_shows_the_flags_of_a_verb_before_those_that_all_verbs_share()
    {
        var help = (await NodeAgentProcess.RunAsync("repo", "prune", "--help")).Expect(0).Output;
        var order = new[] { "\nOptions:\n", "--dry-run", "--no-wait", "\nRepository:\n", "--repo", "--password-file", "\nRepository in S3:\n", "--s3-endpoint", "--s3-credentials-file", "\nGeneral:\n", "--output", "--verbose" };
        var places = order.Select(part => help.IndexOf(part, StringComparison.Ordinal)).ToArray();
        Assert.DoesNotContain(-1, places);
        Assert.Equal(places.Order(), places);
    }

    [Theory]
    [InlineData("bash", "complete -o default")]
    [InlineData("zsh", "#compdef nodeagent")]
    [InlineData("fish", "complete -c nodeagent")]
    public async Task Completion_scripts_are_printed(string shell, string part)
    {
        var result = (await NodeAgentProcess.RunAsync("completion", shell)).Expect(0);
        Assert.Contains(part, result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_completion_of_a_verb_names_what_may_follow()
    {
        var result = (await NodeAgentProcess.RunAsync("[suggest:17]", "nodeagent backup ")).Expect(0);
        Assert.Contains("describe", result.Output.Split('\n'));
        Assert.DoesNotContain("/h", result.Output.Split('\n'));
    }

    [Fact]
    public async Task The_version_is_printed_without_a_server()
    {
        var result = (await NodeAgentProcess.RunAsync("version", "--client-only")).Expect(0);
        Assert.StartsWith("Client:\n\tVersion: v", result.Output, StringComparison.Ordinal);
    }
}
