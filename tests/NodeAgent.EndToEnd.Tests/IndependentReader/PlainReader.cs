using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>
/// Reads a repository in a directory from what docs/format.md says and nothing else: it uses no type of the product.
/// It knows one kind of recipient (a raw key) and holds everything in memory.
/// </summary>
internal sealed class PlainReader
{
    private const string Contexts = "NodeAgent 2026 repository v1 ";
    private const int HeaderLength = 64;

    private readonly string _root;
    private readonly byte[] _repositoryId;
    private readonly Dictionary<ushort, byte[]> _rootKeys = [];
    private readonly byte[] _nonceBlockKey;
    private readonly Dictionary<ulong, (byte[] Key, byte Suite)> _sessions = [];
    private readonly Dictionary<string, (string Pack, long Offset, int Length)> _index = [];

    public PlainReader(string root, byte[] rawKey)
    {
        _root = root;
        var config = File.ReadAllBytes(Path.Combine(root, "config"));
        _repositoryId = config[8..24];
        foreach (var file in Directory.GetFiles(Path.Combine(root, "keys"))) TryUnwrap(File.ReadAllBytes(file), rawKey);
        if (_rootKeys.Count == 0) throw new InvalidDataException("no key object opens with this key");

        var mac = PlainBlake3.Keyed(PlainBlake3.Derive(Contexts + "config mac", _rootKeys[0]), config.AsSpan(0, config.Length - 32));
        if (!mac.AsSpan().SequenceEqual(config.AsSpan(config.Length - 32))) throw new InvalidDataException("config: wrong MAC");
        Config = JsonNode.Parse(config.AsSpan(HeaderLength, config.Length - HeaderLength - 32))!;
        _nonceBlockKey = PlainBlake3.Derive(Contexts + "nonce block", _rootKeys[0]);
        foreach (var file in Directory.GetFiles(Path.Combine(root, "index", "delta"))) ReadIndexSegment(File.ReadAllBytes(file));
    }

    public JsonNode Config { get; }

    /// <summary>The manifests of all snapshots, by id.</summary>
    public Dictionary<string, JsonNode> Snapshots()
    {
        var result = new Dictionary<string, JsonNode>();
        foreach (var file in Directory.GetFiles(Path.Combine(_root, "snap")))
        {
            var content = File.ReadAllBytes(file);
            var id = Path.GetFileName(file).Split('-')[1];
            if (Convert.ToHexStringLower(PlainBlake3.Hash(content)) != id) throw new InvalidDataException($"{file}: its name is not its hash");
            result.Add(id, JsonNode.Parse(OpenObject(content, kind: 5))!);
        }

        return result;
    }

    /// <summary>The snapshot's root entry: the source directory itself, with an empty name.</summary>
    public static PlainEntry Root(JsonNode manifest) =>
        PlainEntry.ReadList(Convert.FromBase64String((string)manifest["root"]!), 1, PlainEntry.Zero, out _).Single();

    /// <summary>The entries of a directory, in name order.</summary>
    public List<PlainEntry> List(PlainEntry directory) => directory.ContentKind switch
    {
        0 => [],
        1 => PlainEntry.ReadAll(directory.Inline!, directory),
        2 => Page(directory.ChunkId!, directory.Level),
        var other => throw new InvalidDataException($"directory content kind {other}"),
    };

    /// <summary>The content of a regular file, holes as zeros.</summary>
    public byte[] Content(PlainEntry file)
    {
        var result = new byte[file.Size];
        switch (file.ContentKind)
        {
            case 0 or 5:
                break;
            case 1:
                file.Inline!.CopyTo(result, 0);
                break;
            case 2:
                Chunk(1, file.ChunkId!).AsSpan((int)file.BundleOffset, (int)file.Size).CopyTo(result);
                break;
            case 3 or 4:
                var items = file.ContentKind == 3 ? file.Items! : Items(file.ChunkId!, file.Level);
                var at = 0L;
                foreach (var (id, length) in items)
                {
                    if (id is not null) Chunk(1, id).CopyTo(result, at);
                    at += length;
                }

                if (at != file.Size) throw new InvalidDataException("the items do not add up to the size");
                break;
            default:
                throw new InvalidDataException($"file content kind {file.ContentKind}");
        }

        return result;
    }

    private List<(byte[]? Id, long Length)> Items(byte[] listId, int level)
    {
        var page = Chunk(3, listId);
        var cursor = new ByteCursor(page);
        if (cursor.U8() != 'L' || cursor.U8() != 1 || cursor.U8() != level || cursor.U8() != 0) throw new InvalidDataException("list chunk header");
        var count = (int)cursor.Varint();
        var result = new List<(byte[]?, long)>();
        for (var i = 0; i < count; i++)
        {
            if (level == 0) result.Add(PlainEntry.ReadItem(cursor));
            else
            {
                _ = cursor.Varint();
                result.AddRange(Items(cursor.Take(32), level - 1));
            }
        }

        return cursor.AtEnd ? result : throw new InvalidDataException("bytes after the last item");
    }

    private List<PlainEntry> Page(byte[] id, int level)
    {
        var page = Chunk(2, id);
        var cursor = new ByteCursor(page);
        if (cursor.U8() != 'T' || cursor.U8() != 1 || cursor.U8() != level || cursor.U8() != 0) throw new InvalidDataException("page header");
        var count = (int)cursor.Varint();
        if (level == 0) return PlainEntry.ReadList(page[cursor.Position..], count, PlainEntry.Zero, out _);
        var result = new List<PlainEntry>();
        for (var i = 0; i < count; i++)
        {
            _ = cursor.Counted();
            var child = cursor.Take(32);
            _ = cursor.Varint();
            result.AddRange(Page(child, level - 1));
        }

        return result;
    }

    /// <summary>Reads and verifies one chunk: kind 1 data, 2 tree, 3 list.</summary>
    private byte[] Chunk(byte kind, byte[] id)
    {
        var (pack, offset, length) = _index[Convert.ToHexString(id.AsSpan(0, 20))];
        using var file = File.OpenRead(Path.Combine(_root, pack));
        file.Position = offset;
        var envelope = new byte[length];
        file.ReadExactly(envelope);
        var plain = OpenEnvelope(envelope, kind, [kind, .. id]);
        var name = kind switch { 1 => "data", 2 => "tree", _ => "list" };
        var actual = PlainBlake3.Keyed(PlainBlake3.Derive($"{Contexts}{name} chunk id", _rootKeys[0]), plain);
        return actual.AsSpan().SequenceEqual(id) ? plain : throw new InvalidDataException("the chunk's content is not its id's");
    }

    private void ReadIndexSegment(byte[] content)
    {
        var cursor = new ByteCursor(OpenObject(content, kind: 4));
        if (cursor.U8() != 1 || cursor.U8() != 0 || cursor.U16() != 0) throw new InvalidDataException("index segment header");
        int sessions = (int)cursor.U32(), packs = (int)cursor.U32(), superseded = (int)cursor.U32();
        for (var i = 0; i < sessions; i++)
        {
            var generation = cursor.U16();
            var suite = cursor.U8();
            _ = cursor.U8();
            AddSession(generation, suite, cursor.Take(32));
        }

        _ = cursor.Take(superseded * 32);
        for (var p = 0; p < packs; p++)
        {
            var session = Convert.ToHexStringLower(cursor.Take(8));
            var name = $"data/{session}/{Convert.ToHexStringLower(cursor.Take(32))}";
            _ = cursor.U64();
            var chunks = (int)cursor.U32();
            var ids = cursor.Take(chunks * 20);
            _ = cursor.Take(chunks); // kinds
            _ = cursor.Take(chunks * 2); // session index
            var offset = (long)HeaderLength;
            for (var c = 0; c < chunks; c++)
            {
                var stored = (int)cursor.U32();
                _index[Convert.ToHexString(ids.AsSpan(c * 20, 20))] = (name, offset, stored);
                offset += stored;
            }

            _ = cursor.Take(chunks * 4); // plain lengths
        }

        if (!cursor.AtEnd) throw new InvalidDataException("bytes after the last pack");
    }

    private byte[] OpenObject(byte[] content, byte kind)
    {
        if (Encoding.ASCII.GetString(content, 0, 4) != "NAGT" || content[4] != kind || content[5] != 1) throw new InvalidDataException("object header");
        if (!content.AsSpan(8, 16).SequenceEqual(_repositoryId)) throw new InvalidDataException("another repository's object");
        AddSession(BinaryPrimitives.ReadUInt16LittleEndian(content.AsSpan(24)), content[26], content[32..64]);
        return OpenEnvelope(content[HeaderLength..], kind == 4 ? (byte)5 : (byte)6, content[..HeaderLength]);
    }

    private void AddSession(ushort generation, byte suite, byte[] salt)
    {
        foreach (var use in (string[])["data", "meta"])
        {
            var key = PlainBlake3.Derive($"{Contexts}session {use} key", [.. _rootKeys[generation], .. salt]);
            _sessions[BinaryPrimitives.ReadUInt64LittleEndian(PlainBlake3.Hash(key))] = (key, suite);
        }
    }

    /// <summary>E(16) ‖ ciphertext ‖ tag(16); the plaintext begins with type, compression, two zeros and the plain length.</summary>
    private byte[] OpenEnvelope(byte[] envelope, byte type, byte[] associated)
    {
        using var aes = Aes.Create();
        aes.Key = _nonceBlockKey;
        var block = aes.DecryptEcb(envelope.AsSpan(0, 16), PaddingMode.None);
        var (key, suite) = _sessions[BinaryPrimitives.ReadUInt64LittleEndian(block)];
        byte[] nonce = [0, 0, 0, 0, .. block[8..]];
        byte[] aad = [.. _repositoryId, .. associated];
        var inner = new byte[envelope.Length - 32];
        if (suite == 1)
        {
            using var gcm = new AesGcm(key, 16);
            gcm.Decrypt(nonce, envelope.AsSpan(16, inner.Length), envelope.AsSpan(envelope.Length - 16), inner, aad);
        }
        else
        {
            using var chacha = new ChaCha20Poly1305(key);
            chacha.Decrypt(nonce, envelope.AsSpan(16, inner.Length), envelope.AsSpan(envelope.Length - 16), inner, aad);
        }

        if (inner[0] != type) throw new InvalidDataException($"envelope type {inner[0]}, not {type}");
        var length = BinaryPrimitives.ReadInt32LittleEndian(inner.AsSpan(4));
        return inner[1] == 1 ? PlainZstd.Decompress(inner[8..], length) : inner[8..];
    }

    /// <summary>After the header: creation time, label, then the wrap: version, kind, costs, salt, nonce, sealed root keys.</summary>
    private void TryUnwrap(byte[] content, byte[] rawKey)
    {
        var cursor = new ByteCursor(content, HeaderLength);
        _ = cursor.U64();
        _ = cursor.Take(cursor.U16());
        var start = content[..cursor.Position];
        var wrap = content[cursor.Position..];
        const int raw = 1;
        if (wrap[0] != 1 || wrap[1] != raw) return; // another kind of recipient
        var kek = PlainBlake3.Derive(Contexts + "raw key wrap", [.. rawKey, .. wrap[16..48]]);
        var plain = new byte[wrap.Length - 60 - 16];
        using var gcm = new AesGcm(kek, 16);
        try
        {
            gcm.Decrypt(wrap.AsSpan(48, 12), wrap.AsSpan(60, plain.Length), wrap.AsSpan(60 + plain.Length), plain, [.. wrap[..48], .. start]);
        }
        catch (AuthenticationTagMismatchException)
        {
            return; // another recipient's
        }

        var keys = new ByteCursor(plain);
        for (int i = 0, count = keys.U16(); i < count; i++) _rootKeys[keys.U16()] = keys.Take(32);
    }
}
