using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>Index segments, read and made.</summary>
internal interface ISegmentRepository
{
    IObjectStore Store { get; }

    /// <exception cref="RepositoryFormatException">It is damaged or cannot be opened.</exception>
    Task<IndexSegment> ReadSegmentAsync(string key, CancellationToken cancellationToken);

    /// <summary>The object that a segment becomes, sealed by the own session.</summary>
    (string Key, byte[] Content) SealSegment(IndexSegment segment);
}
