namespace NodeAgent.Repository.Objects;

/// <summary>Something is wrong with a repository or with the way it is asked for. The message is one line for people.</summary>
public class RepositoryException : Exception
{
    /// <summary>An error with its text.</summary>
    public RepositoryException(string message)
        : base(message)
    {
    }

    /// <summary>An error with its text and its cause.</summary>
    public RepositoryException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
