using NodeAgent.Cli.Machine;
using NodeAgent.Repository;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Tests.Machine;

/// <summary>What a check prints about damage, and what the commands do that it names.</summary>
public sealed class RepoRepairTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_lost_file_is_taken_from_another_snapshot_in_which_it_is_untouched()
    {
        using var machine = await MachineRepository.CreateAsync();
        for (var i = 10; i < 50; i++) machine.Put($"small/{i}", MachineRepository.Noise(3000, i));
        var first = await machine.BackUpAsync();
        // Their content, not their directory.
        File.Delete(machine.Objects("data").MaxBy(file => new FileInfo(file).Length)!);
        // Half of them are gone, one is another one: what the others share is not what it was.
        machine.Shell("rm source/small/[123]*");
        machine.Put("small/40", MachineRepository.Noise(3000, 99));
        (await machine.RunAsync("repo", "repair", "packs")).Expect(3);
        await machine.BackUpAsync();

        var repair = (await machine.RunAsync("repo", "repair", "snapshots", "-o", "json")).Expect(3);
        var repaired = Assert.Single(MachineRepository.Parse(repair)["snapshots"]!.AsArray())!;
        Assert.Equal((first, 9, 31), ((string)repaired["id"]!, (int)repaired["regained"]!, repaired["losses"]!.AsArray().Count));
        var again = (await machine.RunAsync("repo", "repair", "snapshots", "--forget")).Expect(3).Output;
        Assert.Contains("    9 files taken from other snapshots, in which they are untouched and whole\n    was repaired before as ", again, StringComparison.Ordinal);
        (await machine.RunAsync("repo", "check", "--read-data")).Expect(0);
        (await machine.RunAsync("snapshot", "restore", (string)repaired["repaired"]!, "--target", machine.Target)).Expect(3);
        for (var i = 41; i < 50; i++) Assert.Equal(MachineRepository.Noise(3000, i), await File.ReadAllBytesAsync(Path.Combine(machine.Target, "small", $"{i}"), TestContext.Current.CancellationToken));
        Assert.False(File.Exists(Path.Combine(machine.Target, "small", "40")));
    }

    [Fact]
    public async Task A_backup_that_reads_everything_makes_lost_directories_and_what_small_files_share_again()
    {
        using var machine = await MachineRepository.CreateAsync();
        for (var i = 0; i < 40; i++) machine.Put($"small/{i}", MachineRepository.Noise(3000, i));
        await machine.BackUpAsync();
        foreach (var pack in machine.Objects("data")) File.Delete(pack);

        Assert.Contains("nodeagent snapshot create --force ", (await machine.RunAsync("repo", "check")).Expect(1).Output, StringComparison.Ordinal);
        (await machine.RunAsync("repo", "repair", "packs")).Expect(3);
        (await machine.RunAsync("snapshot", "create", "--force", machine.Source)).Expect(0);
        var first = (string)(await machine.JsonAsync("snapshot", "list"))[0]!["id"]!;
        (await machine.RunAsync("snapshot", "restore", first, "--target", machine.Target)).Expect(0);
        for (var i = 0; i < 40; i++) Assert.Equal(MachineRepository.Noise(3000, i), await File.ReadAllBytesAsync(Path.Combine(machine.Target, "small", $"{i}"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_check_names_the_damaged_files_and_the_command_that_saves_the_rest_of_the_pack()
    {
        using var machine = await MachineRepository.CreateAsync();
        for (var i = 0; i < 4; i++) machine.Put($"file {i}", MachineRepository.Noise(600_000, i));
        await machine.BackUpAsync();
        var pack = machine.Objects("data")[0];
        var content = await File.ReadAllBytesAsync(pack, Cancellation);
        content[1000] ^= 1;
        await File.WriteAllBytesAsync(pack, content, Cancellation);

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
            if ($"file {i}" != damaged) Assert.Equal(MachineRepository.Noise(600_000, i), await File.ReadAllBytesAsync(Path.Combine(machine.Target, $"file {i}"), Cancellation));
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

    [Fact]
    public async Task Lost_files_are_named_and_the_repaired_snapshot_restores_what_is_left_with_marks()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("whole", MachineRepository.Noise(700_000, 1));
        machine.Put("part", MachineRepository.Noise(12_000_000, 2));
        machine.Put("directory/lost", MachineRepository.Noise(700_000, 3));
        await machine.BackUpAsync();
        // Every chunk of one file and one chunk of another.
        await DamageAsync(machine);
        (await machine.RunAsync("repo", "repair", "packs", "--read-data")).Expect(3);

        var dry = (await machine.RunAsync("repo", "repair", "snapshots", "--dry-run")).Expect(3);
        Assert.EndsWith("nothing was changed (dry run)\n", dry.Output, StringComparison.Ordinal);
        Assert.Single(machine.Objects("snap"));
        var repaired = (await machine.RunAsync("repo", "repair", "snapshots", "--forget")).Expect(3).Output;
        Assert.Matches(@"(?m)^    part: \d+ of 12000000 bytes are lost; zeros stand in their place$", repaired);
        Assert.Contains("    directory/lost: all 700000 bytes are lost\n", repaired, StringComparison.Ordinal);
        Assert.DoesNotContain("    whole", repaired, StringComparison.Ordinal);
        Assert.Contains("; the damaged one is forgotten\n", repaired, StringComparison.Ordinal);

        var restore = (await machine.RunAsync("snapshot", "restore", "latest", "--target", machine.Target)).Expect(3);
        Assert.Contains("part: restore: parts of it are lost, and zeros stand in their place", restore.Error, StringComparison.Ordinal);
        Assert.Contains("directory/lost: restore: its content could not be read", restore.Error, StringComparison.Ordinal);
        Assert.Equal(MachineRepository.Noise(700_000, 1), await File.ReadAllBytesAsync(Path.Combine(machine.Target, "whole"), Cancellation));
        Assert.False(File.Exists(Path.Combine(machine.Target, "directory", "lost")));
        var part = await File.ReadAllBytesAsync(Path.Combine(machine.Target, "part"), Cancellation);
        var original = MachineRepository.Noise(12_000_000, 2);
        Assert.Equal(original.Length, part.Length);
        Assert.True(part.Zip(original).All(pair => pair.First == pair.Second || pair.First == 0));
        // What is there may be whole: half a file never takes its place, in whichever way it is asked to.
        await File.WriteAllBytesAsync(Path.Combine(machine.Target, "part"), original, Cancellation);
        foreach (var way in (string[][])[["--overwrite", "always"], ["--overwrite", "if-changed"], ["--in-place"]])
        {
            var over = (await machine.RunAsync(["snapshot", "restore", "latest", "--target", machine.Target, .. way])).Expect(3);
            Assert.Contains("part: restore: parts of it are lost, and what is in its place stays", over.Error, StringComparison.Ordinal);
            Assert.Equal(original, await File.ReadAllBytesAsync(Path.Combine(machine.Target, "part"), Cancellation));
        }

        Assert.Equal(3, (await machine.RunAsync("snapshot", "dump", "latest", "part")).ExitCode);
        Assert.Contains("(parts are lost)", (await machine.RunAsync("snapshot", "ls", "latest", "-l")).Expect(0).Output, StringComparison.Ordinal);

        // A backup that continues the repaired snapshot reads the marked files again.
        await machine.BackUpAsync();
        (await machine.RunAsync("repo", "check", "--read-data")).Expect(0);
        Directory.Delete(machine.Target, recursive: true);
        (await machine.RunAsync("snapshot", "restore", "latest", "--target", machine.Target)).Expect(0);
        Assert.Equal("", machine.Shell("diff -r source target"));
        Assert.Equal("2 snapshots gone through, 0 damaged, 0 unreadable\n", (await machine.RunAsync("repo", "repair", "snapshots")).Expect(0).Output);
    }

    [Fact]
    public async Task Directories_of_a_deleted_snapshot_are_listed_and_recovered()
    {
        using var machine = await MachineRepository.CreateAsync();
        for (var i = 0; i < 300; i++) machine.Put($"a file with a rather long name, number {i}", [(byte)i]);
        await machine.BackUpAsync();
        File.Delete(Assert.Single(machine.Objects("snap")));

        Assert.Contains("1 directory that no snapshot leads to\nnothing was changed", (await machine.RunAsync("repo", "recover", "--dry-run")).Expect(0).Output, StringComparison.Ordinal);
        var found = await machine.JsonAsync("repo", "recover");
        Assert.Equal(300, (int)found["directories"]![0]!["entries"]!);
        (await machine.RunAsync("snapshot", "restore", (string)found["snapshot"]!, "--target", machine.Target, "--path", ((string)found["directories"]![0]!["id"]!)[..12])).Expect(0);
        Assert.Equal("", machine.Shell("diff -r source target"));
        Assert.Equal("0 directories that no snapshot leads to\n", (await machine.RunAsync("repo", "recover")).Expect(0).Output);
        (await machine.RunAsync("repo", "recover", "abc")).ExpectError(13, "\"abc\"", "repo recover --dry-run");
    }

    /// <summary>Spoils in every pack of data the chunks of one file, and one chunk of another.</summary>
    private static async Task DamageAsync(MachineRepository machine)
    {
        await using var repository = await ChunkRepository.OpenAsync(
            new DirectoryStore(machine.Path), RepositorySecrets.FromKeyFile(machine.KeyFile), new RepositoryOpenOptions(), Cancellation);
        await repository.LoadIndexAsync(Cancellation);
        using var reader = repository.CreateReader();
        var snapshot = Assert.Single(await new SnapshotCatalog(repository).ListAsync(null, Cancellation));
        var trees = new TreeReader(reader.Source, repository.Config.Parameters.Trees);
        var lost = (ChunkList)(await trees.FindPathAsync(snapshot.Manifest.ReadRoot(), "directory/lost"u8.ToArray(), Cancellation))!.Content!;
        var part = (ChunkList)(await trees.FindPathAsync(snapshot.Manifest.ReadRoot(), "part"u8.ToArray(), Cancellation))!.Content!;
        foreach (var item in lost.Items.Append(part.Items[1]))
        {
            Assert.True(reader.TryLocate(item.Id, out var location));
            var path = Path.Combine(machine.Path, location.Pack.Key);
            var content = await File.ReadAllBytesAsync(path, Cancellation);
            content[location.Offset + 50] ^= 1;
            await File.WriteAllBytesAsync(path, content, Cancellation);
        }
    }
}
