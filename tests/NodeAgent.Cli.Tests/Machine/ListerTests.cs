using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Machine;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Tests.Machine;

public sealed class ListerTests
{
    [Fact]
    public async Task The_long_form_has_mode_owner_size_time_and_what_went_wrong()
    {
        var writer = new StringWriter { NewLine = "\n" };
        await ListAsync(snapshot => new TextLister(writer, isLong: true, snapshot.Manifest, TimeZoneInfo.Utc), recursive: true);
        Assert.Equal(
            """
            -rw-r--r-- alice    50                  5 2026-11-20 10:00:00 a
            -rw-r--r-- alice    50                  5 2026-11-20 10:00:00 b
            -rw-r--r-- alice    50                  5 2026-11-20 10:00:00 c
            -rw-r--r-- 0        0                   9 2026-11-20 10:00:00 $'evil\033[2J'  (content could not be read)
            srwxrwxrwx 0        0                   0 2026-11-20 10:00:00 socket
            drwxr-xr-x 0        0                   0 2026-11-20 10:00:00 sub
            -rw-r--r-- alice    50                  6 2026-11-20 10:00:00 sub/bundled
            -rw-r--r-- alice    50             370000 2026-11-20 10:00:00 sub/large
            lrwxrwxrwx 0        0                   0 2026-11-20 10:00:00 sub/link -> large
            -rw-r--r-- alice    50                  0 2026-11-20 10:00:00 $'\351'

            """,
            writer.ToString());
    }

    [Fact]
    public async Task JSON_is_one_array_that_keeps_names_exactly()
    {
        using var buffer = new MemoryStream();
        await ListAsync(_ => new JsonLister(buffer, new Utf8JsonWriter(buffer, JsonText.Indented)), recursive: false);
        var entries = JsonNode.Parse(buffer.ToArray())!.AsArray();
        Assert.Equal(7, entries.Count);
        Assert.Equal(
            """{"path":"a","type":"file","mode":"00644","uid":1000,"gid":50,"size":5,"mtime":"2026-11-20T10:00:00.000000000Z","ctime":"1970-01-01T00:00:00.000000000Z","inode":7}""",
            entries[0]!.ToJsonString());
        Assert.Equal("evil\e[2J", entries[3]!["path"]!.GetValue<string>());
        Assert.True(entries[3]!["unreadable"]!.GetValue<bool>());
        Assert.Equal("6Q==", entries[6]!["pathBytes"]!.GetValue<string>());
    }

    [Theory]
    [InlineData('-', 0xfed, "-rwsr-sr-t")]
    [InlineData('d', 0x3ff, "drwxrwxrwt")]
    [InlineData('-', 0xe00, "---S--S--T")]
    [InlineData('l', 0x1ff, "lrwxrwxrwx")]
    public void Modes_are_those_of_ls(char type, uint mode, string text) => Assert.Equal(text, FileModeText.Format(type, mode));

    private static async Task ListAsync(Func<SnapshotTree, IEntryLister> create, bool recursive)
    {
        var snapshot = await new TreeOfFiles().BuildAsync();
        var lister = create(snapshot);
        lister.Begin();
        await foreach (var (path, entry) in SnapshotWalk.BelowAsync(snapshot.Entries, snapshot.Root, [], recursive, TestContext.Current.CancellationToken))
            lister.Add(path, entry);
        lister.End();
    }
}
