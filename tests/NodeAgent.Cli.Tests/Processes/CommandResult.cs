using System.Text.RegularExpressions;

namespace NodeAgent.Cli.Tests.Processes;

/// <summary>What a finished nodeagent process left.</summary>
internal sealed partial record CommandResult(int ExitCode, string Output, string Error)
{
    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>What it had to say, without the progress that it shows on a slow machine.</summary>
    public string[] Messages => [.. ErrorLines.Where(line => !Progress().IsMatch(line))];

    /// <summary>Fails with everything that was printed, so that a test's report tells why.</summary>
    public CommandResult Expect(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"exit code {ExitCode} instead of {exitCode}\n--- stdout\n{Output}\n--- stderr\n{Error}");
        return this;
    }

    /// <summary>The command failed with one error line that holds every one of these parts, and without a stack trace.</summary>
    public CommandResult ExpectError(int exitCode, params string[] parts)
    {
        Expect(exitCode);
        var line = Assert.Single(ErrorLines, line => line.StartsWith("error: ", StringComparison.Ordinal));
        foreach (var part in parts)
            Assert.Contains(part, line, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        return this;
    }

    [GeneratedRegex(@"^(?!warning|error)[a-z ]+: .* in \d+(\.\d+)?( s|:\d\d)")]
    private static partial Regex Progress();
}
