using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

/// <summary>A passphrase that is asked for on a terminal.</summary>
public sealed class PassphrasePromptTests
{
    private const string Question = "Passphrase of the repository: ";

    [Fact]
    public async Task The_first_interruption_ends_the_question_and_the_prompt_of_the_shell_comes_on_a_line_of_its_own()
    {
        using var files = new TemporaryDirectory();
        using var process = TerminalProcess.StartOrSkip("repo", "init", "--repo", files["new"]);
        await process.WaitForAsync(Question);
        await process.TypeAsync("half of it" + TerminalProcess.ControlC);

        Assert.Equal(130, await process.EndAsync());
        Assert.EndsWith("\nerror: interrupted\n", process.Shown, StringComparison.Ordinal);
        Assert.DoesNotContain("half", process.Shown, StringComparison.Ordinal);
        Assert.False(Path.Exists(files["new"]));
    }

    [Fact]
    public async Task No_passphrase_at_all_is_refused_before_it_is_asked_for_again()
    {
        using var files = new TemporaryDirectory();
        using var process = TerminalProcess.StartOrSkip("repo", "init", "--repo", files["new"]);
        await process.WaitForAsync(Question);
        await process.TypeAsync(TerminalProcess.Enter);

        Assert.Equal(2, await process.EndAsync());
        Assert.Contains("\nerror: the passphrase is empty (nothing was done; ", process.Shown, StringComparison.Ordinal);
        Assert.DoesNotContain("again", process.Shown, StringComparison.Ordinal);
        Assert.False(Path.Exists(files["new"]));
    }

    [Fact]
    public async Task What_is_typed_twice_alike_makes_a_repository_and_is_never_shown()
    {
        using var files = new TemporaryDirectory();
        using var process = TerminalProcess.StartOrSkip("repo", "init", "--repo", files["new"]);
        await process.WaitForAsync(Question);
        await process.TypeAsync("correct horse" + TerminalProcess.Enter);
        await process.WaitForAsync("The same again: ");
        // The terminal takes back what was mistyped.
        await process.TypeAsync("correct house\u007f\u007f\u007frse" + TerminalProcess.Enter);
        var code = await process.EndAsync();
        Assert.SkipWhen(process.Shown.Contains("libargon2", StringComparison.Ordinal), "libargon2 is not installed");

        Assert.True(code == 0, process.Shown);
        Assert.DoesNotContain("horse", process.Shown, StringComparison.Ordinal);
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", files["new"], "--password-file", files.Write("password", "correct horse\n"))).Expect(0);
    }

    [Fact]
    public async Task While_it_is_stopped_the_terminal_shows_what_is_typed_and_later_the_question_comes_again()
    {
        using var files = new TemporaryDirectory();
        using var process = TerminalProcess.StartJobOrSkip("echo settings: $(stty -a); fg; exit", "repo", "init", "--repo", files["new"]);
        await process.WaitForAsync(Question);
        await process.TypeAsync("half of it" + TerminalProcess.ControlZ);
        // The shell shows how the terminal is set, and brings the command to the front, which asks again.
        await process.WaitForAsync(Question);
        Assert.Contains(" echo ", process.Shown, StringComparison.Ordinal);
        await process.TypeAsync(TerminalProcess.Enter);

        // Nothing is left of what was typed before.
        Assert.Equal(2, await process.EndAsync());
        Assert.Contains("\nerror: the passphrase is empty (nothing was done; ", process.Shown, StringComparison.Ordinal);
        Assert.DoesNotContain("half", process.Shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_passphrase_in_a_variable_or_one_that_is_too_long_is_no_fault_of_the_program()
    {
        using var files = new TemporaryDirectory();
        foreach (var passphrase in (string[])["\n", new string('x', 4097)])
        {
            var environment = new CommandEnvironment { Variables = { ["NODEAGENT_PASSWORD"] = passphrase } };
            (await NodeAgentProcess.RunAsync(environment, "repo", "init", "--repo", files["new"])).ExpectError(2, "NODEAGENT_PASSWORD: the repository passphrase ", "nothing was done");
        }
    }
}
