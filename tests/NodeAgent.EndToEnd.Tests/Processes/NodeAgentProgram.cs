namespace NodeAgent.EndToEnd.Tests.Processes;

/// <summary>The program under test: what was built beside the tests, or one as it is published for one platform, which NODEAGENT_TEST_PROGRAM names.</summary>
internal static class NodeAgentProgram
{
    /// <summary>The command that starts it.</summary>
    public static IReadOnlyList<string> Command { get; } = Environment.GetEnvironmentVariable("NODEAGENT_TEST_PROGRAM") is { Length: > 0 } published
        ? [published]
        : ["dotnet", Path.Combine(AppContext.BaseDirectory, "nodeagent.dll")];

    /// <summary>The command with its arguments, but for the first word.</summary>
    public static IEnumerable<string> After(params IEnumerable<string> arguments) => Command.Skip(1).Concat(arguments);
}
