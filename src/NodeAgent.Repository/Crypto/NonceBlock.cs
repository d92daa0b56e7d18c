using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NodeAgent.Repository.Crypto;

/// <summary>
/// The first 16 bytes of an envelope: session reference and counter, as one block of AES-256. A permutation of distinct
/// blocks is indistinguishable from random bytes, so a stored chunk shows neither where it starts nor who wrote it.
/// Not thread-safe.
/// </summary>
internal sealed class NonceBlock : IDisposable
{
    public const int Length = 16;

    private readonly Aes _aes;
    private readonly ICryptoTransform _encryptor;
    private readonly ICryptoTransform _decryptor;
    private readonly byte[] _block = new byte[Length];
    private readonly byte[] _result = new byte[Length];

    public NonceBlock(ReadOnlySpan<byte> key)
    {
        _aes = Aes.Create();

        // One block and never the same one twice: here ECB is the plain permutation that is wanted.
        _aes.Mode = CipherMode.ECB;
        _aes.Padding = PaddingMode.None;
        _aes.SetKey(key);
        _encryptor = _aes.CreateEncryptor();
        _decryptor = _aes.CreateDecryptor();
    }

    public void Seal(ulong sessionReference, ulong counter, Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_block, sessionReference);
        BinaryPrimitives.WriteUInt64LittleEndian(_block.AsSpan(8), counter);
        _encryptor.TransformBlock(_block, 0, Length, _result, 0);
        _result.CopyTo(destination);
    }

    public (ulong SessionReference, ulong Counter) Open(ReadOnlySpan<byte> source)
    {
        source[..Length].CopyTo(_block);
        _decryptor.TransformBlock(_block, 0, Length, _result, 0);
        return (BinaryPrimitives.ReadUInt64LittleEndian(_result), BinaryPrimitives.ReadUInt64LittleEndian(_result.AsSpan(8)));
    }

    public void Dispose()
    {
        _encryptor.Dispose();
        _decryptor.Dispose();
        _aes.Dispose();
    }
}
