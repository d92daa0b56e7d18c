using System.Text.Json.Nodes;
using NodeAgent.Cli.Tests.Processes;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class SnapshotDiffTests
{
    [Fact]
    public async Task What_was_added_removed_changed_and_touched_is_shown_in_the_order_of_paths()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Shell("cd source; mkdir -p same gone sub; echo same > same/file; echo gone > gone/file; echo one > sub/changed; echo quiet > sub/touched; echo x > sub/kind; ln -s a sub/link");
        var first = await machine.BackUpAsync();
        machine.Shell("cd source; rm -r gone; echo other > sub/changed; chmod 600 sub/touched; rm sub/kind; mkdir sub/kind; ln -sfn b sub/link; mkdir new; printf 12345 > new/file");
        var second = await machine.BackUpAsync();

        var text = (await machine.RunAsync("snapshot", "diff", first, second[..10])).Expect(0).Output;

        var lines = text.Split('\n');
        Assert.StartsWith($"comparing {first[..12]} of ", lines[0], StringComparison.Ordinal);
        Assert.Equal(["-    gone/", "-    gone/file", "+    new/", "+    new/file", "M    sub/changed", "T    sub/kind/", "M    sub/link"], lines[1..8]);
        Assert.Contains("files:              1 added        1 removed        1 changed\n", text, StringComparison.Ordinal);
        // It was not looked for.
        Assert.DoesNotContain("metadata", text, StringComparison.Ordinal);
        Assert.Contains("directories:        1 added        1 removed", text, StringComparison.Ordinal);
        Assert.Contains("another type:        1", text, StringComparison.Ordinal);
        Assert.Contains("bytes of files: 5 B added, 5 B removed, 6 B changed to 6 B", text, StringComparison.Ordinal);

        var withMetadata = (await machine.RunAsync("snapshot", "diff", first, "latest", "sub", "--metadata")).Expect(0).Output.Split('\n');
        Assert.Contains("files:              0 added        0 removed        1 changed        1 only in metadata", withMetadata);
        Assert.Equal(["U    sub/", "M    sub/changed", "T    sub/kind/", "M    sub/link", "U    sub/touched"], withMetadata[1..6]);

        var json = (await machine.RunAsync("snapshot", "diff", first, second, "-o", "json")).Expect(0).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).ToList();
        Assert.Equal(["-", "-", "+", "+", "M", "T", "M", "summary"], json.Select(line => (string)line["change"]!));
        Assert.Equal(("sub/kind", "directory", "file"), ((string)json[5]["path"]!, (string)json[5]["type"]!, (string)json[5]["typeBefore"]!));
        Assert.Equal((4, 6), ((int)json[4]["sizeBefore"]!, (int)json[4]["size"]!));
        Assert.Equal(second, (string)json[7]["second"]!);
        Assert.Equal(1, (int)json[7]["files"]!["removed"]!);
        Assert.Null(json[7]["files"]!["metadata"]);
    }

    [Fact]
    public async Task A_path_may_be_missing_in_one_snapshot_and_not_in_both()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Put("a", "a"u8.ToArray());
        var first = await machine.BackUpAsync();
        machine.Put("sub/b", "b"u8.ToArray());
        var second = await machine.BackUpAsync();

        Assert.Equal(["+    sub/", "+    sub/b"], (await machine.RunAsync("snapshot", "diff", first, second, "sub")).Expect(0).Output.Split('\n')[1..3]);
        Assert.Equal("-    sub/b", (await machine.RunAsync("snapshot", "diff", second, first, "/sub/b")).Expect(0).Output.Split('\n')[1]);
        (await machine.RunAsync("snapshot", "diff", first, second, "none")).ExpectError(13, "none is in neither snapshot");
        (await machine.RunAsync("snapshot", "diff", first, "ffffffff")).ExpectError(13, "is not found");
    }

    [Fact]
    public async Task A_file_that_was_only_touched_is_no_change_of_content()
    {
        using var machine = await MachineRepository.CreateAsync();
        machine.Shell("cd source; mkdir d; head -c 3000 /dev/zero | tr '\\0' a > d/small; head -c 3000 /dev/zero | tr '\\0' b > d/other; head -c 3000000 /dev/urandom > large");
        var first = await machine.BackUpAsync();
        machine.Shell("cd source; touch -d '2001-02-03' d/small large; echo more >> d/other");
        var second = await machine.BackUpAsync();

        Assert.Equal(["M    d/other", ""], (await machine.RunAsync("snapshot", "diff", first, second)).Expect(0).Output.Split('\n')[1..3]);
    }
}
