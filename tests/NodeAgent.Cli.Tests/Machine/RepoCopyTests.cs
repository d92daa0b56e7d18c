using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

/// <summary>Snapshots in a second repository are restored as from the first.</summary>
public sealed class RepoCopyTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_copy_restores_the_same_files_with_all_that_belongs_to_them(bool rechunk)
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("large", MachineRepository.Noise(5_000_000));
        for (var i = 0; i < 40; i++) machine.Put($"many/{i}", MachineRepository.Noise(2_000 + i, i));
        machine.Shell("ln source/large source/second-name; ln -s large source/link; mkfifo source/pipe; truncate -s 20M source/sparse; printf end >> source/sparse; chmod 640 source/many/3; touch -d 2020-02-02 source/many/4; touch 'source/a\nb'");
        machine.Shell("setfattr -n user.note -v hello source/many/5 2>/dev/null || true");
        await machine.BackUpAsync();
        machine.Put("many/new", MachineRepository.Noise(100_000, 7));
        var second = await machine.BackUpAsync();
        var (target, key) = (machine.Files["copies"], machine.Files["copies key"]);
        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", target, "--generate-key", key)).Expect(0);
        string[] from = ["--from-repo", machine.Path, "--from-key-file", machine.KeyFile];
        string[] flags = rechunk ? ["--rechunk"] : [];

        Assert.Contains("2 snapshots to copy, 0 there already", (await RunAsync(["repo", "copy", "--dry-run", .. from, .. flags])).Expect(0).Output, StringComparison.Ordinal);
        Assert.Contains("1 snapshot copied, 0 there already", (await RunAsync(["repo", "copy", second[..10], .. from, .. flags])).Expect(0).Output, StringComparison.Ordinal);
        Assert.Contains("1 snapshot copied, 1 there already", (await RunAsync(["repo", "copy", .. from, .. flags])).Expect(0).Output, StringComparison.Ordinal);
        Assert.Contains("0 snapshots copied, 2 there already; 0 B read", (await RunAsync(["repo", "copy", .. from, .. flags])).Expect(0).Output, StringComparison.Ordinal);
        Assert.Contains("0 snapshots copied, 0 there already", (await RunAsync(["repo", "copy", "--host", "nobody", .. from])).Expect(0).Output, StringComparison.Ordinal);

        (await RunAsync("repo", "check", "--read-data")).Expect(0);
        (await RunAsync("snapshot", "restore", "latest", "--target", machine.Target)).Expect(0);
        (await machine.RunAsync("snapshot", "restore", "latest", "--target", machine.Files["original"])).Expect(0);
        // All that belongs to the files, and the bytes.
        const string list = @"(find . -type d -printf '%P d %m %U %G %T@\n' -o -printf '%P %y %m %U %G %s %b %T@ %l %n\n'; getfattr -R -d . 2>/dev/null || true) | sort";
        Assert.Equal(machine.Shell($"cd original && {list}"), machine.Shell($"cd target && {list}"));
        Assert.Equal("", machine.Shell("rm target/pipe original/pipe; diff -r original target"));

        Task<CommandResult> RunAsync(params string[] arguments) => NodeAgentProcess.RunAsync([.. arguments, "--repo", target, "--key-file", key]);
    }

    [Fact]
    public async Task What_is_missing_is_said_in_one_line()
    {
        using var machine = await MachineRepository.CreateAsync();
        (await machine.RunAsync("repo", "copy")).ExpectError(2, "nothing says where to copy from", "--from-repo");
        (await machine.RunAsync("repo", "copy", "--from-repo", machine.Files["nowhere"])).ExpectError(10, "nowhere");
        (await machine.RunAsync("repo", "copy", "--from-repo", machine.Path)).ExpectError(1, "are the same repository");
        (await machine.RunAsync("repo", "copy", "--from-repo", machine.Path, "--from-key-file", machine.Files.Write("wrong", new string('a', 64)))).ExpectError(12, "key");
    }
}
