using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Golden;

/// <summary>
/// What a snapshot holds, one line for each entry: type, mode, owner, size, mtime, ctime, inode, detail (a file's SHA-256, a link's
/// target, a device's numbers), attributes, path. Bytes outside of printable ASCII are %XX.
/// </summary>
internal static class GoldenListing
{
    public static async Task<List<string>> ReadAsync(ChunkRepository repository, TreeEntry root, CancellationToken cancellationToken)
    {
        using var chunks = repository.CreateReader();
        var lines = new List<string>();
        await AddAsync(root, "");
        return lines;

        async Task AddAsync(TreeEntry entry, string path)
        {
            path = Join(path, entry.Name.Span);
            var tree = new TreeReader(chunks.Source, repository.Config.Parameters.Trees);
            var detail = entry.Type switch
            {
                TreeEntryType.RegularFile when !entry.UnreadableContent => Convert.ToHexStringLower(SHA256.HashData(await ContentAsync(tree, entry))),
                TreeEntryType.SymbolicLink => Encoding.UTF8.GetString(entry.LinkTarget.Span),
                TreeEntryType.BlockDevice or TreeEntryType.CharacterDevice => $"{entry.DeviceMajor}:{entry.DeviceMinor}",
                _ => "-",
            };
            var attributes = new List<(ReadOnlyMemory<byte>, byte[])>();
            foreach (var attribute in entry.ExtendedAttributes)
                attributes.Add((attribute.Name, attribute.Chunk is { } chunk ? (await chunks.ReadSharedAsync(ChunkKind.Data, chunk, attribute.Length, cancellationToken)).ToArray() : attribute.Value.ToArray()));
            lines.Add(Line(entry, path, detail, attributes));
            if (entry.Type != TreeEntryType.Directory) return;
            await foreach (var child in tree.ReadDirectoryAsync(entry, cancellationToken)) await AddAsync(child, path);
        }

        async Task<byte[]> ContentAsync(TreeReader tree, TreeEntry file)
        {
            if (file.Content is InlineContent inline) return inline.Bytes.ToArray();
            if (file.Content is BundleSlice slice)
                return (await chunks.ReadSharedAsync(ChunkKind.Data, slice.Chunk, TreeLimits.MaxDataChunk, cancellationToken)).Slice(slice.Offset, slice.SliceLength).ToArray();
            var content = new byte[file.Size];
            var at = 0;
            await foreach (var item in tree.ReadContentAsync(file.Content!, cancellationToken))
            {
                if (!item.IsHole) Assert.Equal(item.Length, await chunks.ReadAsync(item.Id, ChunkKind.Data, content.AsMemory(at, (int)item.Length), cancellationToken));
                at += (int)item.Length;
            }

            Assert.Equal(content.Length, at);
            return content;
        }
    }

    public static string Line(TreeEntry entry, string path, string detail, IEnumerable<(ReadOnlyMemory<byte> Name, byte[] Value)> attributes)
    {
        var type = "?fdlcbps"[(int)entry.Type];
        var values = string.Join(',', attributes.Select(a => $"{Encoding.UTF8.GetString(a.Name.Span)}={Convert.ToHexStringLower(SHA256.HashData(a.Value))}"));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{type} {Convert.ToString(entry.Mode, 8)} {entry.UserId}:{entry.GroupId} {entry.Size} {entry.Modified.Seconds}.{entry.Modified.Nanoseconds:d9} {entry.Changed.Seconds}.{entry.Changed.Nanoseconds:d9} {entry.Inode} {detail} {(values.Length > 0 ? values : "-")} {(path.Length > 0 ? path : "/")}");
    }

    public static string Join(string path, ReadOnlySpan<byte> name)
    {
        var text = new StringBuilder(path);
        if (path.Length > 0) text.Append('/');
        foreach (var b in name)
        {
            if (b is > 0x20 and < 0x7F and not (byte)'%') text.Append((char)b);
            else text.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }

        return text.ToString();
    }
}
