using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class RepoKeyTests
{
    [Fact]
    public async Task Keys_are_added_listed_and_removed()
    {
        using var machine = await MachineRepository.CreateAsync();
        var second = machine.Files["second"];

        var added = await machine.JsonAsync("repo", "key", "add", "--generate-key", second, "--label", "the office");

        Assert.Equal(("key", "the office"), ((string?)added["kind"], (string?)added["label"]));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(second));
        (await RunAsync(machine, second, "repo", "info")).Expect(0);
        var id = (string)added["id"]!;
        var lines = (await machine.RunAsync("repo", "key", "list")).Expect(0).Output.Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.Matches("^ID +KIND +CREATED +STATE +LABEL$", lines[0]);
        Assert.Single(lines, line => line.EndsWith("in use   initial", StringComparison.Ordinal));
        Assert.Single(lines, line => line.StartsWith($"{id}   key    ", StringComparison.Ordinal) && line.EndsWith("the office", StringComparison.Ordinal));

        (await machine.RunAsync("repo", "key", "add", "--new-key-file", second)).ExpectError(1, id, "already");
        (await RunAsync(machine, second, "repo", "key", "remove", id)).ExpectError(1, id, "is the one that this command was given", "--even-in-use");
        (await machine.RunAsync("repo", "key", "remove", "zzz")).ExpectError(13, "zzz", "repo key list");
        var removed = (await machine.RunAsync("repo", "key", "remove", id[..6])).Expect(0);
        Assert.Equal($"removed {id} (the office)\n", removed.Output);
        Assert.Contains("repo key rotate", Assert.Single(removed.Messages), StringComparison.Ordinal);
        (await RunAsync(machine, second, "repo", "info")).ExpectError(12, "does not open");
        var own = (string)Assert.Single((await machine.JsonAsync("repo", "key", "list")).AsArray())!["id"]!;
        (await machine.RunAsync("repo", "key", "remove", own, "--even-in-use")).ExpectError(1, "no key would be left", "add another key first");
        (await machine.RunAsync("repo", "info")).Expect(0);
    }

    [Fact]
    public async Task A_rotation_names_who_would_be_left_out_and_takes_along_whose_secret_is_given()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("file", MachineRepository.Noise(100_000));
        var before = await machine.BackUpAsync();
        var (second, third) = (machine.Files.Write("second", new string('b', 64)), machine.Files.Write("third", new string('c', 64)));
        (await machine.RunAsync("repo", "key", "add", "--new-key-file", second, "--label", "two")).Expect(0);
        (await machine.RunAsync("repo", "key", "add", "--new-key-file", third, "--label", "three")).Expect(0);

        (await machine.RunAsync("repo", "key", "rotate", "--also-key-file", second)).ExpectError(1, "(three)", "--also-key-file", "--drop-other-keys", "nothing was done");
        var done = (await machine.RunAsync("repo", "key", "rotate", "--also-key-file", second, "--drop-other-keys")).Expect(0);
        foreach (var label in (string[])["initial", "two"]) Assert.Matches($"\nopens everything: [0-9a-f]{{16}} \\({label}\\)\n", done.Output);
        Assert.Matches("taken away, add it again: [0-9a-f]{16} \\(three\\)\n$", done.Output);

        var again = await machine.JsonAsync("snapshot", "create", machine.Source);
        Assert.Equal(0, (long)again["newBytes"]!);
        (await RunAsync(machine, second, "snapshot", "restore", before, "--target", machine.Target)).Expect(0);
        (await RunAsync(machine, second, "repo", "check", "--read-data")).Expect(0);
        (await RunAsync(machine, third, "repo", "info")).ExpectError(12, "does not open");
        var rotated = await machine.JsonAsync("repo", "key", "rotate", "--also-key-file", second);
        Assert.Equal((2, 0), (rotated["keys"]!.AsArray().Count, rotated["dropped"]!.AsArray().Count));
    }

    [Fact]
    public async Task A_passphrase_is_changed_by_passwd()
    {
        using var machine = await MachineRepository.CreateAsync();
        var (old, changed) = (machine.Files.Write("old", "correct horse\n"), machine.Files.Write("changed", "battery staple\n"));
        var add = await machine.RunAsync("repo", "key", "add", "--new-password-file", old);
        Assert.SkipWhen(add.Error.Contains("libargon2", StringComparison.Ordinal), "libargon2 is not installed (libargon2-1)");
        add.Expect(0);

        (await NodeAgentProcess.RunAsync("repo", "key", "passwd", "--repo", machine.Path, "--password-file", old, "--new-password-file", old)).ExpectError(1, "the same as the old one");
        var passwd = (await NodeAgentProcess.RunAsync("repo", "key", "passwd", "--repo", machine.Path, "--password-file", old, "--new-password-file", changed)).Expect(0);

        Assert.Matches("^changed: the new passphrase is [0-9a-f]{16}, the old one opens nothing any more\n$", passwd.Output);
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", machine.Path, "--password-file", old)).ExpectError(12, "passphrase");
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", machine.Path, "--password-file", changed)).Expect(0);
        (await machine.RunAsync("repo", "info")).Expect(0);
        Assert.Equal(["key", "passphrase"], (await machine.JsonAsync("repo", "key", "list")).AsArray().Select(k => (string?)k!["kind"]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_makes_no_sense_is_a_usage_error()
    {
        using var machine = await MachineRepository.CreateAsync();
        (await machine.RunAsync("repo", "key", "add")).ExpectError(2, "no new secret is given", "--new-password-file");
        (await machine.RunAsync("repo", "key", "passwd", "--new-key-file", "a", "--new-password-file", "b")).ExpectError(2, "exclude each other");
        (await machine.RunAsync("repo", "key", "add", "--generate-key", machine.KeyFile)).ExpectError(1, "it exists");
        (await machine.RunAsync("repo", "key", "add", "--generate-key", machine.Files["new"], "--label", new string('x', 300))).ExpectError(2, "--label");
        Assert.False(File.Exists(machine.Files["new"]));
        (await machine.RunAsync("repo", "key", "rotate", "--also-key-file", machine.Files["none"])).ExpectError(1, "not there");
        Assert.Single((await machine.JsonAsync("repo", "key", "list")).AsArray());
        (await NodeAgentProcess.RunAsync("repo", "key")).ExpectError(2, "list, add, remove, rotate or passwd".Replace(" or", ",", StringComparison.Ordinal));
    }

    private static Task<CommandResult> RunAsync(MachineRepository machine, string keyFile, params string[] arguments) =>
        NodeAgentProcess.RunAsync([.. arguments, "--repo", machine.Path, "--key-file", keyFile]);
}
