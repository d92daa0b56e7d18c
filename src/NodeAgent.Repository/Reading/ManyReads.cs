namespace NodeAgent.Repository.Reading;

/// <summary>Reads many small objects, some at a time: a store far away takes as long for one as for all of those.</summary>
internal static class ManyReads
{
    /// <summary>How many are read at once. The store may take fewer.</summary>
    public const int AtOnce = 16;

    /// <summary>What was read, in the order of what was asked for, as it comes; those after it are being read meanwhile.</summary>
    /// <param name="items">What is asked for.</param>
    /// <param name="read">Reads one, on any thread, some at once. The first that fails, in order, ends it, when those that were begun have ended.</param>
    public static async IAsyncEnumerable<TResult> ReadAsync<T, TResult>(IEnumerable<T> items, Func<T, Task<TResult>> read)
    {
        var begun = new Queue<Task<TResult>>();
        try
        {
            foreach (var item in items)
            {
                begun.Enqueue(read(item));
                if (begun.Count == AtOnce) yield return await begun.Dequeue();
            }

            while (begun.TryDequeue(out var next)) yield return await next;
        }
        finally
        {
            // Nobody reads any more when this has ended, and what failed beside the first is seen by somebody.
            await ((Task)Task.WhenAll(begun)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
