namespace NodeAgent.Repository.Objects;

/// <summary>The secret that was given opens none of the repository's key objects.</summary>
public sealed class WrongKeyException(string message) : RepositoryException(message);
