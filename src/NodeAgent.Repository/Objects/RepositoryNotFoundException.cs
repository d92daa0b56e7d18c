namespace NodeAgent.Repository.Objects;

/// <summary>There is no repository at the place.</summary>
public sealed class RepositoryNotFoundException(string location)
    : RepositoryException($"there is no repository at {location}: check the path, or make one with \"nodeagent repo init\"");
