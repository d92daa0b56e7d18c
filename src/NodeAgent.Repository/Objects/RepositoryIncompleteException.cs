namespace NodeAgent.Repository.Objects;

/// <summary>There are objects of a repository whose config is missing.</summary>
/// <param name="location">The place.</param>
/// <param name="remains">One of the objects.</param>
public sealed class RepositoryIncompleteException(string location, string remains)
    : RepositoryException($"{location} holds a repository whose config object is missing ({remains} and perhaps more is there): restore the object \"config\" from a copy, or choose another place; nothing was changed");
