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
    /// The compiler ahead takes them for unused unless the trimmer is told to keep the lists that name them (<c>--strip-descriptors</c> in the project of the program,
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
        var list = _directory["compiled"];
        var result = await NodeAgentProcess.RunAsync(new CommandEnvironment { Variables = { ["DOTNET_JitStdOutFile"] = list, ["DOTNET_JitDisasmSummary"] = "1" } }, arguments);
        Assert.Equal(exitCode, result.ExitCode);
        var compiled = await File.ReadAllLinesAsync(list, TestContext.Current.CancellationToken);
        // Some methods are left to compile in any program: where there are none, it was the list that was not made.
        Assert.Contains(compiled, line => line.Contains("JIT compiled System.", StringComparison.Ordinal));
        Assert.DoesNotContain(compiled, line => RuntimeHelpers.Any(helper => line.Contains($"JIT compiled {helper}", StringComparison.Ordinal)));
    }
}
