namespace NodeAgent.Cli.Tests.Machine;

/// <summary>What a check prints about damage, and what the commands do that it names.</summary>
public sealed class RepoRepairTests
{
    [Fact]
    public async Task A_check_names_the_damaged_files_and_the_command_that_saves_the_rest_of_the_pack()
    {
        using var machine = await MachineRepository.CreateAsync();
        for (var i = 0; i < 4; i++) machine.Put($"file {i}", MachineRepository.Noise(600_000, i));
        await machine.BackUpAsync();
        var pack = machine.Objects("data")[0];
        var content = await File.ReadAllBytesAsync(pack, TestContext.Current.CancellationToken);
        content[1000] ^= 1;
        await File.WriteAllBytesAsync(pack, content, TestContext.Current.CancellationToken);

        var check = (await machine.RunAsync("repo", "check", "--read-data")).Expect(1);
        Assert.Contains("damage: data/", check.Output, StringComparison.Ordinal);
        var damaged = Assert.Single(check.Output.Split('\n'), line => line.StartsWith("    file ", StringComparison.Ordinal)).Trim();
        Assert.Contains($"to mend it: nodeagent repo repair packs {Path.GetFileName(pack)[..16]}\n", check.Output, StringComparison.Ordinal);
        Assert.EndsWith("      then: nodeagent repo repair snapshots\n", check.Output, StringComparison.Ordinal);

        var dry = (await machine.RunAsync("repo", "repair", "packs", Path.GetFileName(pack)[..16], "--dry-run")).Expect(3);
        Assert.Contains(", 1 lost", dry.Output, StringComparison.Ordinal);
        Assert.EndsWith("nothing was changed (dry run)\n", dry.Output, StringComparison.Ordinal);
        var repaired = MachineRepository.Parse((await machine.RunAsync("repo", "repair", "packs", Path.GetFileName(pack)[..16], "-o", "json")).Expect(3));
        Assert.Equal(1, (int)repaired["lost"]!);
        Assert.StartsWith("damaged/", (string)repaired["packs"]![0]!["keptAs"]!, StringComparison.Ordinal);

        // Every other file is there.
        var restore = (await machine.RunAsync("snapshot", "restore", "latest", "--target", machine.Target)).Expect(3);
        Assert.Contains(damaged, restore.Error, StringComparison.Ordinal);
        for (var i = 0; i < 4; i++)
        {
            if ($"file {i}" != damaged) Assert.Equal(MachineRepository.Noise(600_000, i), await File.ReadAllBytesAsync(Path.Combine(machine.Target, $"file {i}"), TestContext.Current.CancellationToken));
        }

        // The next backup reads the file again though nothing about it has changed, and the old snapshot is whole again with it.
        var first = (string)(await machine.JsonAsync("snapshot", "list"))[0]!["id"]!;
        await machine.BackUpAsync();
        (await machine.RunAsync("repo", "check", "--read-data")).Expect(0);
        Directory.Delete(machine.Target, recursive: true);
        (await machine.RunAsync("snapshot", "restore", first, "--target", machine.Target)).Expect(0);
        Assert.Equal("", machine.Shell("diff -r source target"));
        Assert.StartsWith("deleted damaged/", (await machine.RunAsync("repo", "repair", "packs", "--discard-kept")).Expect(0).Output, StringComparison.Ordinal);
        Assert.Equal("nothing is kept aside\n", (await machine.RunAsync("repo", "repair", "packs", "--discard-kept")).Expect(0).Output);
    }

    [Fact]
    public async Task A_missing_pack_leaves_the_index_and_comes_back_with_the_next_backup()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("large", MachineRepository.Noise(3_000_000));
        await machine.BackUpAsync();
        var pack = machine.Objects("data")[0];
        File.Delete(pack);

        var check = (await machine.RunAsync("repo", "check", "--read-data")).Expect(1).Output;
        Assert.Contains($"to mend it: nodeagent repo repair packs {Path.GetFileName(pack)[..16]}\n", check, StringComparison.Ordinal);
        // Several of its chunks are gone; the file is one.
        Assert.Contains("1 file or directory of ", check, StringComparison.Ordinal);
        Assert.Single(check.Split('\n'), line => line == "    large");
        Assert.DoesNotContain("never read", check, StringComparison.Ordinal);
        Assert.Contains("which is missing", (await machine.RunAsync("repo", "repair", "index")).Expect(0).Output, StringComparison.Ordinal);
        Assert.Contains("0 damaged", (await machine.RunAsync("repo", "repair", "packs")).Expect(0).Output, StringComparison.Ordinal);
        await machine.BackUpAsync();
        (await machine.RunAsync("repo", "check", "--read-data")).Expect(0);
    }

    [Fact]
    public async Task A_pack_that_is_not_there_is_an_error_in_one_line()
    {
        using var machine = await MachineRepository.CreateAsync();
        (await machine.RunAsync("repo", "repair", "packs", "abcdef")).ExpectError(13, "there is no pack abcdef", "repo check --read-data");
        (await machine.RunAsync("repo", "repair", "packs", $"data/{new string('0', 16)}/{new string('0', 64)}")).ExpectError(1, "the repository has no pack of that name");
    }
}
