namespace NodeAgent.Repository.Stores;

/// <summary>
/// The right to write what was decided on by a look at the repository, for a time that does not depend on this process: a
/// writer that freezes between its look and its write must not be able to complete the write hours later, when others have
/// acted in the belief that it is gone. First take the fence, then look, then write through the fence.
/// </summary>
/// <remarks>
/// A remote store signs its requests for the moment at which the fence was taken, by the store's own clock, and the store refuses
/// them after the fence's lifetime. A directory store holds a lock, which ends with the process, and which those who must not act
/// meanwhile wait for.
/// </remarks>
public interface IFence : IAsyncDisposable
{
    /// <summary>
    /// Whether a request was sent whose answer never came: it may still take effect for as long as the fence reaches, even when a repetition of it was answered,
    /// or refused as too late, meanwhile.
    /// </summary>
    bool IsInDoubt { get; }

    /// <inheritdoc cref="IObjectStore.PutAsync"/>
    /// <exception cref="FenceExpiredException">The store refused it: the fence is too old. The object is not there; unless <see cref="IsInDoubt"/>, it does not come either.</exception>
    ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken);

    /// <inheritdoc cref="IObjectStore.DeleteAsync"/>
    /// <exception cref="FenceExpiredException">The store refused it: the fence is too old.</exception>
    ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken);
}
