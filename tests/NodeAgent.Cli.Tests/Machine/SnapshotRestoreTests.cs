using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class SnapshotRestoreTests
{
    private const string Describe = "find . -printf '%P|%y|%m|%U|%G|%n|%T@|%l\\n' | LC_ALL=C sort; find . -type f -print0 | sort -z | xargs -0 -r sha256sum";

    [Fact]
    public async Task A_restore_that_is_killed_again_and_again_continues_and_ends_identical()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("NODEAGENT_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"NODEAGENT_SEED={seed}");
        var random = new Random(seed);
        using var machine = await MachineRepository.CreateAsync();
        for (var i = 0; i < 600; i++) machine.Put($"d{i % 7}/file{i:D3}", MachineRepository.Noise(random.Next(1, 60_000), seed + i));
        machine.Put("large", MachineRepository.Noise(9_000_000, seed));
        machine.Shell("cd source; ln d1/file001 d2/linked; ln -s file001 d1/symlink; mkfifo d3/pipe; chmod 500 d4; touch -d '2001-02-03 04:05:06.789' d5 large; truncate -s 3M sparse");
        await machine.BackUpAsync();

        var complete = new Dictionary<string, string>();
        for (var kill = 0; kill < 3; kill++)
        {
            using var process = NodeAgentProcess.Start(new CommandEnvironment(), ["snapshot", "restore", "latest", "--target", machine.Target, "--quiet", .. machine.Access]);
            var (output, error) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
            // More than the last time, or soon after the start.
            var enough = complete.Count + random.Next(1, 150);
            while (!process.HasExited && Inodes(machine).Count < enough) await Task.Delay(random.Next(1, 10), TestContext.Current.CancellationToken);
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            await Task.WhenAll(output, error);
            // One that came to its end is not continued.
            if (process.ExitCode == 0) complete.Clear();
            var now = process.ExitCode == 0 ? [] : Inodes(machine);
            Assert.All(complete, file => Assert.Equal(file.Value, now[file.Key]));
            complete = now;
        }

        var result = await machine.JsonAsync("snapshot", "restore", "latest", "--target", machine.Target);

        Assert.InRange((int)result["unchanged"]!, complete.Count, 700);
        var after = Inodes(machine);
        Assert.All(complete, file => Assert.Equal(file.Value, after[file.Key]));
        Assert.Equal(machine.Shell($"cd source; {Describe}"), machine.Shell($"cd target; {Describe}"));
    }

    [Fact]
    public async Task Several_paths_and_patterns_are_restored_at_their_places_and_the_rest_is_not()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Shell("cd source; mkdir -p a/b c; printf 1 > a/b/one.TXT; printf 2 > a/two; printf 3 > c/three; printf 4 > top; chmod 711 a");
        await machine.BackUpAsync();
        machine.Shell("printf '# comment\\n\\n*.txt\\nthree\\n' > patterns");

        (await machine.RunAsync("snapshot", "restore", "latest", "a/b", "top", "-t", machine.Target)).Expect(0);
        Assert.Equal("a\na/b\na/b/one.TXT\ntop\n", machine.Shell("cd target; find . -mindepth 1 -printf '%P\\n' | sort"));
        Assert.Equal("c\nc/three\n", await RestoredAsync("--include-file", machine.Files["patterns"]));
        Assert.Equal("a\na/b\na/b/one.TXT\n", await RestoredAsync("--iinclude", "*.txt"));
        Assert.Equal("a\na/two\nc\ntop\n", await RestoredAsync("--iexclude", "B", "--exclude-file", machine.Files["patterns"]));
        (await machine.RunAsync("snapshot", "restore", "latest", "a", "none", "-t", machine.Files["other"])).ExpectError(13, "none is not in it");
        (await machine.RunAsync("snapshot", "restore", "latest", "a", "--path", "c", "-t", machine.Files["other"])).ExpectError(2, "--path");
        Assert.False(Path.Exists(machine.Files["other"]));

        async Task<string> RestoredAsync(params string[] flags)
        {
            machine.Shell("rm -rf target");
            (await machine.RunAsync(["snapshot", "restore", "latest", "-t", machine.Target, .. flags])).Expect(0);
            return machine.Shell("cd target; find . -mindepth 1 -printf '%P\\n' | sort");
        }
    }

    [Fact]
    public async Task What_latest_came_to_be_is_said_and_a_pattern_that_nothing_matches_is_a_warning()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("file", "x"u8.ToArray());
        Directory.CreateDirectory(Path.Combine(machine.Source, "sub"));
        await machine.BackUpAsync();
        var id = (string)(await machine.JsonAsync("snapshot", "create", Path.Combine(machine.Source, "file"), "--host", "elsewhere"))["snapshot"]!;

        var restored = (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target, "--quiet")).Expect(0);
        Assert.StartsWith($"restored 1 file, 1 directory, 0 others, 1 B to {machine.Target} in ", restored.Output, StringComparison.Ordinal);
        Assert.Matches($@"\nfrom snapshot {id[..12]} of \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d, {machine.Source}/file on elsewhere\n$", restored.Output);

        foreach (var flags in (string[][])[["--include", "zzz*"], ["--iinclude", "zzz*"], ["--include", "zzz*", "--dry-run"]])
        {
            var nothing = (await machine.RunAsync(["snapshot", "restore", "latest", "-t", machine.Files["other"], "--quiet", .. flags])).Expect(0);
            Assert.StartsWith("warning: nothing was chosen: ", nothing.Error, StringComparison.Ordinal);
        }

        Assert.Empty((await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target, "--quiet", "--include", "f*")).Expect(0).Error);
        Assert.Empty((await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target, "--quiet", "--include", "f*", "--overwrite", "never")).Expect(0).Error);
        Assert.Empty((await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target, "--quiet", "--include", "f*", "--dry-run", "--overwrite", "never")).Expect(0).Error);
    }

    [Fact]
    public async Task A_target_is_made_like_the_snapshot_again_after_a_look_at_what_would_be_done()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Shell("cd source; mkdir d; printf same > d/same; printf new > d/changed; printf x > missing");
        await machine.BackUpAsync();
        (await machine.RunAsync("snapshot", "restore", "latest", "-t", machine.Target)).Expect(0);
        machine.Shell("cd target; printf other > d/changed; rm missing; mkdir -p surplus/deep; printf s > surplus/deep/file; ln -s ../../source d/link");
        string[] flags = ["snapshot", "restore", "latest", "-t", machine.Target, "--overwrite", "if-changed", "--in-place", "--delete"];

        var plan = (await machine.RunAsync([.. flags, "--dry-run"])).Expect(0).Output.Split('\n');
        Assert.Equal(["M    d/changed", "-    d/link", "+    missing", "-    surplus/deep/file", "-    surplus/deep/", "-    surplus/"], plan[..6]);
        Assert.Equal($"would make 1, replace 1, leave 1, remove 4 in {machine.Target}, 4 B of files; nothing was done", plan[6]);
        Assert.StartsWith("from snapshot ", plan[7], StringComparison.Ordinal);
        var json = (await machine.RunAsync([.. flags, "-n", "-o", "json"])).Expect(0).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).ToList();
        Assert.Equal(["M", "-", "+", "-", "-", "-", "summary"], json.Select(line => (string)line["change"]!));
        Assert.Equal((1, 1, 1, 4), ((int)json[6]["created"]!, (int)json[6]["replaced"]!, (int)json[6]["kept"]!, (int)json[6]["deleted"]!));
        Assert.True(File.Exists(Path.Combine(machine.Target, "surplus/deep/file")));

        var done = (await machine.RunAsync(flags)).Expect(0).Output;
        Assert.Contains("1 of the files was there already, unchanged\n", done, StringComparison.Ordinal);
        Assert.Contains("4 that the snapshot does not have were removed\n", done, StringComparison.Ordinal);
        Assert.Equal(machine.Shell($"cd source; {Describe}"), machine.Shell($"cd target; {Describe}"));
    }

    [Fact]
    public async Task A_directory_is_dumped_as_an_archive_and_a_large_file_in_little_memory()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("d/small", "content"u8.ToArray());
        machine.Shell("cd source; truncate -s 1G large; printf end >> large");
        await machine.BackUpAsync();

        Assert.Equal("d/\nd/small\n", machine.Shell($"{Command("dump latest d")} | tar -t"));
        // A gigabyte and three bytes, by a process that may have a fraction of them.
        Assert.Equal("1073741827\n", machine.Shell($"{Command("dump latest large")} | wc -c"));
        Assert.Equal("end", machine.Shell($"{Command("dump latest large")} | tail -c 3"));

        // That the limit is one: native code takes no prefix, and would go without. Nothing starts in one MiB.
        Assert.Equal("refused\n", machine.Shell($"DOTNET_GCHeapHardLimit=100000 {NodeAgentProcess.ShellCommand} --version > /dev/null 2>&1 && echo ran || echo refused"));

        string Command(string verb) => $"DOTNET_GCHeapHardLimit=C000000 {NodeAgentProcess.ShellCommand} snapshot {verb} {string.Join(' ', machine.Access)}";
    }

    /// <summary>Files that have their final name, and which files they are.</summary>
    private static Dictionary<string, string> Inodes(MachineRepository machine) => !Directory.Exists(machine.Target)
        ? []
        : machine.Shell("find target -type f -printf '%P %i\\n' 2>/dev/null || true").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .Where(line => !line[0].Contains(".nodeagent-restore-", StringComparison.Ordinal)).ToDictionary(line => line[0], line => line[1]);
}
