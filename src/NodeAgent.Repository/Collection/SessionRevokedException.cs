using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>A session was silent for so long that collection no longer waits for it. What it knew of the repository is void.</summary>
public sealed class SessionRevokedException(string session)
    : RepositoryException($"session {session} was held up for so long that collection took it for dead, and removed what it may have relied on; nothing was written, run it again");
