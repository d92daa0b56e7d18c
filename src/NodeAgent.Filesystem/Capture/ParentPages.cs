using System.Collections.Concurrent;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// Reads pages of the parent snapshot. Every batch of names comes to the upper pages of its directory: one that is damaged is read once and not for each of them. What is found
/// does not depend on it, a damaged page stays as it is. Thread-safe.
/// </summary>
/// <param name="source">Where they are read.</param>
internal sealed class ParentPages(ChunkSource source)
{
    /// <summary>Reads of a page that fail for another reason than damage: the store may be away for a moment.</summary>
    public const int MostTries = 4;

    /// <summary>Pages that are remembered: some hundred bytes each.</summary>
    private const int MostFailures = 4096;

    private readonly ConcurrentDictionary<ChunkId, Failure> _failures = new();

    /// <summary>As <see cref="ChunkSource"/>.</summary>
    /// <exception cref="RepositoryException">The page is damaged or cannot be read, now or when it was read before.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(ChunkKind kind, ChunkId id, int maxLength, CancellationToken cancellationToken)
    {
        if (_failures.TryGetValue(id, out var failed) && failed.IsFinal) throw new RepositoryException(failed.Message);
        try
        {
            return await source(kind, id, maxLength, cancellationToken);
        }
        catch (RepositoryException failure)
        {
            var isDamage = failure is not StoreException { Failure: not StoreFailure.NotFound };
            if (_failures.Count < MostFailures || _failures.ContainsKey(id))
                _failures.AddOrUpdate(id, _ => new Failure(failure.Message, isDamage, 1), (_, before) => new Failure(failure.Message, isDamage, before.Tries + 1));
            throw;
        }
    }

    private sealed record Failure(string Message, bool IsDamage, int Tries)
    {
        public bool IsFinal => IsDamage || Tries >= MostTries;
    }
}
