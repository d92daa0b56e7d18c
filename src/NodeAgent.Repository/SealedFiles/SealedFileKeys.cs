using System.Security.Cryptography;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.SealedFiles;

/// <summary>Makes the keys of sealed files out of a repository's root keys: whoever can open the repository can open them, also after its secret was changed. Thread-safe.</summary>
public sealed class SealedFileKeys : IDisposable
{
    private readonly RootKeys _keys;
    private readonly byte[] _repositoryId;

    internal SealedFileKeys(RootKeys keys, ReadOnlySpan<byte> repositoryId) => (_keys, _repositoryId) = (keys, repositoryId.ToArray());

    /// <summary>Unlocks a repository's root keys, and reads nothing else of it. The store stays the caller's.</summary>
    /// <exception cref="RepositoryNotFoundException">There is none.</exception>
    /// <exception cref="WrongKeyException">The secret opens none of its keys.</exception>
    /// <exception cref="RepositoryException">It cannot be read.</exception>
    public static async Task<SealedFileKeys> OpenAsync(IObjectStore store, RepositorySecret secret, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        var (config, keys, _) = await ChunkRepository.UnlockAsync(store, secret, cancellationToken);
        return new SealedFileKeys(keys, config.RepositoryId);
    }

    /// <summary>The header of a new file, with a salt of its own.</summary>
    public SealedFileHeader NewHeader(SealedFileForm form) => new(
        form, _repositoryId, new SessionIdentity(_keys.CurrentGeneration, CipherSuiteSelection.Preferred, RandomNumberGenerator.GetBytes(RootKeys.SaltLength)));

    /// <summary>The key of the file with this header. The caller disposes it.</summary>
    /// <param name="header">The file's.</param>
    /// <param name="where">The file, for messages.</param>
    /// <exception cref="InvalidDataException">It was sealed with keys that are not here.</exception>
    public SealedFileKey KeyOf(SealedFileHeader header, string where)
    {
        ArgumentNullException.ThrowIfNull(header);
        if (!header.RepositoryId.Span.SequenceEqual(_repositoryId))
        {
            throw new InvalidDataException(
                $"{where} is encrypted with the keys of repository {Convert.ToHexStringLower(header.RepositoryId.Span)}, and those of this location's repository {Convert.ToHexStringLower(_repositoryId)} do not open it: bring it back to the location that it was written in, or that location's folder plugins here");
        }

        if (!_keys.Contains(header.Session.Generation))
            throw new InvalidDataException($"{where} is encrypted with root key {header.Session.Generation} of its repository, made by a rotation that the key in use was left out of: use one that \"nodeagent repo key list\" calls current");
        Span<byte> key = stackalloc byte[RootKeys.KeyLength];
        try
        {
            _keys.DeriveSealedFileKey(header.Session.Generation, header.Session.Salt.Span, key);
            return new SealedFileKey(key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>Zeroes the root keys.</summary>
    public void Dispose() => _keys.Dispose();
}
