using System.Diagnostics;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Machine;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class TarDumpTests
{
    [Fact]
    public async Task Tar_unpacks_what_was_backed_up()
    {
        using var directory = new TemporaryDirectory();
        var snapshot = await new TreeOfFiles().BuildAsync();
        await using (var file = File.Create(directory["a.tar"]))
            Assert.False(await TarDump.WriteAsync(snapshot, snapshot.Root, [], file, TestContext.Current.CancellationToken)); // one file could not be read when it was backed up
        Directory.CreateDirectory(directory["out"]);
        await TarAsync("--no-same-owner", "-xf", directory["a.tar"], "-C", directory["out"]);

        Assert.Equal("hello", File.ReadAllText(directory["out/b"]));
        Assert.Equal("other", File.ReadAllText(directory["out/c"]));
        Assert.Equal("sliced", File.ReadAllText(directory["out/sub/bundled"]));
        Assert.Equal("large", new FileInfo(directory["out/sub/link"]).LinkTarget);
        var large = File.ReadAllBytes(directory["out/sub/large"]);
        Assert.True(large.AsSpan().SequenceEqual([.. TreeOfFiles.Large.AsSpan(0, 200_000), .. new byte[70_000], .. TreeOfFiles.Large.AsSpan(200_000)]));
        var listed = await TarAsync("--quoting-style=escape", "-tf", directory["a.tar"]);
        Assert.Equal("./\na\nb\nc\nsub/\nsub/bundled\nsub/large\nsub/link\n\\351\n", listed);
    }

    [Fact]
    public async Task A_directory_is_named_from_its_last_part_on()
    {
        using var directory = new TemporaryDirectory();
        var snapshot = await new TreeOfFiles().BuildAsync();
        var sub = await snapshot.FindAsync("sub"u8.ToArray(), TestContext.Current.CancellationToken);
        await using (var file = File.Create(directory["a.tar"]))
            Assert.True(await TarDump.WriteAsync(snapshot, sub, "sub"u8.ToArray(), file, TestContext.Current.CancellationToken));
        Assert.Equal("sub/\nsub/bundled\nsub/large\nsub/link\n", await TarAsync("-tf", directory["a.tar"]));
    }

    [Fact]
    public async Task A_path_that_is_not_there_is_named_with_its_snapshot()
    {
        var snapshot = await new TreeOfFiles().BuildAsync();
        var exception = await Assert.ThrowsAsync<CommandException>(() => snapshot.FindAsync("sub/nosuch"u8.ToArray(), TestContext.Current.CancellationToken));
        Assert.Equal(ExitCode.NotFound, exception.ExitCode);
        Assert.Contains("sub/nosuch is not in it", exception.Message, StringComparison.Ordinal);
    }

    private static async Task<string> TarAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("tar", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LC_ALL"] = "C";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        return (await NodeAgentProcess.FinishAsync(process, output, error)).Expect(0).Output;
    }
}
