using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class SnapshotVerbTests
{
    /// <summary>A program of native code has no runtime that raises the soft limit, and each level of a tree is a directory that is open.</summary>
    [Fact]
    public async Task A_tree_is_deeper_than_the_soft_limit_of_open_files()
    {
        using var machine = await MachineRepository.CreateAsync();
        var deepest = string.Concat(Enumerable.Repeat("d/", 300));
        machine.Put(deepest + "file", "content"u8.ToArray());
        var few = new CommandEnvironment { Through = ["sh", "-c", "ulimit -Sn 128 && exec \"$@\"", "sh"] };
        (await machine.RunAsync(few, "snapshot", "create", machine.Source)).Expect(0);
        (await machine.RunAsync(few, "snapshot", "restore", "latest", "--target", machine.Target)).Expect(0);
        Assert.Equal("content", await File.ReadAllTextAsync(Path.Combine(machine.Target, deepest, "file"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_directory_goes_there_and_back_through_every_verb()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("a", "some text"u8.ToArray());
        machine.Put("sub/large", MachineRepository.Noise(3_000_000));
        machine.Shell("ln -s a source/link; chmod 4750 source/a; touch -d '2001-02-03 04:05:06 UTC' source/a");

        var created = (await machine.RunAsync("snapshot", "create", machine.Source, "--tag", "kind=test,n=1", "--host", "somewhere")).Expect(0);
        Assert.Contains("2 directories, 1 symbolic link, 0 special files", created.Output, StringComparison.Ordinal);
        Assert.EndsWith(" saved\n", created.Output, StringComparison.Ordinal);
        var id = created.Output.Split('\n')[^2].Split(' ')[1];

        var list = (await machine.RunAsync("snapshot", "list")).Expect(0);
        var row = list.Output.Split('\n')[1];
        foreach (var part in (string[])[id[..12], "somewhere", machine.Source, "kind=test,n=1", "ok"]) Assert.Contains(part, row, StringComparison.Ordinal);

        Assert.Equal("a\nlink\nsub\n", (await machine.RunAsync("snapshot", "ls", id)).Expect(0).Output);
        Assert.Equal("a\nlink\nsub\nsub/large\n", (await machine.RunAsync("snapshot", "ls", "latest", "--recursive")).Expect(0).Output);
        Assert.Equal("sub/large\n", (await machine.RunAsync("snapshot", "ls", id[..8], "/sub/")).Expect(0).Output);
        var line = (await machine.RunAsync("snapshot", "ls", id, "a", "-l")).Expect(0).Output;
        Assert.StartsWith("-rwsr-x--- ", line, StringComparison.Ordinal);
        Assert.EndsWith(" a\n", line, StringComparison.Ordinal);

        Assert.Equal("some text", (await machine.RunAsync("snapshot", "dump", "latest", "a")).Expect(0).Output);

        var restored = (await machine.RunAsync("snapshot", "restore", id, "--target", machine.Target, "--quiet")).Expect(0);
        Assert.StartsWith("restored 2 files, 2 directories, 1 other, 2.9 MiB to ", restored.Output, StringComparison.Ordinal);
        Assert.Empty(restored.Error);
        const string describe = "find . -printf '%P|%y|%m|%T@|%l\\n' | sort; sha256sum a sub/large";
        Assert.Equal(machine.Shell($"cd source; {describe}"), machine.Shell($"cd target; {describe}"));

        Assert.Equal($"forgot {id} of {machine.Source}\n", (await machine.RunAsync("snapshot", "forget", "latest")).Expect(0).Output);
        var none = (await machine.RunAsync("snapshot", "list")).Expect(0);
        Assert.Equal(("", "no snapshots\n"), (none.Output, none.Error));
        (await machine.RunAsync("snapshot", "restore", "latest", "--target", machine.Target)).ExpectError(13, "no latest snapshot");
    }

    [Fact]
    public async Task A_single_file_can_be_backed_up_listed_and_restored()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("wanted", "content"u8.ToArray());
        machine.Put("other", "not wanted"u8.ToArray());

        var created = await machine.JsonAsync("snapshot", "create", Path.Combine(machine.Source, "wanted"));

        Assert.Equal(1, (int)created["files"]!["total"]!);
        Assert.Equal("wanted\n", (await machine.RunAsync("snapshot", "ls", "latest")).Expect(0).Output);
        (await machine.RunAsync("snapshot", "restore", "latest", "--target", machine.Target)).Expect(0);
        Assert.Equal(["wanted"], Directory.EnumerateFileSystemEntries(machine.Target).Select(Path.GetFileName));
        (await machine.RunAsync("snapshot", "create", Path.Combine(machine.Source, "wanted") + "/")).Expect(0);
        Assert.Single((await machine.JsonAsync("snapshot", "list", "--path", Path.Combine(machine.Source, "wanted"), "--latest", "1")).AsArray());
    }

    [Fact]
    public async Task Snapshots_are_chosen_by_host_path_tag_and_number()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("sub/file", "x"u8.ToArray());
        (await machine.RunAsync("snapshot", "create", machine.Source, "--host", "one", "--tag", "a=1")).Expect(0);
        (await machine.RunAsync("snapshot", "create", machine.Source, "--host", "two", "--tag", "a=2,b=x")).Expect(0);
        (await machine.RunAsync("snapshot", "create", Path.Combine(machine.Source, "sub"), "--host", "two")).Expect(0);

        Assert.Equal(["one", "two", "two"], await HostsAsync());
        Assert.Equal(["two", "two"], await HostsAsync("--host", "two"));
        Assert.Equal(["one", "two"], await HostsAsync("--path", machine.Source));
        Assert.Equal(["two"], await HostsAsync("--tag", "a=2,b=x"));
        Assert.Empty(await HostsAsync("--tag", "a=1,b=x"));
        Assert.Equal(["two"], await HostsAsync("--latest", "1"));
        (await machine.RunAsync("snapshot", "list", "--latest", "few")).ExpectError(2, "--latest few", "0 or more");

        async Task<IEnumerable<string?>> HostsAsync(params string[] flags) =>
            [.. (await machine.JsonAsync(["snapshot", "list", .. flags])).AsArray().Select(s => (string?)s!["hostname"])];
    }

    [Fact]
    public async Task What_is_excluded_is_left_out_of_a_backup_and_of_a_restore()
    {
        using var machine = await MachineRepository.CreateAsync();
        foreach (var name in (string[])["keep", "a.tmp", "sub/b.tmp", "sub/keep", "build/out", "cache/CACHEDIR.TAG", "cache/blob", "from file"])
            machine.Put(name, name == "cache/CACHEDIR.TAG" ? "Signature: 8a477f597d28d172789f06886806bc55"u8.ToArray() : "x"u8.ToArray());
        var patterns = machine.Files.Write("patterns", "# a comment\n\nfrom file\n");

        (await machine.RunAsync("snapshot", "create", machine.Source, "--exclude", "*.tmp", "-e", "/build", "--exclude-file", patterns, "--exclude-caches")).Expect(0);

        Assert.Equal("cache\ncache/CACHEDIR.TAG\nkeep\nsub\nsub/keep\n", (await machine.RunAsync("snapshot", "ls", "latest", "-R")).Expect(0).Output);
        (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target, "--include", "keep", "--exclude", "sub")).Expect(0);
        Assert.Equal(["keep"], Directory.EnumerateFiles(machine.Target, "*", SearchOption.AllDirectories).Select(Path.GetFileName));
        (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Files["part"], "--path", "sub")).Expect(0);
        Assert.Equal(["keep"], Directory.EnumerateFileSystemEntries(machine.Files["part"]).Select(Path.GetFileName));
        (await machine.RunAsync("snapshot", "create", machine.Source, "--exclude-file", machine.Files["none"])).ExpectError(1, $"--exclude-file {machine.Files["none"]}: it is not there (check the path)");
        (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target, "--include-file", machine.Source)).ExpectError(1, $"--include-file {machine.Source}: it is a directory (name a file)");
    }

    [Fact]
    public async Task A_repository_in_what_is_backed_up_is_a_warning_until_it_is_left_out()
    {
        using var machine = await MachineRepository.CreateAsync();
        const string warning = "warning: the repository lies in ";
        string[] command = ["snapshot", "create", machine.Files.Path, "--quiet"];

        Assert.Equal($"{warning}{machine.Files.Path}: its own packs are backed up with it (leave it out: --exclude /repository)\n", (await machine.RunAsync(command)).Expect(0).Error);
        Assert.Empty((await machine.RunAsync([.. command, "--exclude", "/repository"])).Expect(0).Error);
        Assert.DoesNotContain("repository/config\n", (await machine.RunAsync("snapshot", "ls", "latest", "-R")).Expect(0).Output, StringComparison.Ordinal);
        // Beside one whose name begins alike it is not in it.
        machine.Shell("mkdir repo");
        Assert.Empty((await machine.RunAsync("snapshot", "create", machine.Files["repo"], "--quiet")).Expect(0).Error);
        Assert.Contains(warning, (await machine.RunAsync([.. command, "-x"])).Expect(0).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_backup_continues_the_first_unless_it_is_told_not_to()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("large", MachineRepository.Noise(2_000_000));
        var first = await machine.BackUpAsync();

        var second = await machine.JsonAsync("snapshot", "create", machine.Source);
        Assert.Equal(first, (string?)second["parent"]);
        Assert.Equal(0, (long)second["newBytes"]!);
        Assert.Null((string?)(await machine.JsonAsync("snapshot", "create", machine.Source, "--parent", "none"))["parent"]);
        Assert.Equal(first, (string?)(await machine.JsonAsync("snapshot", "create", machine.Source, "--parent", first[..10], "--force"))["parent"]);
        (await machine.RunAsync("snapshot", "create", machine.Source, "--parent", "ffffffffffff")).ExpectError(13, "ffffffffffff");
    }

    [Fact]
    public async Task An_id_that_fits_none_or_several_is_13_and_nothing_is_done()
    {
        using var machine = await MachineRepository.CreateAsync();
        // Seventeen ids of sixteen first digits: two begin alike.
        for (var i = 0; i < 17; i++) await machine.BackUpHereAsync(machine.KeyFile);
        var ids = (await machine.JsonAsync("snapshot", "list")).AsArray().Select(s => (string)s!["id"]!).ToList();
        var shared = ids.GroupBy(id => id[0]).First(group => group.Count() > 1).Key.ToString();

        foreach (var verb in (string[][])[["ls"], ["restore", "--target", machine.Target], ["dump"], ["forget"]])
        {
            string[] Line(string id) => verb[0] == "dump" ? ["snapshot", "dump", id, "key"] : ["snapshot", verb[0], id, .. verb[1..]];
            (await machine.RunAsync(Line(shared))).ExpectError(13, $"\"{shared}\" is ambiguous", "more digits");
        }

        (await machine.RunAsync("snapshot", "ls", "xyz")).ExpectError(13, "\"xyz\" is not found", "snapshot list");

        (await machine.RunAsync("snapshot", "forget", ids[0], "xyz")).ExpectError(13, "xyz");
        Assert.Equal(17, (await machine.JsonAsync("snapshot", "list")).AsArray().Count);
        Assert.False(Path.Exists(machine.Target));
        Assert.Equal([ids[0], ids[1]], (await machine.JsonAsync("snapshot", "forget", ids[0], ids[0], ids[1])).AsArray().Select(f => (string)f!["id"]!));
        Assert.Equal(15, (await machine.JsonAsync("snapshot", "list")).AsArray().Count);
    }

    [Fact]
    public async Task A_path_that_is_not_in_the_snapshot_is_13_and_makes_no_target()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("file", "x"u8.ToArray());
        await machine.BackUpAsync();

        foreach (var path in (string[])["nowhere", "file/below", "../etc/passwd"])
        {
            (await machine.RunAsync("snapshot", "ls", "latest", path)).ExpectError(13, path, "is not in it", "snapshot ls");
            (await machine.RunAsync("snapshot", "dump", "latest", path)).ExpectError(13, path);
            (await machine.RunAsync("snapshot", "restore", "latest", "--path", path, "--target", machine.Target)).ExpectError(13, path);
        }

        Assert.False(Path.Exists(machine.Target));
        machine.Shell("ln -s file source/link");
        await machine.BackUpAsync();
        (await machine.RunAsync("snapshot", "dump", "latest", "link")).ExpectError(1, "it is a symlink", "--tar");
    }

    [Fact]
    public async Task A_source_that_is_not_there_is_one_error_and_no_snapshot()
    {
        using var machine = await MachineRepository.CreateAsync();

        var result = (await machine.RunAsync("snapshot", "create", machine.Files["nowhere"])).ExpectError(1, machine.Files["nowhere"], "no such file or directory");

        Assert.Single(result.Messages);
        Assert.Empty((await machine.JsonAsync("snapshot", "list")).AsArray());
        (await machine.RunAsync("snapshot", "create")).Expect(2);
        (await machine.RunAsync("snapshot", "restore", "latest")).ExpectError(2, "no target", "--target");
        (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target, "--overwrite", "maybe")).ExpectError(2, "--overwrite maybe", "always, if-changed, if-newer, never or fail");
    }

    [Fact]
    public async Task Files_that_cannot_be_read_are_warnings_and_the_run_ends_with_3_and_the_rest()
    {
        using var machine = await MachineRepository.CreateAsync();
        var nobody = PlainUser.EnvironmentOrSkip();
        machine.Put("open", "readable"u8.ToArray());
        machine.Put("secret", "unreadable"u8.ToArray());
        machine.Put("closed/inner", "unreachable"u8.ToArray());
        machine.Put("listed/inner", "cannot be entered"u8.ToArray());
        machine.Shell($"chmod 600 source/secret; chmod 700 source/closed; chmod 744 source/listed; chmod 755 . source; chmod 644 key; chown -R {PlainUser.Id} repository");

        var text = (await machine.RunAsync(nobody, "snapshot", "create", machine.Source, "--quiet")).Expect(3);
        Assert.Equal(
            ["warning: closed: open: ", "warning: listed/inner: statx: ", "warning: secret: open: "],
            text.Messages.Select(line => line[..(line.LastIndexOf(": ", StringComparison.Ordinal) + 2)]).Order(StringComparer.Ordinal));
        Assert.All(text.Messages, line => Assert.EndsWith("permission denied (EACCES)", line, StringComparison.Ordinal));
        Assert.EndsWith("saved, but 3 files could not be read\n", text.Output, StringComparison.Ordinal);

        var json = MachineRepository.Parse((await machine.RunAsync(nobody, "snapshot", "create", machine.Source, "-o", "json")).Expect(3));
        Assert.Equal(("PartiallyFailed", 3), ((string?)json["outcome"], (int)json["issueCount"]!));
        Assert.Contains("3 not read", (await machine.RunAsync(nobody, "snapshot", "list")).Expect(0).Output, StringComparison.Ordinal);

        Assert.Equal("readable", (await machine.RunAsync("snapshot", "dump", "latest", "open")).Expect(0).Output);
        (await machine.RunAsync("snapshot", "dump", "latest", "secret")).ExpectError(3, "secret", "could not be read");
        (await machine.RunAsync("repo", "check", "--read-data")).Expect(0);
        var entries = (await machine.JsonAsync("snapshot", "ls", "latest")).AsArray();
        Assert.Equal(["closed", "listed", "secret"], entries.Where(e => e!["unreadable"] is not null).Select(e => (string)e!["path"]!));
        (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target)).Expect(3);
        Assert.Equal("readable", File.ReadAllText(Path.Combine(machine.Target, "open")));

        (await machine.RunAsync(nobody, "snapshot", "create", Path.Combine(machine.Source, "closed"))).ExpectError(1, Path.Combine(machine.Source, "closed"), "EACCES");
    }

    [Fact]
    public async Task A_plain_user_gets_back_own_files_also_those_that_may_not_be_written()
    {
        using var machine = await MachineRepository.CreateAsync();
        var nobody = PlainUser.EnvironmentOrSkip();
        machine.Shell($"chmod 777 .; chmod 755 source; chmod 644 key; chown -R {PlainUser.Id}:{PlainUser.Id} repository source");
        PlainUser.Shell($"""
            cd '{machine.Source}'
            mkdir -p locked/inner; printf x > locked/inner/file; printf y > locked/read-only; ln locked/read-only linked; mkfifo pipe; ln -s a link
            chmod 400 locked/inner/file locked/read-only; chmod 750 .
            touch -d '2001-02-03 04:05:06' locked/inner/file locked/read-only locked/inner locked
            chmod 555 locked/inner locked
            """);

        (await machine.RunAsync(nobody, "snapshot", "create", machine.Source)).Expect(0);
        var restored = (await machine.RunAsync(nobody, "snapshot", "restore", "latest", "--target", machine.Target, "--quiet")).Expect(0);

        Assert.Empty(restored.Error);
        const string describe = "find . -printf '%P|%y|%m|%U|%G|%n|%T@|%l\\n' | sort; cat locked/inner/file locked/read-only";
        Assert.Equal(machine.Shell($"cd source; {describe}"), machine.Shell($"cd target; {describe}"));

        // What only root may give is said once, and the files are there.
        machine.Shell("chown -R 1:1 source; chmod 644 source/locked/read-only source/locked/inner/file");
        (await machine.RunAsync("snapshot", "create", machine.Source)).Expect(0);
        machine.Shell($"chown -R {PlainUser.Id} repository");
        var foreign = (await machine.RunAsync(nobody, "snapshot", "restore", "latest", "--target", machine.Files["foreign"])).Expect(3);
        Assert.Contains("owners cannot be restored here", Assert.Single(foreign.Messages), StringComparison.Ordinal);
        Assert.Equal("y", File.ReadAllText(machine.Files["foreign/linked"]));

        // The target, too, has a name in what is said, and it is the one that paths in it are relative to.
        machine.Shell("mkdir -m 755 closed");
        var closed = (await machine.RunAsync(nobody, "snapshot", "restore", "latest", "--target", machine.Files["closed"])).Expect(3);
        Assert.Contains(closed.Messages, line => line.StartsWith("warning: .: ", StringComparison.Ordinal));
        Assert.Contains(closed.Messages, line => line.StartsWith("warning: link: ", StringComparison.Ordinal));
        Assert.DoesNotContain(closed.Messages, line => line.StartsWith("warning: :", StringComparison.Ordinal) || line.Contains(machine.Files["closed"], StringComparison.Ordinal));
    }

    [Fact]
    public async Task Existing_files_are_treated_as_the_flag_says()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("file", "backed up"u8.ToArray());
        machine.Put("missing", "backed up"u8.ToArray());
        await machine.BackUpAsync();
        var there = Path.Combine(machine.Target, "file");
        Directory.CreateDirectory(machine.Target);
        File.WriteAllText(there, "there");

        var never = (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target, "--overwrite", "never")).Expect(0);
        Assert.Contains("\n1 existing file was left as it is\n", never.Output, StringComparison.Ordinal);
        Assert.Equal(("there", "backed up"), (File.ReadAllText(there), File.ReadAllText(Path.Combine(machine.Target, "missing"))));

        var fail = (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target, "--overwrite", "fail")).Expect(3);
        Assert.Equal(2, fail.Messages.Length);
        Assert.Equal("there", File.ReadAllText(there));

        var always = await machine.JsonAsync("snapshot", "restore", "latest", "-t", machine.Target, "--overwrite", "always");
        Assert.Equal((2, 0), ((int)always["files"]!, (int)always["skipped"]!));
        Assert.Equal("backed up", File.ReadAllText(there));

        (await machine.RunAsync("snapshot", "restore", "latest", "-t", there)).ExpectError(1, there, "a file is in its place");
    }

    [Fact]
    public async Task A_full_disk_under_the_repository_is_one_error_and_the_next_run_goes_on()
    {
        using var machine = await MachineRepository.CreateAsync();
        using var small = machine.MountOrSkip("small", "3m");
        var repository = machine.Files["small/repository"];
        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", repository, "--generate-key", machine.Files["key2"])).Expect(0);
        string[] access = ["--repo", repository, "--key-file", machine.Files["key2"]];
        machine.Put("small", "x"u8.ToArray());
        (await NodeAgentProcess.RunAsync(["snapshot", "create", machine.Source, .. access])).Expect(0);
        machine.Put("large", MachineRepository.Noise(20_000_000));

        var full = (await NodeAgentProcess.RunAsync(["snapshot", "create", machine.Source, "--quiet", .. access])).ExpectError(1, repository, "no space is left", "free some space");

        Assert.Single(full.Messages);
        (await NodeAgentProcess.RunAsync(["repo", "check", "--read-data", .. access])).Expect(0);
        Assert.Single(MachineRepository.Parse((await NodeAgentProcess.RunAsync(["snapshot", "list", "-o", "json", .. access])).Expect(0)).AsArray());
        machine.Shell("mount -o remount,size=100m small");
        (await NodeAgentProcess.RunAsync(["snapshot", "create", machine.Source, .. access])).Expect(0);
        (await NodeAgentProcess.RunAsync(["repo", "check", "--read-data", .. access])).Expect(0);
    }

    [Fact]
    public async Task A_restore_that_does_not_fit_is_refused_or_ends_with_one_error_that_names_the_file()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("large", MachineRepository.Noise(5_000_000));
        await machine.BackUpAsync();
        using var small = machine.MountOrSkip("small", "1m");

        var refused = (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Files["small"])).ExpectError(1, machine.Files["small"], "4.8 MiB", "1.0 MiB are free", "--ignore-free-space");
        Assert.Single(refused.Messages);
        var tried = (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Files["small"], "--ignore-free-space")).ExpectError(1, "large", "ENOSPC", "free some space");
        Assert.Single(tried.Messages);
        // Only what lets the next run continue.
        Assert.Equal([".nodeagent-restore-progress"], Directory.EnumerateFileSystemEntries(machine.Files["small"]).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData(Signals.Interrupt)]
    [InlineData(Signals.Terminate)]
    public async Task An_interrupted_backup_ends_with_130_and_leaves_a_valid_repository(string signal)
    {
        using var machine = await MachineRepository.CreateAsync();
        // Far more than can be read before the signal comes; a hole of zeros would be quick.
        for (var i = 0; i < 8; i++) machine.Put($"file {i}", MachineRepository.Noise(20_000_000, i));
        using var process = NodeAgentProcess.Start(CommandEnvironment.Interruptible, ["snapshot", "create", machine.Source, .. machine.Access]);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        while (!process.HasExited && (!Directory.Exists(Path.Combine(machine.Path, "data")) || machine.Objects("data").Count == 0))
            await Task.Delay(10, TestContext.Current.CancellationToken);

        var stopwatch = Stopwatch.StartNew();
        Signals.Send(process.Id, signal);
        var result = await NodeAgentProcess.FinishAsync(process, output, error);

        result.ExpectError(130, "interrupted");
        Assert.InRange(stopwatch.Elapsed.TotalSeconds, 0, 15);
        (await machine.RunAsync("repo", "check", "--read-data")).Expect(0);
        Assert.Empty((await machine.JsonAsync("snapshot", "list")).AsArray());
    }

    [Fact]
    public async Task Progress_is_plain_without_a_terminal_json_when_asked_for_and_absent_when_not_wanted()
    {
        using var machine = await MachineRepository.CreateAsync();
        for (var i = 0; i < 6; i++) machine.Put($"file {i}", MachineRepository.Noise(10_000_000, i));

        var json = (await machine.RunAsync("snapshot", "create", machine.Source, "--progress", "json")).Expect(0);
        var last = JsonNode.Parse(json.ErrorLines[^1])!;
        Assert.Equal(("progress", "backup", 6, 60_000_000L), ((string?)last["kind"], (string?)last["verb"], (int)last["filesDone"]!, (long)last["bytesDone"]!));
        Assert.All(json.ErrorLines, line => Assert.NotNull(JsonNode.Parse(line)!["elapsedSeconds"]));

        var lines = (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target)).Expect(0);
        Assert.DoesNotContain('\e', lines.Error);
        Assert.DoesNotContain('\r', lines.Error);
        Assert.All(lines.ErrorLines, line => Assert.Matches(@"^restore: .* of 57\.2 MiB, \d+ of 6 files in ", line));

        Assert.Empty((await machine.RunAsync("snapshot", "create", machine.Source, "--quiet")).Expect(0).Error);
        // A bar that is asked for is drawn, and takes its cursor back.
        Assert.EndsWith("\e[?25h", (await machine.RunAsync("snapshot", "create", machine.Source, "--progress", "bar")).Expect(0).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_that_are_no_text_can_be_listed_read_and_restored()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Shell("cd source; printf x > \"$(printf 'caf\\351')\"; printf y > 'line\nbreak'; printf z > \"it's\"; printf w > $(printf 'red\\033[31m')");
        await machine.BackUpAsync();

        var text = (await machine.RunAsync("snapshot", "ls", "latest")).Expect(0).Output;
        Assert.Equal("$'caf\\351'\nit's\n$'line\\nbreak'\n$'red\\033[31m'\n", text);
        var entries = (await machine.JsonAsync("snapshot", "ls", "latest")).AsArray();
        Assert.Equal([0x63, 0x61, 0x66, 0xe9], Convert.FromBase64String((string)entries[0]!["pathBytes"]!));
        Assert.Equal("line\nbreak", (string?)entries[2]!["path"]);
        Assert.Null(entries[2]!["pathBytes"]);

        // Through a shell, since .NET cannot pass such an argument.
        var command = $"{NodeAgentProcess.ShellCommand} snapshot dump latest \"$(printf 'caf\\351')\" --repo '{machine.Path}' --key-file '{machine.KeyFile}'";
        Assert.Equal("x", machine.Shell(command));
    }

    [Fact]
    public async Task A_dumped_archive_is_read_by_tar_and_a_reader_that_goes_away_ends_it_with_141()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("sub/large", MachineRepository.Noise(9_000_000));
        machine.Put("sub/small", "x"u8.ToArray());
        await machine.BackUpAsync();
        var command = $"{NodeAgentProcess.ShellCommand} snapshot dump latest sub --tar --repo '{machine.Path}' --key-file '{machine.KeyFile}'";

        machine.Shell($"mkdir out; {command} | tar -C out -xf -; cmp source/sub/large out/sub/large; cmp source/sub/small out/sub/small");
        Assert.Equal("141\n", machine.Shell($"{{ {command} || echo $? >&3; }} 3>code | head -c 1 > /dev/null; cat code"));
    }

    [Fact]
    public async Task One_file_system_keeps_the_mount_point_and_not_what_is_mounted()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("here", "x"u8.ToArray());
        using var mounted = machine.MountOrSkip("source/mounted", "1m");
        machine.Put("mounted/there", "y"u8.ToArray());

        (await machine.RunAsync("snapshot", "create", machine.Source, "--one-file-system")).Expect(0);

        Assert.Equal("here\nmounted\n", (await machine.RunAsync("snapshot", "ls", "latest", "-R")).Expect(0).Output);
    }
}
