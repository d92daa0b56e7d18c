namespace NodeAgent.Repository.Objects;

/// <summary>A repository is already at the place; it was not touched.</summary>
public sealed class RepositoryExistsException(string location)
    : RepositoryException($"there is already a repository at {location}; it was not changed");
