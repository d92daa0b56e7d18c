using System.Text.Json.Nodes;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>
/// Reads a repository in a directory from what docs/format.md says and nothing else: it uses no type of the product.
/// It holds in memory what it reads, and stops at the first thing that is not as the page says.
/// </summary>
internal sealed class PlainReader
{
    private const int HeaderLength = 64;
    private const int TrailerLength = 16;

    private readonly string _root;
    private readonly Dictionary<string, (string Pack, long Offset, int Length, int PlainLength)> _index = [];
    private readonly Dictionary<string, byte[]> _chunks = [];

    private PlainReader(string root, JsonNode config, PlainKeys keys)
    {
        _root = root;
        Config = config;
        Keys = keys;
    }

    public JsonNode Config { get; }

    public PlainKeys Keys { get; }

    /// <summary>Opens a repository and reads its index; or, to show that packs are enough, the footers of all packs instead.</summary>
    public static PlainReader Open(string root, PlainSecret secret, bool fromPacks = false)
    {
        // 1. the config, not yet believed
        var config = File.ReadAllBytes(Path.Combine(root, "config"));
        if (!config.AsSpan(0, 6).SequenceEqual("NAGT\u0001\u0001"u8)) throw new InvalidDataException("config: header");
        var repositoryId = config[8..24];
        var json = JsonNode.Parse(config.AsSpan(HeaderLength, config.Length - HeaderLength - 32))!;
        if ((int)json["version"]! != 1 || json["requires"]!.AsArray().Count != 0) throw new InvalidDataException("config: version");
        if ((string)json["id"]! != Convert.ToHexStringLower(repositoryId)) throw new InvalidDataException("config: id");

        // 2. the keys, then the config's MAC
        var keys = Directory.GetFiles(Path.Combine(root, "keys"))
            .Select(file => Named(file, content => Convert.ToHexStringLower(PlainBlake3.Hash(content).AsSpan(0, 8))))
            .Select(content => PlainKeys.Unwrap(content, repositoryId, secret))
            .FirstOrDefault(opened => opened is not null) ?? throw new InvalidDataException("no key object opens with this secret");
        if (!PlainBlake3.Keyed(keys.ConfigMac, config.AsSpan(0, config.Length - 32)).AsSpan().SequenceEqual(config.AsSpan(config.Length - 32)))
            throw new InvalidDataException("config: wrong MAC");

        // 3. where chunks are
        var reader = new PlainReader(root, json, keys);
        if (fromPacks) foreach (var file in Directory.GetFiles(Path.Combine(root, "data"), "*", SearchOption.AllDirectories)) reader.ReadFooter(file);
        else foreach (var file in Directory.GetFiles(Path.Combine(root, "index", "delta"))) reader.ReadSegment(file);
        return reader;
    }

    /// <summary>The manifests of all snapshots that are not forgotten, by id.</summary>
    public Dictionary<string, JsonNode> Snapshots()
    {
        var result = new Dictionary<string, JsonNode>();
        foreach (var file in Directory.GetFiles(Path.Combine(_root, "snap")))
        {
            var id = Path.GetFileName(file).Split('-')[^1];
            var content = Named(file, content => Convert.ToHexStringLower(PlainBlake3.Hash(content)));
            if (IsForgotten(id)) continue;
            var manifest = JsonNode.Parse(Keys.OpenObject(content, kind: 5, type: 6))!;
            if ((int)manifest["version"]! != 1) throw new InvalidDataException("snapshot: version");
            result.Add(id, manifest);
        }

        return result;
    }

    /// <summary>The snapshot's root entry: the source directory itself, with an empty name.</summary>
    public static PlainEntry Root(JsonNode manifest) =>
        PlainEntry.ReadAll(Convert.FromBase64String((string)manifest["root"]!), PlainEntry.Zero).Single();

    /// <summary>The entries of a directory, in name order.</summary>
    public List<PlainEntry> List(PlainEntry directory)
    {
        var entries = directory.ContentKind switch
        {
            0 => [],
            1 => PlainEntry.ReadAll(directory.Inline!, directory),
            _ => Leaves(directory.ChunkId!, directory.Level).SelectMany(page => page).ToList(),
        };
        for (var i = 1; i < entries.Count; i++)
        {
            if (entries[i - 1].Name.AsSpan().SequenceCompareTo(entries[i].Name) >= 0) throw new InvalidDataException("names are not in ascending order");
        }

        return entries;
    }

    /// <summary>The entries of the pages of level 0 below a page, page by page.</summary>
    public List<List<PlainEntry>> Leaves(byte[] id, int level)
    {
        var cursor = Paged(2, id, 'T', level, out var count);
        var result = new List<List<PlainEntry>>();
        if (level == 0)
        {
            var entries = new List<PlainEntry>();
            for (var before = PlainEntry.Zero; entries.Count < count; entries.Add(before)) before = PlainEntry.Read(cursor, before);
            result.Add(entries);
        }
        else
        {
            for (var i = 0; i < count; i++)
            {
                var lastName = cursor.Counted();
                var below = Leaves(cursor.Take(32), level - 1);
                if (!below[^1][^1].Name.AsSpan().SequenceEqual(lastName)) throw new InvalidDataException("the last name below a page is another");
                if (cursor.Varint() != (ulong)below.Sum(page => page.Count)) throw new InvalidDataException("the number of entries below a page is another");
                result.AddRange(below);
            }
        }

        cursor.End("a page");
        return result;
    }

    /// <summary>The runs of a file that its content kind gives as items: kinds 3, 4 and 5.</summary>
    public List<PlainItem> Items(PlainEntry file)
    {
        List<PlainItem> items = file.ContentKind switch
        {
            0 => [],
            3 => file.Items!,
            4 => Lists(file.ChunkId!, file.Level, file.Size).SelectMany(list => list).ToList(),
            5 => [new PlainItem(null, file.Size)],
            var other => throw new InvalidDataException($"content kind {other} has no items"),
        };
        return items.Sum(i => i.Length) == file.Size ? items : throw new InvalidDataException("the items do not add up to the size");
    }

    /// <summary>The items of the list chunks of level 0 below a list, chunk by chunk.</summary>
    public List<List<PlainItem>> Lists(byte[] id, int level, long covered)
    {
        var cursor = Paged(3, id, 'L', level, out var count);
        var result = new List<List<PlainItem>>();
        if (level == 0)
        {
            result.Add([.. Enumerable.Range(0, count).Select(_ => PlainItem.Read(cursor))]);
        }
        else
        {
            for (var i = 0; i < count; i++)
            {
                var length = (long)cursor.Varint();
                result.AddRange(Lists(cursor.Take(32), level - 1, length));
            }
        }

        cursor.End("a list");
        return result.Sum(list => list.Sum(i => i.Length)) == covered ? result : throw new InvalidDataException("a list covers another length");
    }

    /// <summary>What a regular file holds, run by run; null for a hole.</summary>
    public IEnumerable<(byte[]? Bytes, long Length)> Runs(PlainEntry file)
    {
        switch (file.ContentKind)
        {
            case 1:
                return [(file.Inline!, file.Size)];
            case 2:
                return [(Chunk(1, file.ChunkId!)[(int)file.BundleOffset..(int)(file.BundleOffset + file.Size)], file.Size)];
            default:
                return Items(file).Select(item => (item.Id is null ? null : Chunk(1, item.Id), item.Length));
        }
    }

    public byte[] AttributeValue(PlainAttribute attribute) => attribute.Value ?? Chunk(1, attribute.Chunk!);

    /// <summary>Reads and verifies one chunk: kind 1 data, 2 tree, 3 list.</summary>
    public byte[] Chunk(byte kind, byte[] id)
    {
        if (_chunks.TryGetValue(Convert.ToHexString(id), out var known)) return known;
        var (pack, offset, length, plainLength) = _index[Convert.ToHexString(id.AsSpan(0, 20))];
        using var file = File.OpenRead(Path.Combine(_root, pack));
        file.Position = offset;
        var envelope = new byte[length];
        file.ReadExactly(envelope);
        var plain = Keys.OpenEnvelope(envelope, kind, [kind, .. id]);
        if (plain.Length != plainLength) throw new InvalidDataException("a chunk is not as long as the index says");
        if (!Keys.ChunkId(kind, plain).AsSpan().SequenceEqual(id)) throw new InvalidDataException("a chunk's content is not its id's");
        _chunks.Add(Convert.ToHexString(id), plain);
        return plain;
    }

    private ByteCursor Paged(byte kind, byte[] id, char magic, int level, out int count)
    {
        var cursor = new ByteCursor(Chunk(kind, id));
        if (cursor.U8() != magic || cursor.U8() != 1 || cursor.U8() != level) throw new InvalidDataException("header of a page or list");
        cursor.Zero(1);
        count = (int)cursor.Varint();
        return cursor;
    }

    private bool IsForgotten(string id)
    {
        var directory = Path.Combine(_root, "forget", id);
        return Directory.Exists(directory) && Directory.GetFiles(directory)
            .Any(file => (string?)JsonNode.Parse(Keys.OpenObject(File.ReadAllBytes(file), kind: 6, type: 7))!["snapshot"] == id);
    }

    private void ReadSegment(string path)
    {
        var content = Named(path, content => Convert.ToHexStringLower(PlainBlake3.Hash(content)));
        var cursor = new ByteCursor(Keys.OpenObject(content, kind: 4, type: 5));
        if (cursor.U8() != 1) throw new InvalidDataException("index segment: version");
        cursor.Zero(3);
        int sessions = (int)cursor.U32(), packs = (int)cursor.U32(), replaced = (int)cursor.U32();
        ReadSessions(cursor, sessions);
        _ = cursor.Take(replaced * 32);
        for (var p = 0; p < packs; p++)
        {
            var name = $"data/{Convert.ToHexStringLower(cursor.Take(8))}/{Convert.ToHexStringLower(cursor.Take(32))}";
            if ((long)cursor.U64() != new FileInfo(Path.Combine(_root, name)).Length) throw new InvalidDataException($"{name}: not the size that the index says");
            var chunks = (int)cursor.U32();
            ReadColumns(cursor, name, chunks, idLength: 20);
        }

        cursor.End("index segment");
    }

    private void ReadFooter(string path)
    {
        var content = Named(path, content => Convert.ToHexStringLower(PlainBlake3.Hash(content)));
        var trailer = new ByteCursor(content, content.Length - TrailerLength);
        var length = trailer.U32();
        if (trailer.U32() != ~length || !trailer.Take(8).AsSpan().SequenceEqual("NAGTPACK"u8)) throw new InvalidDataException("pack: trailer");
        if (Keys.CheckHeader(content, kind: 3) != length) throw new InvalidDataException("pack: body length");
        var offset = content.Length - TrailerLength - (int)length;
        var footer = Keys.OpenEnvelope(content[offset..^TrailerLength], 4, [.. content[..HeaderLength], .. BitConverter.GetBytes((long)offset)]);
        var cursor = new ByteCursor(footer);
        if (cursor.U8() != 1) throw new InvalidDataException("pack footer: version");
        cursor.Zero(1);
        int sessions = cursor.U16(), chunks = (int)cursor.U32(), padding = (int)cursor.U32();
        ReadSessions(cursor, sessions);
        if (ReadColumns(cursor, Path.GetRelativePath(_root, path), chunks, idLength: 32) != offset) throw new InvalidDataException("pack: the chunks do not end at the footer");
        cursor.Zero(padding);
        cursor.End("pack footer");
    }

    private void ReadSessions(ByteCursor cursor, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var generation = cursor.U16();
            var suite = cursor.U8();
            cursor.Zero(1);
            Keys.AddSession(generation, suite, cursor.Take(32));
        }
    }

    private long ReadColumns(ByteCursor cursor, string pack, int count, int idLength)
    {
        var ids = cursor.Take(count * idLength);
        _ = cursor.Take(count); // kinds
        _ = cursor.Take(count * 2); // session ordinals: the envelope names its session itself
        var stored = Enumerable.Range(0, count).Select(_ => (int)cursor.U32()).ToArray();
        var plain = Enumerable.Range(0, count).Select(_ => (int)cursor.U32()).ToArray();
        var offset = (long)HeaderLength;
        for (var i = 0; i < count; i++)
        {
            _index[Convert.ToHexString(ids.AsSpan(i * idLength, 20))] = (pack, offset, stored[i], plain[i]);
            offset += stored[i];
        }

        return offset;
    }

    /// <summary>The content of an object whose name ends with a hash of it.</summary>
    private static byte[] Named(string path, Func<byte[], string> hash)
    {
        var content = File.ReadAllBytes(path);
        return path.EndsWith(hash(content), StringComparison.Ordinal) ? content : throw new InvalidDataException($"{path}: its content is not what its name says");
    }
}
