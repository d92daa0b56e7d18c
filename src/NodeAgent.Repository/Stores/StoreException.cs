using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Stores;

/// <summary>A store could not do what was asked. The message says what, where, why and what to do.</summary>
public sealed class StoreException : RepositoryException
{
    /// <param name="failure">The kind of failure.</param>
    /// <param name="operation">What was tried, such as "writing".</param>
    /// <param name="where">The object, with the store's location.</param>
    /// <param name="why">The reason as the system gave it.</param>
    /// <param name="hint">What to do; null for nothing sensible.</param>
    /// <param name="cause">The exception behind it.</param>
    public StoreException(StoreFailure failure, string operation, string where, string why, string? hint = null, Exception? cause = null)
        : base($"{operation} {where}: {why}{(hint is null ? "" : $" ({hint})")}", cause!) => Failure = failure;

    /// <summary>The kind of failure.</summary>
    public StoreFailure Failure { get; }
}
