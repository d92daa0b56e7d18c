using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>A snapshot that no writer of ours would make: written with harmless names of the same length, then changed in its bytes.</summary>
internal static class HostileSnapshot
{
    public static async Task<SnapshotManifest> BuildAsync(TestBackup test, TreeEntry[] entries, params (string Harmless, string Hostile)[] changes)
    {
        var root = await DirectoryAsync(test, "", entries);
        var bytes = RootEntry.Encode(root);
        foreach (var (harmless, hostile) in changes)
        {
            var from = Latin1(harmless);
            var to = Latin1(hostile);
            var at = bytes.AsSpan().IndexOf(from);
            Assert.True(at > 0 && bytes.AsSpan(at + 1).IndexOf(from) < 0, $"{harmless} is not there once");
            if (to.Length == from.Length)
            {
                to.CopyTo(bytes, at);
                continue;
            }

            // Name length, flags, type, length of the entry, length of the directory: all of one byte in a tree this small.
            Assert.True(to.Length == 0 && from.Length == 1 && bytes.Length < 128);
            bytes[at - 1]--;
            bytes[at - 4]--;
            bytes[at - 5]--;
            bytes[0]--;
            bytes = [.. bytes[..at], .. bytes[(at + 1)..]];
        }

        return new SnapshotManifest { Time = DateTimeOffset.UnixEpoch, Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = "/" }, Root = bytes };
    }

    public static TreeEntry File(string name, string content = "hostile", ulong? linked = null) => new()
    {
        Type = TreeEntryType.RegularFile,
        Name = Latin1(name),
        Mode = 0x1ff,
        Size = content.Length,
        Content = content.Length == 0 ? EmptyContent.Instance : new InlineContent(Latin1(content)),
        HardLinkDevice = linked,
    };

    public static TreeEntry Link(string name, string target, ulong? linked = null) =>
        new() { Type = TreeEntryType.SymbolicLink, Name = Latin1(name), Mode = 0x1ff, LinkTarget = Latin1(target), HardLinkDevice = linked };

    public static async Task<TreeEntry> DirectoryAsync(TestBackup test, string name, params TreeEntry[] entries)
    {
        var carrier = new TreeEntry { Type = TreeEntryType.Directory, Name = Latin1(name), Mode = 0x1ff };
        using var writer = new DirectoryWriter((_, _, _) => throw new InvalidOperationException("the tree is too large to be inline"), test.Repository.Config.Parameters.Trees, test.Repository.Gear);
        foreach (var entry in entries) await writer.AddAsync(entry, TestBackup.Cancellation);
        return carrier.WithDirectory(await writer.CompleteAsync(carrier, TestBackup.Cancellation));
    }

    private static byte[] Latin1(string text) => System.Text.Encoding.Latin1.GetBytes(text);
}
