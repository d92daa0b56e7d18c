using Microsoft.Extensions.Logging;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Queues;

/// <summary>
/// Workers that take keys from a queue and reconcile what they stand for. A key that fails is tried again after its backoff and
/// holds up no other. Reconcilers must be level-triggered: they are told that something may have changed, not what.
/// </summary>
/// <param name="name">For the log, such as the kind of the objects.</param>
/// <param name="queue">Belongs to the caller.</param>
public sealed class ReconcileLoop<TKey>(
    string name, WorkQueue<TKey> queue, Func<TKey, CancellationToken, Task<ReconcileResult>> reconcile, int workers, ILogger log)
    where TKey : notnull
{
    /// <summary>
    /// Works until cancelled, or until the queue is shut down and drained. Reconcilers under way get the cancellation and are waited
    /// for; keys that still wait then stay in the queue.
    /// </summary>
    public Task RunAsync(CancellationToken cancellation) => Task.WhenAll(Enumerable.Range(0, workers).Select(_ => WorkAsync(cancellation)));

    private async Task WorkAsync(CancellationToken cancellation)
    {
        try
        {
            while (await queue.TakeAsync(cancellation) is { HasKey: true } item)
            {
                try
                {
                    await ReconcileAsync(item.Key, cancellation);
                }
                finally
                {
                    queue.Done(item.Key);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The asked-for end.
        }
    }

    private async Task ReconcileAsync(TKey key, CancellationToken cancellation)
    {
        try
        {
            var result = await reconcile(key, cancellation);
            queue.Forget(key);
            if (result.RequeueAfter is { } delay) queue.AddAfter(key, delay);
        }
        catch (ApiException e) when (e.IsConflict)
        {
            log.Conflicted(name, $"{key}", queue.AddBackoff(key).TotalSeconds);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            log.Refused(name, $"{key}", queue.AddBackoff(key, (e as ApiException)?.RetryAfter ?? default).TotalSeconds, e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            // The top of a worker: whatever one object brings about must not stop the work on the others.
            log.Failed(name, $"{key}", queue.AddBackoff(key).TotalSeconds, e);
        }
    }
}
