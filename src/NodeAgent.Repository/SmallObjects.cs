using NodeAgent.Repository.Compression;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository;

/// <summary>The objects of a repository that are one header and one envelope: snapshots, index segments, marks and records.</summary>
internal sealed class SmallObjects(ChunkRepository repository)
{
    /// <summary>By how much such an object may be longer than its plaintext.</summary>
    public const int MaxOverhead = 1 << 20;

    /// <summary>Seals one, compressed when that helps.</summary>
    public byte[] Seal(EnvelopeCipher cipher, ObjectKind kind, EnvelopeType type, ReadOnlySpan<byte> plain)
    {
        using var codec = new ZstdCodec();
        var buffer = new byte[ZstdCodec.CompressBound(plain.Length)];
        var compressed = codec.Compress(plain, buffer, 3);
        var payload = compressed > 0 ? buffer.AsSpan(0, compressed) : plain;
        var content = new byte[ObjectHeader.Length + payload.Length + EnvelopeCipher.Overhead];
        new ObjectHeader(kind, cipher.Identity, (uint)(payload.Length + EnvelopeCipher.Overhead)).Write(repository.RepositoryId, content);
        cipher.Seal(type, compressed > 0, (uint)plain.Length, payload, content.AsSpan(0, ObjectHeader.Length), content.AsSpan(ObjectHeader.Length));
        return content;
    }

    /// <summary>Seals and writes one.</summary>
    public async Task PutAsync(EnvelopeCipher cipher, ObjectKind kind, EnvelopeType type, byte[] plain, string key, CancellationToken cancellationToken) =>
        await repository.Store.PutAsync(key, Seal(cipher, kind, type, plain), cancellationToken);

    /// <summary>Reads and opens one.</summary>
    public async Task<byte[]> ReadAsync(string key, ObjectKind kind, EnvelopeType type, int maxPlainLength, CancellationToken cancellationToken)
    {
        var content = await repository.Store.ReadAllAsync(key, (long)maxPlainLength + MaxOverhead, cancellationToken);
        await repository.LearnGenerationAsync(content, cancellationToken);
        return Open(content, key, kind, type, maxPlainLength);
    }

    /// <summary>Opens one that was read, or throws.</summary>
    public byte[] Open(byte[] content, string key, ObjectKind kind, EnvelopeType type, int maxPlainLength)
    {
        var header = ObjectHeader.Read(content, kind, repository.RepositoryId, content.Length, key);
        if (!repository.Keyring.Add(header.Session))
            throw new RepositoryFormatException(key, 24, $"the object was sealed under key generation {header.Session.Generation}, which {KeyObject.Prefix}{repository.KeyId} does not hold; the keys were rotated without it: whoever has an up-to-date key can add this one again (nodeagent repo key add)");
        var opened = new byte[content.Length];
        OpenedEnvelope result;
        try
        {
            result = repository.Keyring.Open(content.AsSpan(ObjectHeader.Length), content.AsSpan(0, ObjectHeader.Length), opened);
        }
        catch (EnvelopeException exception)
        {
            throw new RepositoryFormatException(key, ObjectHeader.Length, exception.Message);
        }

        if (result.Type != type || result.PlainLength > maxPlainLength)
            throw new RepositoryFormatException(key, ObjectHeader.Length, $"the object holds {result.Type} of {result.PlainLength} bytes, not {type} of at most {maxPlainLength}");
        if (!result.Compressed) return result.Payload(opened).ToArray();
        var plain = new byte[result.PlainLength];
        using var codec = new ZstdCodec();
        return codec.TryDecompress(result.Payload(opened), plain)
            ? plain
            : throw new RepositoryFormatException(key, ObjectHeader.Length, $"the content does not decompress to {plain.Length} bytes");
    }
}
