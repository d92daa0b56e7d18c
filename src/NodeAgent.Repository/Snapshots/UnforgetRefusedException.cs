using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Snapshots;

/// <summary>A snapshot cannot be brought back. The message says why.</summary>
public sealed class UnforgetRefusedException : RepositoryException
{
    internal UnforgetRefusedException(string message)
        : base(message)
    {
    }
}
