using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class RepoVerbTests
{
    [Fact]
    public async Task Init_makes_a_repository_and_a_key_file_for_its_owner_only()
    {
        using var files = new TemporaryDirectory();
        var made = MachineRepository.Parse((await NodeAgentProcess.RunAsync("repo", "init", "--repo", files["new"], "--generate-key", files["key"], "-o", "json")).Expect(0));

        Assert.Equal((files["new"], files["key"]), ((string?)made["repository"], (string?)made["keyFile"]));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(files["key"]));
        var info = MachineRepository.Parse((await NodeAgentProcess.RunAsync("repo", "info", "--repo", files["new"], "--key-file", files["key"], "-o", "json")).Expect(0));
        Assert.Equal((string?)made["id"], (string?)info["id"]);
    }

    [Fact]
    public async Task Init_warns_that_the_key_file_is_the_only_key()
    {
        using var files = new TemporaryDirectory();

        var result = (await NodeAgentProcess.RunAsync("repo", "init", "--repo", files["new"], "--generate-key", files["key"])).Expect(0);

        Assert.StartsWith("Repository ", result.Output, StringComparison.Ordinal);
        Assert.StartsWith($"warning: {files["key"]} is the only key", Assert.Single(result.Messages), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repository_that_is_there_and_a_key_file_that_is_there_are_left_alone()
    {
        using var machine = await MachineRepository.CreateAsync();
        var config = File.ReadAllBytes(machine.Objects("")[0]);

        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", machine.Path, "--generate-key", machine.Files["other"])).ExpectError(1, machine.Path, "there is one already", "--repo");
        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", machine.Files["new"], "--generate-key", machine.KeyFile)).ExpectError(1, machine.KeyFile, "it exists", "--key-file");

        Assert.False(File.Exists(machine.Files["other"]));
        Assert.False(Path.Exists(machine.Files["new"]) && Directory.EnumerateFileSystemEntries(machine.Files["new"]).Any());
        Assert.Equal(config, File.ReadAllBytes(machine.Objects("")[0]));
        (await machine.RunAsync("repo", "info")).Expect(0);
    }

    [Fact]
    public async Task A_passphrase_opens_from_its_file_and_from_the_environment_and_no_other_does()
    {
        using var files = new TemporaryDirectory();
        var password = files.Write("password", "correct horse\n");
        var init = await NodeAgentProcess.RunAsync("repo", "init", "--repo", files["new"], "--password-file", password);
        Assert.SkipWhen(init.Error.Contains("libargon2", StringComparison.Ordinal), "libargon2 is not installed");
        init.Expect(0);

        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", files["new"], "--password-file", password)).Expect(0);
        var environment = new CommandEnvironment { Variables = { ["NODEAGENT_REPOSITORY"] = files["new"], ["NODEAGENT_PASSWORD"] = "correct horse" } };
        (await NodeAgentProcess.RunAsync(environment, "repo", "info")).Expect(0);
        environment.Variables["NODEAGENT_PASSWORD"] = "wrong horse";
        (await NodeAgentProcess.RunAsync(environment, "repo", "info")).ExpectError(12, files["new"], "passphrase");
        (await NodeAgentProcess.RunAsync(environment, "repo", "info", "--password-file", password)).Expect(0);
    }

    [Theory]
    [InlineData("repo", "info")]
    [InlineData("repo", "check")]
    [InlineData("repo", "stats")]
    [InlineData("snapshot", "create", "/tmp")]
    [InlineData("snapshot", "list")]
    [InlineData("snapshot", "ls", "latest")]
    [InlineData("snapshot", "restore", "latest", "--target", "/nonexistent/target")]
    [InlineData("snapshot", "dump", "latest", "file")]
    [InlineData("snapshot", "forget", "latest")]
    public async Task A_repository_that_is_not_there_ends_every_verb_with_10_and_is_not_made(params string[] verb)
    {
        using var files = new TemporaryDirectory();
        var key = files.Write("key", new string('a', 64));

        var result = await NodeAgentProcess.RunAsync([.. verb, "--repo", files["nowhere"], "--key-file", key]);

        result.ExpectError(10, files["nowhere"], "no repository", "repo init");
        Assert.Single(result.Messages);
        Assert.Empty(result.Output);
        Assert.False(Path.Exists(files["nowhere"]));
    }

    [Fact]
    public async Task Keys_that_are_wrong_missing_or_two_are_told_apart()
    {
        using var machine = await MachineRepository.CreateAsync();
        var wrong = machine.Files.Write("wrong", new string('a', 64));
        var password = machine.Files.Write("password", "secret");
        var noKey = machine.Files.Write("no-key", "this is no key");

        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", machine.Path, "--key-file", wrong)).ExpectError(12, machine.Path, "does not open");
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", machine.Path, "--password-file", password)).ExpectError(12, machine.Path, "passphrase");
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", machine.Path, "--key-file", machine.Files["none"])).ExpectError(1, machine.Files["none"], "not there");
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", machine.Path, "--key-file", noKey)).ExpectError(1, noKey);
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", machine.Path, "--key-file", "/dev/zero")).ExpectError(1, "/dev/zero", "longer than");
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", machine.Path, "--key-file", machine.KeyFile, "--password-file", password)).ExpectError(2, "exclude each other");
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", machine.Path)).ExpectError(2, "no key is given", "--key-file", "NODEAGENT_KEY_FILE");
        (await NodeAgentProcess.RunAsync("repo", "info", "--key-file", machine.KeyFile)).ExpectError(2, "no repository is named", "NODEAGENT_REPOSITORY");
        (await NodeAgentProcess.RunAsync("repo", "info", "--repo", "ftp://host/x", "--key-file", machine.KeyFile)).ExpectError(2, "ftp://host/x", "directories and S3");
        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", machine.Files["x"], "--generate-key", machine.Files["k"], "--key-file", wrong)).ExpectError(2, "one of the three");
    }

    [Fact]
    public async Task A_flag_beats_a_variable()
    {
        using var machine = await MachineRepository.CreateAsync();
        var environment = new CommandEnvironment { Variables = { ["NODEAGENT_REPOSITORY"] = "/nonexistent", ["NODEAGENT_KEY_FILE"] = "/nonexistent" } };

        (await machine.RunAsync(environment, "repo", "info")).Expect(0);

        environment.Variables["NODEAGENT_REPOSITORY"] = machine.Path;
        environment.Variables["NODEAGENT_KEY_FILE"] = machine.KeyFile;
        (await NodeAgentProcess.RunAsync(environment, "repo", "info")).Expect(0);
    }

    [Theory]
    [InlineData("3/2")]
    [InlineData("0/2")]
    [InlineData("0%")]
    [InlineData("101%")]
    [InlineData("some")]
    public async Task A_part_that_makes_no_sense_is_a_usage_error(string part) =>
        (await NodeAgentProcess.RunAsync("repo", "check", "--repo", "/nonexistent", "--read-data-subset", part)).ExpectError(2, "--read-data-subset", part);

    [Fact]
    public async Task A_check_of_a_sound_repository_says_so_in_all_its_forms()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("large", MachineRepository.Noise(3_000_000));
        await machine.BackUpAsync();

        var text = (await machine.RunAsync("repo", "check")).Expect(0);
        Assert.EndsWith(": no damage in the structure; what is in the packs was not read (--read-data reads it)\n", text.Output, StringComparison.Ordinal);
        foreach (var flags in (string[][])[["--read-data"], ["--read-data-subset", "1/1"], ["--read-data-subset", "100%"], ["--read-data-subset", "0.0000000001%"]])
        {
            var report = await machine.JsonAsync(["repo", "check", .. flags]);
            Assert.True((bool)report["sound"]!);
            if (flags[^1] != "0.0000000001%") Assert.True((long)report["readBytes"]! > 3_000_000);
        }
    }

    [Fact]
    public async Task A_changed_byte_in_a_pack_is_found_by_reading_and_the_pack_and_the_file_are_named()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("directory/the large one", MachineRepository.Noise(3_000_000));
        machine.Put("another", "small"u8.ToArray());
        await machine.BackUpAsync();
        var pack = machine.Objects("data")[0];
        Change(pack, 1_000_000);

        (await machine.RunAsync("repo", "check")).Expect(0); // nothing is read
        var result = (await machine.RunAsync("repo", "check", "--read-data", "--quiet")).Expect(1);
        Assert.Contains(Path.GetRelativePath(machine.Path, pack), result.Output, StringComparison.Ordinal);
        Assert.Contains("    directory/the large one\n", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("    another\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("DAMAGED\nto mend it: nodeagent repo repair packs ", result.Output, StringComparison.Ordinal);
        Assert.Empty(result.Error);

        var json = MachineRepository.Parse((await machine.RunAsync("repo", "check", "--read-data", "-o", "json")).Expect(1));
        Assert.False((bool)json["sound"]!);
        Assert.Contains(json["problems"]!.AsArray(), p => p!["files"]!.AsArray().Any(f => (string)f! == "directory/the large one"));
        Assert.Contains(json["problems"]!.AsArray(), p => (string)p!["object"]! == Path.GetRelativePath(machine.Path, pack) && (string)p["severity"]! == "damage");

        // The rest is restored; dump fails with the reason, and what it wrote is nothing.
        var restore = (await machine.RunAsync("snapshot", "restore", "latest", "--target", machine.Target)).Expect(3);
        Assert.StartsWith("warning: directory/the large one: ", Assert.Single(restore.Messages), StringComparison.Ordinal);
        Assert.Equal("small", File.ReadAllText(Path.Combine(machine.Target, "another")));
        (await machine.RunAsync("snapshot", "dump", "latest", "directory/the large one")).ExpectError(1, Path.GetRelativePath(machine.Path, pack), "damaged");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pack_that_is_cut_or_gone_is_found_without_reading(bool isGone)
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("large", MachineRepository.Noise(3_000_000));
        await machine.BackUpAsync();
        var pack = machine.Objects("data")[0];
        if (isGone) File.Delete(pack);
        else Cut(pack, 1000);

        var result = (await machine.RunAsync("repo", "check")).Expect(1);

        Assert.Contains(Path.GetRelativePath(machine.Path, pack), result.Output, StringComparison.Ordinal);
        Assert.Contains("    large\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("; what is in the packs was not read: DAMAGED\n", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_index_that_is_cut_is_named_stops_nothing_and_is_rebuilt()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("large", MachineRepository.Noise(3_000_000));
        await machine.BackUpAsync();
        var segment = machine.Objects("index")[0];
        Cut(segment, 50);

        var check = (await machine.RunAsync("repo", "check")).Expect(1);
        Assert.Contains($"damage: {Path.GetRelativePath(machine.Path, segment)}", check.Output, StringComparison.Ordinal);
        var restore = (await machine.RunAsync("snapshot", "restore", "latest", "--target", machine.Target)).Expect(0);
        Assert.Contains(restore.ErrorLines, line => line.StartsWith("warning: index/", StringComparison.Ordinal) && line.Contains("nodeagent repo repair index", StringComparison.Ordinal));
        Assert.Equal(3_000_000, new FileInfo(Path.Combine(machine.Target, "large")).Length);

        var rebuilt = (await machine.RunAsync("repo", "rebuild-index")).Expect(0);
        Assert.Contains("removed the damaged segment index/", rebuilt.Output, StringComparison.Ordinal);
        (await machine.RunAsync("repo", "check", "--read-data")).Expect(0);
    }

    [Fact]
    public async Task A_config_or_a_snapshot_that_is_damaged_is_one_line_that_names_it()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("file", "x"u8.ToArray());
        await machine.BackUpAsync();
        var snapshot = machine.Objects("snap")[0];
        Change(snapshot, 100);
        var list = (await machine.RunAsync("snapshot", "list")).Expect(0);
        Assert.Contains(list.ErrorLines, line => line.StartsWith("warning: ", StringComparison.Ordinal) && line.Contains(Path.GetFileName(snapshot), StringComparison.Ordinal));
        Assert.Contains(Path.GetFileName(snapshot), (await machine.RunAsync("repo", "check")).Expect(1).Output, StringComparison.Ordinal);

        Change(Path.Combine(machine.Path, "config"), 100);
        (await machine.RunAsync("repo", "info")).ExpectError(1, "config");
        File.WriteAllBytes(Path.Combine(machine.Path, "config"), []);
        (await machine.RunAsync("repo", "info")).ExpectError(1, "config");
    }

    private static void Change(string file, int offset)
    {
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var bytes = File.ReadAllBytes(file);
        bytes[Math.Min(offset, bytes.Length - 1)] ^= 1;
        File.WriteAllBytes(file, bytes);
    }

    private static void Cut(string file, int length)
    {
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.Write);
        RandomAccess.SetLength(handle, length);
    }
}
