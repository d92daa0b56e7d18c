using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class RepoInitTests
{
    [Fact]
    public async Task A_key_file_that_was_made_for_nothing_is_taken_away_and_the_command_that_is_put_right_succeeds()
    {
        using var files = new TemporaryDirectory();
        var inTheWay = files.Write("file", "x");

        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", Path.Combine(inTheWay, "repository"), "--generate-key", files["key"])).ExpectError(1, inTheWay);
        Assert.False(File.Exists(files["key"]));

        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", files["new"], "--generate-key", files["key"])).Expect(0);
        Assert.True(File.Exists(files["key"]));
    }

    [Fact]
    public async Task A_directory_with_something_else_in_it_gets_no_repository_and_leaves_no_key_file()
    {
        using var files = new TemporaryDirectory();
        files.Write("other/data/x", "x");

        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", files["other"], "--generate-key", files["key"])).ExpectError(1, files["other"]);

        Assert.False(File.Exists(files["key"]));
        Assert.Equal("x", File.ReadAllText(files["other/data/x"]));
    }

    [Fact]
    public async Task Who_has_no_key_is_told_how_to_make_one() =>
        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", "/nonexistent/repository")).ExpectError(2, "no key is given", "--generate-key FILE to make one", "NODEAGENT_KEY_FILE");
}
