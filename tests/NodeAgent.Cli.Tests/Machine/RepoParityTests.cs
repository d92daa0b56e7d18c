using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

/// <summary>Parity from the command line, on real damage.</summary>
public sealed class RepoParityTests
{
    [Fact]
    public async Task A_damaged_repository_with_parity_restores_everything_says_so_and_is_mended_to_the_byte()
    {
        using var machine = await MachineRepository.CreateAsync();
        Assert.Equal("parity is off\n", (await machine.RunAsync("repo", "parity", "status")).Expect(0).Output);
        machine.Put("before", MachineRepository.Noise(900_000, 1));
        await machine.BackUpAsync();
        Assert.Contains("parity is on, 10 %: ", (await machine.RunAsync("repo", "parity", "on")).Expect(0).Output, StringComparison.Ordinal);
        machine.Put("after", MachineRepository.Noise(900_000, 2));
        await machine.BackUpAsync();
        var status = await machine.JsonAsync("repo", "parity", "status");
        Assert.Equal(((int)status["objects"]!, 10), ((int)status["protected"]!, (int)status["percent"]!));

        var packs = machine.Objects("data");
        var originals = packs.Select(File.ReadAllBytes).ToList();
        for (var i = 0; i < packs.Count; i++)
        {
            var content = originals[i].ToArray();
            content.AsSpan(content.Length / 2, Math.Min(4096, content.Length / 3)).Clear();
            await File.WriteAllBytesAsync(packs[i], content, TestContext.Current.CancellationToken);
        }

        var restore = (await machine.RunAsync("snapshot", "restore", "latest", "--target", machine.Target)).Expect(0);
        Assert.Contains("it is damaged, and was read by its parity (nothing is lost so far: run \"nodeagent repo repair packs --read-data\" to mend it)", restore.Error, StringComparison.Ordinal);
        foreach (var (name, seed) in new[] { ("before", 1), ("after", 2) })
            Assert.Equal(MachineRepository.Noise(900_000, seed), await File.ReadAllBytesAsync(Path.Combine(machine.Target, name), TestContext.Current.CancellationToken));
        var check = (await machine.RunAsync("repo", "check", "--read-data")).Expect(1);
        Assert.Contains("and its parity has what they were: nothing is lost so far", check.Output, StringComparison.Ordinal);

        var repair = (await machine.RunAsync("repo", "repair", "packs", "--read-data")).Expect(0);
        Assert.Contains("damaged, and mended by its parity, byte for byte", repair.Output, StringComparison.Ordinal);
        for (var i = 0; i < packs.Count; i++) Assert.Equal(originals[i], await File.ReadAllBytesAsync(packs[i], TestContext.Current.CancellationToken));
        (await machine.RunAsync("repo", "check", "--read-data")).Expect(0);

        // So are segments and snapshots, by the repairs of these.
        foreach (var (kind, verb) in new[] { ("index", "index"), ("snap", "snapshots") })
        {
            var file = machine.Objects(kind)[0];
            var original = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
            await File.WriteAllBytesAsync(file, [.. original[..50], (byte)(original[50] ^ 1), .. original[51..]], TestContext.Current.CancellationToken);
            var key = Path.GetRelativePath(machine.Path, file);
            Assert.Contains($"would mend {key} by its parity\n", (await machine.RunAsync("repo", "repair", verb, "--dry-run")).Output, StringComparison.Ordinal);
            Assert.Contains($"mended {key} by its parity\n", (await machine.RunAsync("repo", "repair", verb)).Expect(0).Output, StringComparison.Ordinal);
            Assert.Equal(original, await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
        }

        (await machine.RunAsync("repo", "check", "--read-data")).Expect(0);
        Assert.StartsWith("parity is off\nremoved ", (await machine.RunAsync("repo", "parity", "off")).Expect(0).Output, StringComparison.Ordinal);
        Assert.Empty(machine.Objects("parity"));
    }

    [Fact]
    public async Task A_repository_can_be_made_with_it_and_what_is_no_percentage_is_refused()
    {
        using var machine = await MachineRepository.CreateAsync();
        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", machine.Files["new"], "--key-file", machine.KeyFile, "--parity", "5")).Expect(0);
        Assert.Contains("parity is on, 5 %", (await NodeAgentProcess.RunAsync("repo", "parity", "status", "--repo", machine.Files["new"], "--key-file", machine.KeyFile)).Expect(0).Output, StringComparison.Ordinal);
        (await NodeAgentProcess.RunAsync("repo", "init", "--repo", machine.Files["other"], "--key-file", machine.KeyFile, "--parity", "51")).ExpectError(2, "--parity 51 is outside 1 to 50");
        Assert.False(Directory.Exists(machine.Files["other"]));
        (await machine.RunAsync("repo", "parity", "on", "--percent", "0")).ExpectError(2, "--percent 0 is outside 1 to 50");
    }
}
