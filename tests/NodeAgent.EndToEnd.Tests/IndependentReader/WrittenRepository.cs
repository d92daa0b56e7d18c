using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.EndToEnd.Tests.Processes;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>A directory with some of everything, and the repository that the command line made of it.</summary>
public sealed class WrittenRepository : IAsyncLifetime
{
    public const int BigFileLength = (7 << 20) + 12345;
    public const int ManyExtents = 3000;
    public const int ManyEntries = 6000;
    private const int ExtentSpacing = 16 << 10;
    private const int ExtentLength = 4 << 10;

    private readonly string _work = Directory.CreateTempSubdirectory("nodeagent-reader-").FullName;

    public string Source => Path.Combine(_work, "source");

    public string Repository => Path.Combine(_work, "repository");

    public byte[] Key { get; private set; } = [];

    public string SnapshotId { get; private set; } = "";

    public bool HasAttributes { get; private set; }

    public static byte[] AttributeName { get; } = "user.nodeagent"u8.ToArray();

    public static byte[] AttributeValue { get; } = [0, 1, 2, 255];

    public async ValueTask InitializeAsync()
    {
        MakeSource();
        var keyFile = Path.Combine(_work, "key");
        await NodeAgentCommand.RunAsync("repo", "init", "--repo", Repository, "--generate-key", keyFile);
        Key = Convert.FromHexString((await File.ReadAllTextAsync(keyFile)).Trim());
        SnapshotId = await CreateSnapshotAsync(Repository, "--key-file", keyFile);
    }

    /// <summary>An empty directory that goes with the fixture.</summary>
    public string NewDirectory() => Directory.CreateDirectory(Path.Combine(_work, Guid.NewGuid().ToString("N"))).FullName;

    public async Task<string> CreateSnapshotAsync(string repository, string secretFlag, string secretFile)
    {
        var output = await NodeAgentCommand.RunAsync("snapshot", "create", Source, "--repo", repository, secretFlag, secretFile, "--tag", "purpose=reading", "--output", "json");
        return (string)JsonNode.Parse(output)!["snapshot"]!;
    }

    internal PlainReader Open(bool fromPacks = false) => PlainReader.Open(Repository, PlainSecret.Key(Key), fromPacks);

    public async ValueTask DisposeAsync()
    {
        // Directory.Delete does not find names that are no UTF-8.
        using var remove = Process.Start("rm", ["-rf", _work]);
        await remove.WaitForExitAsync();
    }

    private void MakeSource()
    {
        // The content is random, but the same in every run.
        var random = new Random(20260102);
        Directory.CreateDirectory(Source);
        File.WriteAllBytes(InSource("empty"), []);
        File.WriteAllText(InSource("inlined"), "a few bytes in the entry\n");
        Directory.CreateDirectory(InSource("small"));
        for (var i = 0; i < 60; i++) File.WriteAllBytes(InSource($"small/bundled-{i}"), Bytes(random, random.Next(513, 16 << 10)));
        File.WriteAllBytes(InSource("big"), Bytes(random, BigFileLength));
        File.WriteAllText(InSource("text"), string.Concat(Enumerable.Range(0, 40_000).Select(i => $"line {i} of a file that compresses\n")));

        PlainFiles.Write(Encoding.UTF8.GetBytes(InSource("one-hole")), 3 << 20, []);
        PlainFiles.Write(Encoding.UTF8.GetBytes(InSource("holes")), 4 << 20, [(null, 1 << 20), (Bytes(random, 100_000), 1 << 20)]);
        // Seven contents in turn: many items, few chunks.
        var contents = Enumerable.Range(0, 7).Select(_ => Bytes(random, ExtentLength)).ToArray();
        PlainFiles.Write(Encoding.UTF8.GetBytes(InSource("many-holes")), (long)ManyExtents * ExtentSpacing,
            Enumerable.Range(0, ManyExtents).Select(i => ((byte[]?)contents[i % 7], (long)ExtentSpacing)));

        Directory.CreateDirectory(InSource("nested/a/b/c/d"));
        File.WriteAllText(InSource("nested/a/b/c/d/deep"), "deep");
        Directory.CreateDirectory(InSource("nested/nothing"));
        Directory.CreateDirectory(InSource("many"));
        for (var i = 0; i < ManyEntries; i++) File.WriteAllText(InSource($"many/entry number {i}"), i % 10 == 0 ? $"{i}" : "");

        File.CreateSymbolicLink(InSource("link"), "nested/a");
        File.CreateSymbolicLink(InSource("dangling"), "/nowhere/at all");
        PlainFiles.MakePipe(Encoding.UTF8.GetBytes(InSource("pipe")));
        PlainFiles.MakeHardLink(Encoding.UTF8.GetBytes(InSource("second name")), Encoding.UTF8.GetBytes(InSource("inlined")));
        // "café" in Latin-1, which is no UTF-8, and a name with a line end.
        PlainFiles.Write([.. Encoding.UTF8.GetBytes(Source), .. "/caf"u8, 0xE9], 5, [("bytes"u8.ToArray(), 5)]);
        File.WriteAllText(InSource("two\nlines"), "x");

        File.SetUnixFileMode(InSource("empty"), (UnixFileMode)0b100_111_101_101);
        PlainFiles.SetModified(Encoding.UTF8.GetBytes(InSource("empty")), -86400, 123456789); // before 1970
        HasAttributes = PlainFiles.TrySetAttribute(Encoding.UTF8.GetBytes(InSource("text")), AttributeName, AttributeValue);
    }

    private string InSource(string path) => Path.Combine(Source, path);

    private static byte[] Bytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
