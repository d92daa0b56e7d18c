namespace NodeAgent.Repository.Objects;

/// <summary>Bytes of a repository are not what the format allows: damage, a foreign object, or an attack.</summary>
public sealed class RepositoryFormatException : RepositoryException
{
    /// <param name="objectKey">The object, or "tree chunk &lt;id&gt;" and the like for what is inside packs.</param>
    /// <param name="offset">Where in it.</param>
    /// <param name="why">What is wrong, without a full stop.</param>
    public RepositoryFormatException(string objectKey, long offset, string why)
        : base($"{objectKey} at byte {offset}: {why}")
    {
        ObjectKey = objectKey;
        Offset = offset;
        Why = why;
    }

    /// <summary>The object that is wrong.</summary>
    public string ObjectKey { get; }

    /// <summary>Where in it.</summary>
    public long Offset { get; }

    /// <summary>What is wrong.</summary>
    public string Why { get; }
}
