using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Servers;

public sealed class RestoreWaitTests
{
    [Fact]
    public async Task It_waits_for_the_mark_of_every_volume_and_then_removes_them()
    {
        using var root = new TemporaryDirectory();
        root.Write("data/.velero/u-1", "");
        root.Write("data/file", "kept");
        Directory.CreateDirectory(root["logs"]);
        using var process = NodeAgentProcess.Start(new CommandEnvironment(), "restore-wait", "u-1", "--root", root.Path);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var firstLine = await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken);
        Assert.Equal("waiting for 1 of 2 volumes: logs", firstLine);

        root.Write("logs/.velero/u-1", "");
        var result = await NodeAgentProcess.FinishAsync(process, output, process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        result.Expect(0);
        Assert.False(Directory.Exists(root["data/.velero"]));
        Assert.False(Directory.Exists(root["logs/.velero"]));
        Assert.Equal("kept", File.ReadAllText(root["data/file"]));
    }

    [Fact]
    public async Task Marks_in_a_volume_of_their_own_stay_so_that_it_ends_at_once_when_the_pod_is_started_again()
    {
        using var root = new TemporaryDirectory();
        root.Write("data/.velero/u-1", "");
        var environment = new CommandEnvironment { Variables = new() { ["NODEAGENT_KEEP_MARKS"] = "true" } };
        for (var start = 1; start <= 2; start++)
        {
            using var process = NodeAgentProcess.Start(environment, "restore-wait", "u-1", "--root", root.Path);
            var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            (await NodeAgentProcess.FinishAsync(process, output, process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken))).Expect(0);
            Assert.True(File.Exists(root["data/.velero/u-1"]));
        }
    }

    [Fact]
    public async Task The_mark_of_another_restore_does_not_count()
    {
        using var root = new TemporaryDirectory();
        root.Write("data/.velero/another", "");
        using var process = NodeAgentProcess.Start(new CommandEnvironment(), "restore-wait", "u-1", "--root", root.Path);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.Equal("waiting for 1 of 1 volumes: data", await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken));
        Signals.Send(process.Id, Signals.Terminate);
        var result = await NodeAgentProcess.FinishAsync(process, output, process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        result.ExpectError(130, "interrupted");
        Assert.True(File.Exists(root["data/.velero/another"]));
    }

    [Fact]
    public async Task It_loads_neither_a_web_host_nor_the_command_line_parser()
    {
        using var root = new TemporaryDirectory();
        Directory.CreateDirectory(root["data"]);
        // The image's, which pods start: one of native code loads nothing.
        using var process = NodeAgentProcess.Start(new CommandEnvironment { IsPortable = true }, "restore-wait", "u-1", "--root", root.Path);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.NotNull(await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken));
        var loaded = await File.ReadAllTextAsync($"/proc/{process.Id}/maps", TestContext.Current.CancellationToken);
        Signals.Send(process.Id, Signals.Terminate);
        await NodeAgentProcess.FinishAsync(process, output, process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));

        Assert.Contains("nodeagent.dll", loaded, StringComparison.Ordinal);
        foreach (var assembly in (string[])["Microsoft.AspNetCore", "Microsoft.Extensions.Hosting", "System.CommandLine", "System.Net.Http"])
            Assert.DoesNotContain(assembly, loaded, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("u", "extra")]
    public async Task A_bad_UID_is_refused(params string[] arguments) =>
        (await NodeAgentProcess.RunAsync(["restore-wait", .. arguments])).ExpectError(2, "expected the UID of a restore");
}
