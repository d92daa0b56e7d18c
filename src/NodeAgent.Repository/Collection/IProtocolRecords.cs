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

    /// <summary>Opens a record of collection.</summary>
    /// <exception cref="RepositoryFormatException">It is damaged, or was not written by the session of its name.</exception>
    CollectionRecord OpenCollection(string key, byte[] content);

    /// <inheritdoc cref="OpenCollection"/>
    SessionRecord OpenSession(string key, byte[] content);
}
