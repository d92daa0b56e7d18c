using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;

namespace NodeAgent.Repository.Collection;

/// <summary>Seals the records of one session, and opens those of any.</summary>
internal interface IProtocolRecords
{
    /// <summary>The session that seals.</summary>
    string Session { get; }

    byte[] Seal(CollectionRecord record);

    byte[] Seal(SessionRecord record);

    /// <summary>Has the key at hand that a record was sealed under: the keys may have been rotated since this process began.</summary>
    ValueTask LearnKeyAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Opens a record of collection.</summary>
    /// <exception cref="RepositoryFormatException">It is damaged, or was not written by the session of its name.</exception>
    CollectionRecord OpenCollection(string key, byte[] content);

    /// <inheritdoc cref="OpenCollection"/>
    SessionRecord OpenSession(string key, byte[] content);
}
