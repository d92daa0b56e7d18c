using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.Requests;

/// <summary>Writes that a server refuses when they come later than a lifetime after a moment, both by its own clock.</summary>
internal interface IFencedWrites
{
    /// <param name="key">The object.</param>
    /// <param name="body">Its content.</param>
    /// <param name="takenAt">The moment.</param>
    /// <param name="lifetime">How long after it.</param>
    /// <param name="onDoubt">Told when something was sent whose answer never came.</param>
    /// <param name="cancellationToken">Stops it.</param>
    ValueTask<PutOutcome> PutFencedAsync(string key, ReadOnlyMemory<byte> body, DateTimeOffset takenAt, TimeSpan lifetime, Action onDoubt, CancellationToken cancellationToken);

    /// <inheritdoc cref="PutFencedAsync"/>
    ValueTask<bool> DeleteFencedAsync(string key, DateTimeOffset takenAt, TimeSpan lifetime, Action onDoubt, CancellationToken cancellationToken);
}
