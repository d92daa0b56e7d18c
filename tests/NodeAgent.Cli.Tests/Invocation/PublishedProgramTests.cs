using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Invocation;

/// <summary>What holds of the program as it is published for one platform, and of no other.</summary>
public sealed class PublishedProgramTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>
    /// With a linker on the machine that publishes, the program is one file of native code, which needs nothing beside it but the libraries that the README names: it can be copied alone. A
    /// publish that has fallen back to the runtime and its compiler would pass all other tests, and take six times the time and half as much memory again for a short command.
    /// </summary>
    [Fact]
    public async Task It_is_one_file_that_runs_alone()
    {
        Assert.SkipUnless(NodeAgentProcess.IsPublished, "no published program: NODEAGENT_TEST_PROGRAM names none (docs/testing.md)");
        // By hand somebody may want the other one; .ci/run installs a linker, and fails here when it did not get it.
        Assert.SkipUnless(NodeAgentProcess.IsNative || Environment.GetEnvironmentVariable("NODEAGENT_CI") is { Length: > 0 }, "it carries the runtime: publish with gcc or clang installed (docs/testing.md)");
        Assert.True(NodeAgentProcess.IsNative, $"{NodeAgentProcess.Place} holds the runtime's compiler");
        var alone = Directory.CreateDirectory(_directory["alone"]).FullName;
        File.Copy(NodeAgentProcess.Command[0], Path.Combine(alone, "nodeagent"));
        var environment = new CommandEnvironment { Copy = alone };
        var source = Directory.CreateDirectory(_directory["source"]).FullName;
        await File.WriteAllTextAsync(Path.Combine(source, "file"), "content", TestContext.Current.CancellationToken);
        string[][] commands =
        [
            ["repo", "init", "--repo", _directory["repository"], "--generate-key", _directory["key"]],
            ["snapshot", "create", source, "--repo", _directory["repository"], "--key-file", _directory["key"]],
            ["snapshot", "restore", "latest", "--target", _directory["target"], "--repo", _directory["repository"], "--key-file", _directory["key"]],
        ];
        foreach (var command in commands)
            (await NodeAgentProcess.RunAsync(environment, command)).Expect(0);

        Assert.Equal("content", await File.ReadAllTextAsync(_directory["target/file"], TestContext.Current.CancellationToken));
    }
}
