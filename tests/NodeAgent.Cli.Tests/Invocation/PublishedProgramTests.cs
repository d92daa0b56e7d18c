using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Invocation;

/// <summary>What holds of the program as it is published for one platform, and of no other.</summary>
public sealed class PublishedProgramTests : IDisposable
{
    /// <summary>Types by which the runtime itself casts, finds static fields and generic types, initializes classes and throws. Nothing in a program's code names them.</summary>
    private static readonly string[] RuntimeHelpers =
    [
        "System.Runtime.CompilerServices.CastHelpers:",
        "System.Runtime.CompilerServices.StaticsHelpers:",
        "System.Runtime.CompilerServices.GenericsHelpers:",
        "System.Runtime.CompilerServices.InitHelpers:",
        "System.Runtime.EH:",
    ];

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
        // By hand somebody may want the other one; .ci/run installs the linker and may not get it.
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

    /// <summary>
    /// Of the program that is published where there is no linker: the compiler ahead takes them for unused unless the trimmer is told to keep the lists that name them (<c>--strip-descriptors</c> in the project of the program,
    /// by a property of the SDK that is not documented). Without it these two commands compile some 50 methods when they run, of which 20 are these, and with it ten.
    /// </summary>
    /// <param name="exitCode">What the command ends with.</param>
    /// <param name="arguments">The command: one that says what it is asked for, and one that fails by an exception.</param>
    [Theory]
    [InlineData(0, "--version")]
    [InlineData(2, "snapshot", "list")]
    public async Task The_runtimes_own_helpers_are_compiled_ahead(int exitCode, params string[] arguments)
    {
        Assert.SkipUnless(NodeAgentProcess.IsPublished, "no published program: NODEAGENT_TEST_PROGRAM names none (docs/testing.md)");
        Assert.SkipWhen(NodeAgentProcess.IsNative, "it is native code and has no compiler to look at: publish with -p:PublishAot=false (docs/testing.md)");
        var list = _directory["compiled"];
        var result = await NodeAgentProcess.RunAsync(new CommandEnvironment { Variables = { ["DOTNET_JitStdOutFile"] = list, ["DOTNET_JitDisasmSummary"] = "1" } }, arguments);
        Assert.Equal(exitCode, result.ExitCode);
        var compiled = await File.ReadAllLinesAsync(list, TestContext.Current.CancellationToken);
        // Some methods are left to compile in any program: where there are none, it was the list that was not made.
        Assert.Contains(compiled, line => line.Contains("JIT compiled System.", StringComparison.Ordinal));
        Assert.DoesNotContain(compiled, line => RuntimeHelpers.Any(helper => line.Contains($"JIT compiled {helper}", StringComparison.Ordinal)));
    }
}
