using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>The root keys, what is derived from them, and the envelopes that they open.</summary>
internal sealed class PlainKeys
{
    public const string Context = "NodeAgent 2026 repository v1 ";
    private const int HeaderLength = 64;

    private readonly byte[] _repositoryId;
    private readonly Dictionary<ushort, byte[]> _root;
    private readonly byte[] _nonceBlock;
    private readonly byte[][] _chunkIds;
    private readonly Dictionary<ulong, (byte[] Key, byte Suite, bool IsData)> _sessions = [];

    private PlainKeys(byte[] repositoryId, Dictionary<ushort, byte[]> root)
    {
        _repositoryId = repositoryId;
        _root = root;
        _nonceBlock = FromFirst("nonce block");
        _chunkIds = [FromFirst("data chunk id"), FromFirst("tree chunk id"), FromFirst("list chunk id")];
        ConfigMac = FromFirst("config mac");
        var table = PlainBlake3.Derive(Context + "gear table", FromFirst("chunker"), 2048);
        Gear = [.. Enumerable.Range(0, 256).Select(i => BinaryPrimitives.ReadUInt64LittleEndian(table.AsSpan(8 * i)))];
    }

    public byte[] ConfigMac { get; }

    public ulong[] Gear { get; }

    /// <summary>Opens a key object, or gives null when the secret is for another one.</summary>
    public static PlainKeys? Unwrap(byte[] content, byte[] repositoryId, PlainSecret secret)
    {
        var cursor = new ByteCursor(content, HeaderLength);
        _ = cursor.U64(); // when it was made
        _ = cursor.Take(cursor.U16()); // label
        var start = content[..cursor.Position];
        var wrap = content[cursor.Position..];
        var fields = new ByteCursor(wrap);
        if (fields.U8() != 1) throw new InvalidDataException("key wrap: unknown version");
        if (fields.U8() != secret.Kind) return null;
        fields.Zero(2);
        uint memory = fields.U32(), passes = fields.U32(), lanes = fields.U32();
        var salt = fields.Take(32);
        var nonce = fields.Take(12);
        var sealedKeys = fields.Take(wrap.Length - 60 - 16);
        var tag = fields.Take(16);
        var plain = new byte[sealedKeys.Length];
        using var gcm = new AesGcm(secret.WrappingKey(salt, memory, passes, lanes), 16);
        try
        {
            gcm.Decrypt(nonce, sealedKeys, tag, plain, (byte[])[.. wrap[..48], .. start]);
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }

        var keys = new ByteCursor(plain);
        var root = new Dictionary<ushort, byte[]>();
        for (int i = 0, count = keys.U16(); i < count; i++) root.Add(keys.U16(), keys.Take(32));
        keys.End("root keys");
        return new PlainKeys(repositoryId, root);
    }

    public byte[] ChunkId(byte kind, byte[] plain) => PlainBlake3.Keyed(_chunkIds[kind - 1], plain);

    /// <summary>A session as headers, index segments and footers name it.</summary>
    public void AddSession(ushort generation, byte suite, byte[] salt)
    {
        foreach (var use in (string[])["data", "meta"])
        {
            var key = PlainBlake3.Derive($"{Context}session {use} key", [.. _root[generation], .. salt]);
            _sessions[BinaryPrimitives.ReadUInt64LittleEndian(PlainBlake3.Hash(key))] = (key, suite, use == "data");
        }
    }

    /// <summary>Header and one envelope, bound to it.</summary>
    public byte[] OpenObject(byte[] content, byte kind, byte type)
    {
        CheckHeader(content, kind);
        return OpenEnvelope(content[HeaderLength..], type, content[..HeaderLength]);
    }

    /// <summary>Checks the 64 bytes and learns the session in them. Returns the body length.</summary>
    public int CheckHeader(byte[] content, byte kind)
    {
        var cursor = new ByteCursor(content);
        if (!cursor.Take(4).AsSpan().SequenceEqual("NAGT"u8) || cursor.U8() != kind || cursor.U8() != 1) throw new InvalidDataException($"this is not the header of an object of kind {kind}");
        cursor.Zero(2);
        if (!cursor.Take(16).AsSpan().SequenceEqual(_repositoryId)) throw new InvalidDataException("another repository's object");
        var generation = cursor.U16();
        var suite = cursor.U8();
        cursor.Zero(1);
        var bodyLength = (int)cursor.U32();
        if (kind != 3 && bodyLength != content.Length - HeaderLength) throw new InvalidDataException("the body length is not the object's");
        AddSession(generation, suite, cursor.Take(32));
        return bodyLength;
    }

    public byte[] OpenEnvelope(byte[] envelope, byte type, byte[] associated)
    {
        using var aes = Aes.Create();
        aes.Key = _nonceBlock;
        var block = aes.DecryptEcb(envelope.AsSpan(0, 16), PaddingMode.None);
        var (key, suite, isData) = _sessions[BinaryPrimitives.ReadUInt64LittleEndian(block)];
        if (isData != type is >= 1 and <= 3) throw new InvalidDataException("the envelope was sealed with the other of the session's keys");
        byte[] nonce = [0, 0, 0, 0, .. block[8..]];
        byte[] aad = [.. _repositoryId, .. associated];
        var ciphertext = envelope.AsSpan(16, envelope.Length - 32);
        var inner = new byte[ciphertext.Length];
        if (suite == 1)
        {
            using var gcm = new AesGcm(key, 16);
            gcm.Decrypt(nonce, ciphertext, envelope.AsSpan(envelope.Length - 16), inner, aad);
        }
        else
        {
            using var chacha = new ChaCha20Poly1305(key);
            chacha.Decrypt(nonce, ciphertext, envelope.AsSpan(envelope.Length - 16), inner, aad);
        }

        var header = new ByteCursor(inner);
        if (header.U8() is var found && found != type) throw new InvalidDataException($"an envelope of type {found}, not {type}");
        var compression = header.U8();
        header.Zero(2);
        var length = (int)header.U32();
        return compression switch
        {
            0 when length == inner.Length - 8 => inner[8..],
            1 => PlainZstd.Decompress(inner[8..], length),
            _ => throw new InvalidDataException("inner header"),
        };
    }

    private byte[] FromFirst(string purpose) => PlainBlake3.Derive(Context + purpose, _root[0]);
}
